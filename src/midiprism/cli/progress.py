"""How far a run is, on standard error: a bar on a terminal, else a line every few seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from midiprism.cli.terminal import clock, console

if TYPE_CHECKING:
    from midiprism.run.progress import Listener
    from midiprism.run.progress import Progress as Progress_

_LINE_SECONDS = 5.0


@contextmanager
def shown() -> Iterator["Listener"]:
    """Gives a listener for the time of a run."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _Lines().show
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=screen, transient=True, refresh_per_second=8) as bar:
        task = bar.add_task("", total=None, state="")

        def show(progress: "Progress_") -> None:
            bar.update(task, total=progress.total, completed=progress.seen, state=sentence(progress))

        yield show


class _Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self) -> None:
        self._last = 0.0

    def show(self, progress: "Progress_") -> None:
        if progress.seconds - self._last >= _LINE_SECONDS:
            self._last = progress.seconds
            typer.echo(sentence(progress), err=True)


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
