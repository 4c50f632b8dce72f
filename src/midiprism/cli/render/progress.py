"""Show progress on standard error: a bar on a terminal, else a line every few seconds."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from midiprism.cli.json_log import log_record
from midiprism.cli.render.terminal import escape_unprintable, format_clock, make_console, pluralize

if TYPE_CHECKING:
    from midiprism.metrics.snapshot import SampleWindow
    from midiprism.pipeline.progress import RunListener, RunProgress

_LINE_SECONDS = 5.0
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


ProgressT = TypeVar("ProgressT", bound=ProgressCounts)


@contextmanager
def show_run_progress() -> Iterator["RunListener"]:
    """Give a listener that shows how far a run is and what limits it."""
    bottleneck = BottleneckLine()

    def format_progress(progress: "RunProgress") -> str:
        return "\n".join(filter(None, (format_run_progress(progress), bottleneck.describe(progress))))

    with progress_bar(format_progress) as listener:
        yield listener


@contextmanager
def progress_bar(format_progress: Callable[[ProgressT], str]) -> Iterator[Callable[[ProgressT], None]]:
    """Give a listener that shows progress, in the words of ``format_progress``."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        printed_at = 0.0

        def print_line(progress: ProgressT) -> None:
            nonlocal printed_at
            if progress.seconds - printed_at >= _LINE_SECONDS:
                printed_at = progress.seconds
                text = format_progress(progress)
                facts = {
                    "seen": progress.seen,
                    "total": progress.total,
                    "seconds": round(progress.seconds, 3),
                }
                if not log_record("info", text, **facts):
                    typer.echo(text, err=True)

        yield print_line
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=8) as bar:
        task = bar.add_task("", total=None, state="")

        def update(progress: ProgressT) -> None:
            bar.update(task, total=progress.total, completed=progress.seen, state=format_progress(progress))

        yield update


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
