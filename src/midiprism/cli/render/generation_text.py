"""The words and the JSON about results in object storage."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from midiprism.cli.render.cost_text import dollars_to_json, usage_lines
from midiprism.cli.render.progress import ProgressDisplay, progress_bar
from midiprism.cli.render.status_text import OUTCOME_MEANINGS
from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_count,
    format_size,
    make_console,
    pluralize,
    print_message,
    shell_quote,
)

if TYPE_CHECKING:
    from midiprism.generations.plan import Plan
    from midiprism.generations.prices import Prices
    from midiprism.generations.run_parts import GenerationProgress
    from midiprism.generations.status import FailedSong, GenerationStatus
    from midiprism.generations.summary import GenerationSummary
    from midiprism.generations.verify import Verification

PASS_NAMES = {
    "a": "reading and splitting",
    "s": "finding songs that stay",
    "t": "finding tracks that stay",
    "b": "comparing digests",
    "c": "writing tracks",
}


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
        f"Generation {progress.generation}, {PASS_NAMES[progress.pass_name]}: {progress.done:,} of "
        f"{pluralize(progress.tasks, 'task')}"
    )
    return f"{text}, {pluralize(shown.songs, 'song')} here" if shown.songs else text


def announce_redo(plan: "Plan") -> None:
    """Say that a generation splits songs again."""
    songs, source = pluralize(plan.song_count, "song"), escape_unprintable(plan.source)
    print_message(
        f"Generation {plan.number} splits {songs} of {source} by version {plan.contract} of the split "
        "contract, also those that were split before. Until it is committed, the generation before holds; "
        "songs that are gone stay as they are."
    )


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
        yield from _skipped_lines(summary)
        return
    if summary.songs_planned:
        songs = pluralize(summary.songs_planned, "song")
        yield f"Done: {songs} split into {url}, generation {summary.generation}."
    else:
        yield f"Nothing is new: {url} is up to date with generation {summary.generation}."
    yield ""
    yield from _count_lines(summary.outcomes, summary.tracks, summary.links)
    if summary.songs_gone:
        paths = pluralize(summary.songs_gone, "path")
        yield f"{paths} of the result are gone from the source: --prune removes their songs."
    yield from _skipped_lines(summary)
    yield ""
    yield from usage_lines(summary.usage, prices)


def _skipped_lines(summary: "GenerationSummary") -> Iterator[str]:
    for folder in summary.results_skipped:
        name = escape_unprintable(folder)
        yield f"{name}: It is skipped: midiprism made it, as a result or an exported tree."


def _count_lines(outcomes: Mapping[str, int], tracks: int, links: int) -> Iterator[str]:
    for name, count in outcomes.items():
        yield format_count(name, count, OUTCOME_MEANINGS.get(name, ""))
    yield format_count("tracks", tracks, "each stored once")
    yield format_count("links", links, "from songs to their tracks")


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


def status_lines(status: "GenerationStatus") -> Iterator[str]:
    """Yield the state of a result, line by line."""
    url, manifest, opened = (
        escape_unprintable(status.result.storage.url),
        status.manifest,
        status.open_generation,
    )
    if manifest.number:
        files = pluralize(len(manifest.files), "file")
        yield f"{url}: generation {manifest.number}, {files} with {format_size(status.size)}."
        yield ""
        yield from _count_lines(manifest.outcomes, manifest.rows("tracks"), manifest.rows("links"))
        if status.groups is not None:
            yield format_count("groups", status.groups.groups, "of songs, none in two folds")
    else:
        yield f"{url}: no generation is committed yet."
    if opened is None:
        return
    yield ""
    yield f"Generation {opened.number} is open, with {pluralize(opened.songs, 'song')}:"
    for state in opened.passes:
        yield f"  {PASS_NAMES[state.name]}: {state.done:,} of {pluralize(state.tasks, 'task')}"
    source = shell_quote(opened.source)
    yield f"`midiprism work {shell_quote(status.result.storage.url)} --source {source}` continues it."


def status_to_json(status: "GenerationStatus") -> dict[str, Any]:
    """Return the state of a result as the values of a JSON object."""
    manifest, opened, identity = status.manifest, status.open_generation, status.result.identity
    return {
        "url": status.result.storage.url,
        "by": identity.by,
        "context": identity.context,
        "contract": manifest.contract if manifest.number else identity.contract,
        "generation": manifest.number,
        "outcomes": manifest.outcomes,
        "tracks": manifest.rows("tracks"),
        "links": manifest.rows("links"),
        "groups": None if status.groups is None else status.groups.groups,
        "files": len(manifest.files),
        "bytes": status.size,
        "open": None
        if opened is None
        else {
            "generation": opened.number,
            "songs": opened.songs,
            "source": opened.source,
            "passes": {state.name: {"done": state.done, "tasks": state.tasks} for state in opened.passes},
        },
    }


def failed_song_line(song: "FailedSong") -> str:
    """Return outcome, code, message and path of a song that failed, separated by tabs."""
    return "\t".join(
        [song.outcome, song.code, escape_unprintable(song.message), escape_unprintable(song.path)]
    )


class FileProgress(NamedTuple):
    """Progress over the files of a result, as displays take it."""

    seen: int
    total: int
    seconds: float


def _format_files(progress: FileProgress) -> str:
    return f"{progress.seen:,} of {pluralize(progress.total, 'file')}"


@contextmanager
def show_file_progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how many files are checked or read, of how many."""
    if quiet:
        yield lambda _done, _total: None
        return
    began = time.monotonic()
    with progress_bar(_format_files) as bar:
        yield lambda done, total: bar(FileProgress(done, total, time.monotonic() - began))


def damage_lines(verification: "Verification") -> Iterator[str]:
    """Yield what a check found, line by line."""
    url = escape_unprintable(verification.url)
    if not verification.generation:
        yield f"{url} has no generation that is committed."
        return
    checked = f"{pluralize(verification.files, 'file')} and {pluralize(verification.tracks, 'track')}"
    if not verification.damage:
        yield f"{url} is complete and undamaged: generation {verification.generation}, {checked} checked."
        return
    yield f"{url} is damaged: generation {verification.generation}, {checked} checked."
    for damage in verification.damage:
        name, message = escape_unprintable(damage.name), escape_unprintable(damage.message)
        yield f"  {name}: {message}" if name else f"  {message}"
    of_groups = [damage.is_of_groups for damage in verification.damage]
    if not all(of_groups):
        yield "Split its songs into another URL, which leaves this one as it is."
    if any(of_groups):
        from midiprism.generations.layout import groups_key

        yield f"Remove {url}/{groups_key(verification.generation)}, and make the groups of songs again:"
        yield f"  midiprism groups {shell_quote(verification.url)}"


def verification_to_json(verification: "Verification") -> dict[str, Any]:
    """Return what a check found as the values of a JSON object."""
    facts = {"ok": not verification.damage, **verification._asdict()}
    return {**facts, "damage": [damage._asdict() for damage in verification.damage]}
