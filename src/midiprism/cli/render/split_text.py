"""Describe in words, and as JSON, what a run did."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.failure_advice import failure_advice
from midiprism.cli.render.terminal import (
    format_count,
    format_size,
    make_console,
    pluralize,
    print_message,
    printable_path,
    shell_quote,
)

if TYPE_CHECKING:
    from midiprism.pipeline import Summary

_MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RepeatedCommand:
    """The arguments of the commands that are printed as next steps.

    Attributes:
        out: the folder of the result.
        quoted_result: the result as the arguments of a command.
        sources: the sources and their options, as arguments of ``split``.
    """

    out: str
    quoted_result: str
    sources: tuple[str, ...]


def print_summary(
    summary: "Summary", command: RepeatedCommand, *, quiet: bool, verbose: bool, stderr: bool
) -> None:
    """Print what was done, what failed, and what to do next; if quiet, only what failed."""
    if quiet:
        if summary.has_failures:
            for line in failure_lines(summary, verbose=verbose):
                print_message(line)
        return
    console = make_console(stderr=stderr)
    for line in _lines(summary, command, verbose=verbose):
        console.print(line)


def summary_to_json(summary: "Summary") -> dict[str, Any]:
    """Return what a run did for ``--json``."""
    return {
        "state": summary.state,
        "dry_run": summary.dry_run,
        "by": summary.by,
        "context": summary.context,
        **summary.totals(),
        "results_skipped": summary.results_skipped,
        "markers_ignored": summary.markers_ignored,
        "catalog": None if summary.dry_run else summary.catalog,
        "run_id": summary.run_id,
    }


def failure_lines(summary: "Summary", *, verbose: bool) -> Iterator[str]:
    """Yield a line for each of the first failures (if verbose, of all recorded), and one for the rest."""
    shown = summary.failures if verbose else summary.failures[:_MAX_SHOWN]
    for failure in shown:
        advice = failure_advice(failure.code)
        yield f"{printable_path(failure.path)}: {failure.message} ({failure.code}" + (
            f": {advice})" if advice else ")"
        )
    hidden = summary.songs_failed + summary.folders_failed - len(shown)
    if hidden > 0:
        yield f"and {hidden:,} more" + ("" if verbose else "; --verbose lists more of them")


def notice_lines(summary: "Summary", *, verbose: bool) -> Iterator[str]:
    """Yield a line for each of the first folders that were skipped or have a foreign marker."""
    shown = summary.notices if verbose else summary.notices[:_MAX_SHOWN]
    for notice in shown:
        yield f"{printable_path(notice.path)}: {notice.message}"
    if len(shown) < len(summary.notices):
        yield f"and {len(summary.notices) - len(shown):,} more; --verbose lists more of them"


def _lines(summary: "Summary", command: RepeatedCommand, *, verbose: bool) -> Iterator[str]:
    yield _headline(summary, command.out)
    counts = (
        ("new tracks", summary.tracks_new, f"{format_size(summary.bytes_written)} written"),
        ("duplicates", summary.tracks_duplicate, "known tracks, linked to their songs"),
        ("skipped", summary.songs_skipped, "songs known already"),
        ("adopted", summary.songs_adopted, "songs that their owner had split, left as they are"),
        (
            "nulled",
            summary.values_nulled,
            "values that the owner's columns cannot hold; each is a problem of its song",
        ),
        ("repaired", summary.songs_repaired, "songs that were damaged and have been repaired"),
        ("no notes", summary.outcomes["no_notes"], "songs without notes"),
        ("failed", summary.songs_failed, "songs that could not be split"),
        (
            "unreadable",
            summary.folders_failed,
            "folders, archives and members of archives that could not be read",
        ),
        ("passed over", summary.results_skipped, "folders made by midiprism"),
        ("ignored", summary.markers_ignored, "files midiprism.json that midiprism did not write"),
        ("nested", summary.archives_skipped, "archives inside archives, which are not read"),
    )
    for name, count, meaning in counts:
        if count:
            yield format_count(name, count, meaning)
    if summary.notices:
        yield "Noticed:"
        yield from (f"  {line}" for line in notice_lines(summary, verbose=verbose))
    if summary.has_failures:
        yield "Failed:"
        yield from (f"  {line}" for line in failure_lines(summary, verbose=verbose))
    if summary.state in ("interrupted", "stopped"):
        yield "Stopped before the end; what was done is kept. To continue:"
        yield f"  midiprism split {' '.join(map(shell_quote, command.sources))} -o {command.quoted_result}"
    elif not summary.dry_run and summary.songs_seen:
        yield "Next:"
        yield f"  midiprism list {command.quoted_result} --instrument bass"
        yield f"  midiprism export {command.quoted_result} --to by-song --by song"


def _headline(summary: "Summary", out: str) -> str:
    seconds = f"{summary.seconds:.1f} s ({summary.songs_per_second:,.0f} songs/s)"
    folder = printable_path(out)
    if not summary.songs_seen:
        return "No MIDI files found (.mid .midi .kar .rmi .smf)."
    if summary.nothing_new:
        known = f"{pluralize(summary.songs_seen, 'song')} known already"
        return f"Nothing to do: {known}, nothing written. {seconds}"
    songs = pluralize(summary.songs_done - summary.songs_adopted, "song")
    action = f"{songs} into {pluralize(summary.tracks, 'track')}"
    if summary.dry_run:
        return f"Would split {action} in {folder}; nothing was written. {seconds}"
    return f"Split {action} in {folder}. {seconds}"
