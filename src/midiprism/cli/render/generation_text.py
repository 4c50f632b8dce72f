"""The words and the JSON about results in object storage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from midiprism.cli.render.cost_text import dollars_to_json, usage_lines
from midiprism.cli.render.progress import ProgressDisplay, progress_bar
from midiprism.cli.render.terminal import escape_unprintable, format_count, make_console, pluralize

if TYPE_CHECKING:
    from midiprism.generations.prices import Prices
    from midiprism.generations.run import GenerationProgress, GenerationSummary

_PASSES = {"a": "reading and splitting", "b": "comparing digests", "c": "writing tracks"}


class ShownProgress(NamedTuple):
    """Progress of a pass, as displays take it."""

    seen: int
    total: int
    seconds: float
    songs: int
    progress: "GenerationProgress"


class GenerationDisplay:
    """Shows the progress of a run.

    Attributes:
        bar: on which it is shown; None if it is not.
    """

    def __init__(self, bar: ProgressDisplay[ShownProgress] | None) -> None:
        self.bar = bar
        self._began = time.monotonic()
        self._songs = 0
        self._last: GenerationProgress | None = None

    def show(self, progress: "GenerationProgress") -> None:
        """Show how many tasks are done."""
        if self._last is None or self._last.pass_name != progress.pass_name:
            self._songs = 0
        self._last = progress
        self._update()

    def add_songs(self, count: int) -> None:
        """Show that so many more songs are split."""
        self._songs += count
        self._update()

    def _update(self) -> None:
        if self.bar is not None and self._last is not None:
            seconds = time.monotonic() - self._began
            self.bar(ShownProgress(self._last.done, self._last.tasks, seconds, self._songs, self._last))


@contextmanager
def show_generation_progress(*, quiet: bool) -> Iterator[GenerationDisplay]:
    """Give a display of the progress of a run, which shows nothing if it is quiet."""
    if quiet:
        yield GenerationDisplay(None)
        return
    with progress_bar(format_generation_progress) as bar:
        yield GenerationDisplay(bar)


def format_generation_progress(shown: ShownProgress) -> str:
    """Return the progress of a generation in words."""
    progress = shown.progress
    text = (
        f"Generation {progress.generation}, {_PASSES[progress.pass_name]}: {progress.done:,} of "
        f"{pluralize(progress.tasks, 'task')}"
    )
    return f"{text}, {pluralize(shown.songs, 'song')} here" if shown.songs else text


def print_generation(
    summary: "GenerationSummary | None", prices: "Prices", *, quiet: bool, stderr: bool
) -> None:
    """Print the state of a result after a run, and what the run has used; None if there was nothing to do."""
    if quiet:
        return
    console = make_console(stderr=stderr)
    for line in summary_lines(summary, prices):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def summary_lines(summary: "GenerationSummary | None", prices: "Prices") -> Iterator[str]:
    """Yield the state of a result after a run, line by line."""
    if summary is None:
        yield "Nothing is open: the newest generation is committed, or none is planned yet."
        return
    url = escape_unprintable(summary.url)
    if not summary.generation:
        yield f"There are no songs to split, and {url} holds none."
        return
    if summary.songs_planned:
        songs = pluralize(summary.songs_planned, "song")
        yield f"Done: {songs} split into {url}, generation {summary.generation}."
    else:
        yield f"Nothing is new: {url} is up to date with generation {summary.generation}."
    yield ""
    for name, count in summary.outcomes.items():
        yield format_count(name, count, "songs")
    yield format_count("tracks", summary.tracks, "each stored once")
    yield format_count("links", summary.links, "from songs to their tracks")
    if summary.songs_gone:
        paths = pluralize(summary.songs_gone, "path")
        yield f"{paths} of the result are gone from the source: --prune removes their songs."
    yield ""
    yield from usage_lines(summary.usage, prices)


def summary_to_json(summary: "GenerationSummary | None", prices: "Prices") -> dict[str, Any]:
    """Return the state of a result after a run as the values of a JSON object."""
    if summary is None:
        return {"generation": None}
    return {
        **asdict(summary),
        "songs_failed": summary.songs_failed,
        "usage": summary.usage.as_json(),
        **dollars_to_json(summary.usage, prices),
    }
