"""How far a run is, on standard error: a bar on a terminal, else a line every few seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

import typer

from midiprism.cli.terminal import clock, console

if TYPE_CHECKING:
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
    """Gives a listener for the time of a run."""
    with bar(sentence) as listener:
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


def sentence(progress: "Progress_") -> str:
    """Count, percent, rate, time left, tracks and failures."""
    rate = progress.seen / progress.seconds if progress.seconds > 0 else 0.0
    parts = [f"{progress.seen:,} songs"]
    if progress.total:
        left = max(0, progress.total - progress.seen)
        parts = [
            f"{progress.seen:,} of {progress.total:,} songs",
            f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %",
        ]
    parts.append(f"{rate:,.0f}/s")
    if progress.total and rate > 0:
        parts.append(f"{clock(left / rate)} left")
    parts += [f"{progress.tracks_new:,} new tracks", f"{progress.tracks_duplicate:,} duplicates"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    return ", ".join(parts)
