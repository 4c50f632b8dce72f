"""How far a run is, on standard error: a bar on a terminal, else a line every few seconds."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from midiprism.cli.terminal import clean, clock, console, plural

if TYPE_CHECKING:
    from midiprism.meter.sample import Window
    from midiprism.run.progress import Listener
    from midiprism.run.progress import Progress as Progress_

_LINE_SECONDS = 5.0


class Stage(Protocol):
    """How far something is: so many seen of a total (None where nobody knows), after so many seconds."""

    @property
    def seen(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...


Far = TypeVar("Far", bound=Stage)


@contextmanager
def shown() -> Iterator["Listener"]:
    """Gives a listener for the time of a run, which says how far it is and what limits it."""
    limit = Limit()

    def told(progress: "Progress_") -> str:
        return "\n".join(filter(None, (sentence(progress), limit.words(progress))))

    with bar(told) as listener:
        yield listener


@contextmanager
def bar(sentence: Callable[[Far], str]) -> Iterator[Callable[[Far], None]]:
    """Gives a listener that shows how far something is, in the words of ``sentence``."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        last = 0.0

        def line(far: Far) -> None:
            nonlocal last
            if far.seconds - last >= _LINE_SECONDS:
                last = far.seconds
                typer.echo(sentence(far), err=True)

        yield line
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=screen, transient=True, refresh_per_second=8) as drawn:
        task = drawn.add_task("", total=None, state="")

        def show(far: Far) -> None:
            drawn.update(task, total=far.total, completed=far.seen, state=sentence(far))

        yield show


class Limit:
    """What limits a run, in words, found anew with each sample of it."""

    def __init__(self) -> None:
        self._at = 0.0
        self._words = ""

    def words(self, progress: "Progress_") -> str:
        """The resource that limits it, and how much of others is in use; nothing before that was measured."""
        window = progress.window
        if window is None or not window.parents:
            return ""
        if window.last.at != self._at:
            self._at = window.last.at
            self._words = self._found(window, progress.facts)
        return self._words

    def _found(self, window: "Window", facts: "Mapping[str, Any]") -> str:
        from midiprism.advise.bottleneck import find

        gauges = []
        if window.cores:
            gauges.append(f"processors {sum(window.cores) / len(window.cores):.0%}")
        for name in sorted(window.last.devices):
            busy = window.busy(name)
            if busy is not None:
                gauges.append(f"{clean(name)} {busy:.0%}")
        last = window.last
        gauges.append(f"{last.memory / 1e6:,.0f} MB")
        gauges.append(f"{last.in_flight} of {last.in_flight_most} batches")
        return f"{clean(find(window, facts).words)} | {', '.join(gauges)}"


def sentence(progress: "Progress_") -> str:
    """Count, percent, rate, time left, tracks and failures."""
    rate = progress.seen / progress.seconds if progress.seconds > 0 else 0.0
    parts = [plural(progress.seen, "song")]
    if progress.total:
        left = max(0, progress.total - progress.seen)
        parts = [
            f"{progress.seen:,} of {progress.total:,} songs",
            f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %",
        ]
    parts.append(f"{rate:,.0f}/s")
    if progress.total and rate > 0:
        parts.append(f"{clock(left / rate)} left")
    parts += [plural(progress.tracks_new, "new track"), plural(progress.tracks_duplicate, "duplicate")]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    return ", ".join(parts)
