"""Show progress on standard error: a bar on a terminal, else a line every few seconds."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import typer

from midiprism.cli.json_log import log_record
from midiprism.cli.render.terminal import escape_unprintable, format_clock, make_console, pluralize

if TYPE_CHECKING:
    from rich.progress import Progress

    from midiprism.metrics.snapshot import SampleWindow
    from midiprism.pipeline.progress import RunProgress

_LINE_SECONDS = 5.0
_COMPILING_LINE_SECONDS = 15.0
_COMPILING = "Compiling the splitter to machine code"
_COMPILING_TIME = "once per installation; a minute or two on a slow or busy machine"
_MIN_SECONDS_OF_WORK = 5.0
"""Until then it is the start of the run that limits it."""


class ProgressCounts(Protocol):
    """Progress: the number seen of a total (None if unknown) after a number of seconds."""

    @property
    def seen(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...


ProgressT = TypeVar("ProgressT", bound=ProgressCounts, contravariant=True)


class ProgressDisplay(Protocol[ProgressT]):
    """Shows the progress of work."""

    def __call__(self, progress: ProgressT) -> None:
        """Show how far the work is."""

    def show_compiling(self, seconds: float) -> None:
        """Show that the splitter is being compiled before the work begins, for so long already."""


@contextmanager
def show_run_progress() -> Iterator["ProgressDisplay[RunProgress]"]:
    """Give a display of how far a run is and what limits it."""
    bottleneck = BottleneckLine()

    def format_progress(progress: "RunProgress") -> str:
        return "\n".join(filter(None, (format_run_progress(progress), bottleneck.describe(progress))))

    with progress_bar(format_progress) as display:
        yield display


@contextmanager
def progress_bar(format_progress: Callable[[ProgressT], str]) -> Iterator[ProgressDisplay[ProgressT]]:
    """Give a display of progress, in the words of ``format_progress``."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines(format_progress)
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=8) as bar:
        yield _ProgressBar(bar, format_progress)


class _ProgressLines(Generic[ProgressT]):
    """Prints a line every few seconds."""

    def __init__(self, format_progress: Callable[[ProgressT], str]) -> None:
        self._format_progress = format_progress
        self._printed_at = 0.0
        self._compiling_printed_at = 0.0

    def __call__(self, progress: ProgressT) -> None:
        if progress.seconds - self._printed_at < _LINE_SECONDS:
            return
        self._printed_at = progress.seconds
        facts = {"seen": progress.seen, "total": progress.total, "seconds": round(progress.seconds, 3)}
        _print_line(self._format_progress(progress), **facts)

    def show_compiling(self, seconds: float) -> None:
        if seconds == 0:
            _print_line(f"{_COMPILING}, {_COMPILING_TIME} ...")
        elif seconds - self._compiling_printed_at >= _COMPILING_LINE_SECONDS:
            self._compiling_printed_at = seconds
            _print_line(f"{_COMPILING}: {format_clock(seconds)} so far.")


class _ProgressBar(Generic[ProgressT]):
    """Draws a bar on a terminal."""

    def __init__(self, bar: "Progress", format_progress: Callable[[ProgressT], str]) -> None:
        self._bar = bar
        self._format_progress = format_progress
        self._task = bar.add_task("", total=None, state="")

    def __call__(self, progress: ProgressT) -> None:
        state = self._format_progress(progress)
        self._bar.update(self._task, total=progress.total, completed=progress.seen, state=state)

    def show_compiling(self, seconds: float) -> None:
        state = f"{_COMPILING}: {format_clock(seconds)}\n{_COMPILING_TIME}"
        self._bar.update(self._task, state=state)


def _print_line(text: str, **facts: Any) -> None:
    if not log_record("info", text, **facts):
        typer.echo(text, err=True)


class BottleneckLine:
    """A line that names the bottleneck of a run, updated with each sample of the run."""

    def __init__(self) -> None:
        self._sampled_at = 0.0
        self._text = ""

    def describe(self, progress: "RunProgress") -> str:
        """Return the bottleneck and how busy the resources are; nothing before there is a measurement."""
        window = progress.window
        if window is None or not window.songs or progress.seconds < _MIN_SECONDS_OF_WORK:
            return ""
        if window.last.elapsed_seconds != self._sampled_at:
            self._sampled_at = window.last.elapsed_seconds
            self._text = self._describe_window(window, progress.recorded_settings)
        return self._text

    def _describe_window(self, window: "SampleWindow", settings: "Mapping[str, Any]") -> str:
        from midiprism.advise.bottleneck import find_bottleneck
        from midiprism.advise.model.run_facts import RunFacts

        gauges = []
        if window.core_utilization:
            gauges.append(f"processors {sum(window.core_utilization) / len(window.core_utilization):.0%}")
        for name in sorted(window.last.devices):
            busy = window.device_utilization(name)
            if busy is not None:
                gauges.append(f"{escape_unprintable(name)} {busy:.0%}")
        last = window.last
        gauges.append(f"{last.memory_bytes / 1e6:,.0f} MB")
        gauges.append(f"{last.in_flight} of {last.in_flight_limit} batches")
        bottleneck = find_bottleneck(window, RunFacts.from_settings(settings))
        return f"{escape_unprintable(bottleneck.summary)} | {', '.join(gauges)}"


def format_run_progress(progress: "RunProgress") -> str:
    """Return count, percent, rate, time left, tracks and failures in words."""
    rate = progress.seen / progress.seconds if progress.seconds > 0 else 0.0
    parts = [pluralize(progress.seen, "song")]
    if progress.total:
        left = max(0, progress.total - progress.seen)
        parts = [
            f"{progress.seen:,} of {pluralize(progress.total, 'song')}",
            f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %",
        ]
    parts.append(f"{rate:,.0f}/s")
    if progress.total and rate > 0:
        parts.append(f"{format_clock(left / rate)} left")
    parts += [pluralize(progress.tracks_new, "new track"), pluralize(progress.tracks_duplicate, "duplicate")]
    if progress.tracks_ahead:
        parts.append(f"{progress.tracks_ahead:,} more written for the next songs")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    return ", ".join(parts)
