"""Describe in words, and as JSON, what a run did."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.failure_advice import failure_advice
from midiprism.cli.render.removal_text import kept_text, removal_text, undo_lines
from midiprism.cli.render.terminal import (
    escape_unprintable,
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
_MIN_SONGS_FOR_RATE = 100
"""A rate of fewer songs is that of loading the splitter."""


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
        if summary.lost_track is not None:
            print_message(
                f"Tracks of the result are lost, such as {summary.lost_track}: `midiprism verify "
                f"{command.quoted_result} --repair` restores them."
            )
        return
    console = make_console(stderr=stderr)
    for line in summary_lines(summary, command, verbose=verbose):
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
        "archives_skipped": summary.archives_skipped,
        "junk_skipped": summary.junk_skipped,
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


def summary_lines(summary: "Summary", command: RepeatedCommand, *, verbose: bool) -> Iterator[str]:
    """Yield what was done, what failed, and what to do next."""
    yield _headline(summary, command.out)
    written = f"{format_size(summary.bytes_written)} written"
    for name, count, one, meaning in (("new tracks", summary.tracks_new, "", written), *_counts(summary)):
        if count:
            yield format_count(name, count, meaning, one=one)
    if summary.notices:
        yield "Noticed:"
        yield from (f"  {line}" for line in notice_lines(summary, verbose=verbose))
    if summary.has_failures:
        yield "Failed:"
        yield from (f"  {line}" for line in failure_lines(summary, verbose=verbose))
    yield from missing_lines(summary, command.quoted_result)
    if summary.lost_track is not None:
        yield f"Tracks of the result are lost, such as {printable_path(summary.lost_track)}. To restore them:"
        yield f"  midiprism verify {command.quoted_result} --repair"
    if summary.songs_with_loss and not summary.dry_run:
        yield "To list the songs that have lost music:"
        yield f"  midiprism status {command.quoted_result} --lost"
    if summary.state in ("interrupted", "stopped"):
        yield "Stopped before the end; what was done is kept. To continue:"
        yield f"  midiprism split {' '.join(map(shell_quote, command.sources))} -o {command.quoted_result}"
    elif not summary.dry_run and (summary.tracks or summary.nothing_new) and summary.songs_seen:
        yield "Next:"
        yield f"  midiprism list {command.quoted_result} family:bass"
        yield f"  midiprism export {command.quoted_result} --to by-song --by song"


def missing_lines(summary: "Summary", quoted_result: str) -> Iterator[str]:
    """Yield what became of songs that are gone, or a line for each source that lacks some."""
    removed = summary.removed
    if removed is not None:
        if removed.songs:
            yield f"Removed {removal_text(removed)}."
        if removed.songs_kept:
            yield kept_text(removed)
        yield from undo_lines(removed, quoted_result)
        return
    for lost in summary.missing:
        count, source = len(lost.song_ids), escape_unprintable(lost.shown_source)
        if lost.doubted:
            yield (
                f"{count:,} of the {lost.known:,} known songs of {source} are missing, so it may not be all "
                "there: they stay. If they are gone, --prune --yes removes them."
            )
        else:
            are = "is" if count == 1 else "are"
            yield (
                f"{pluralize(count, 'song')} {are} gone from {source}; --prune removes "
                f"{'it' if count == 1 else 'them'}."
            )


def _counts(summary: "Summary") -> tuple[tuple[str, int, str, str], ...]:
    """Return the counts of a run: a name, a number, the meaning of one, and the meaning of more."""
    return (
        (
            "duplicates",
            summary.tracks_duplicate,
            "known track, linked to its song",
            "known tracks, linked to their songs",
        ),
        (
            "skipped",
            summary.songs_skipped - summary.songs_copies,
            "song known already",
            "songs known already",
        ),
        (
            "moved",
            summary.songs_moved,
            "known song that was renamed or moved",
            "known songs that were renamed or moved",
        ),
        (
            "copies",
            summary.songs_copies - summary.songs_moved,
            "song with the content of another one",
            "songs with the content of another one",
        ),
        (
            "adopted",
            summary.songs_adopted,
            "song that its owner had split, left as it is",
            "songs that their owner had split, left as they are",
        ),
        (
            "lost music",
            summary.songs_with_loss,
            "song of which damage has cost music",
            "songs of which damage has cost music",
        ),
        (
            "ambiguous",
            summary.songs_with_other_metadata,
            "song is in several rows whose kept columns differ: it has those of the first",
            "songs are in several rows whose kept columns differ: they have those of the first",
        ),
        (
            "nulled",
            summary.values_nulled,
            "value that the owner's columns cannot hold, which is a problem of its song",
            "values that the owner's columns cannot hold; each is a problem of its song",
        ),
        (
            "replaced",
            summary.rows_replaced,
            "row of the owner's was taken out; `midiprism catalog undo` puts it back",
            "rows of the owner's were taken out; `midiprism catalog undo` puts them back",
        ),
        (
            "repaired",
            summary.songs_repaired,
            "song that was damaged and has been repaired",
            "songs that were damaged and have been repaired",
        ),
        ("no notes", summary.outcomes["no_notes"], "song without notes", "songs without notes"),
        ("failed", summary.songs_failed, "song that could not be split", "songs that could not be split"),
        (
            "unreadable",
            summary.folders_failed,
            "folder, archive or member of an archive that could not be read",
            "folders, archives and members of archives that could not be read",
        ),
        ("passed over", summary.results_skipped, "folder made by midiprism", "folders made by midiprism"),
        (
            "ignored",
            summary.markers_ignored,
            "file midiprism.json that midiprism did not write",
            "files midiprism.json that midiprism did not write",
        ),
        (
            "nested",
            summary.archives_skipped,
            "archive inside an archive, which is not read",
            "archives inside archives, which are not read",
        ),
        (
            "junk",
            summary.junk_skipped,
            "file that is empty, or that macOS or Windows made, passed over",
            "files that are empty, or that macOS or Windows made, passed over",
        ),
    )


def _headline(summary: "Summary", out: str) -> str:
    seconds = f"{summary.seconds:.1f} s"
    stopped = summary.state in ("interrupted", "stopped")
    if not summary.songs_seen:
        return (
            f"Stopped before any song was split. {seconds}"
            if stopped
            else "No MIDI files found (.mid .midi .kar .rmi .smf)."
        )
    if summary.nothing_new:
        known = f"{pluralize(summary.songs_seen, 'song')} known already"
        if summary.removed is not None and summary.removed.songs and not stopped:
            return f"Nothing new: {known}. {seconds}"
        if summary.lost_track is not None and not stopped:
            return f"No new song: {known}, nothing written. {seconds}"
        return f"{'Stopped' if stopped else 'Nothing to do'}: {known}, nothing written. {seconds}"
    if not summary.songs_split:
        return f"No song {'would be' if summary.dry_run else 'was'} split. {seconds}"
    action = f"{pluralize(summary.songs_split, 'song')} into {pluralize(summary.tracks, 'track')}"
    if summary.songs_split >= _MIN_SONGS_FOR_RATE and summary.working_seconds > 0:
        rate = f"{summary.songs_split / summary.working_seconds:,.0f} songs/s"
        if summary.compiling_seconds:
            rate = f"{summary.compiling_seconds:.1f} s of it to compile the splitter; {rate}"
        seconds += f" ({rate})"
    if summary.dry_run:
        return f"Would split {action} in {printable_path(out)}; nothing was written. {seconds}"
    return f"Split {action} in {printable_path(out)}. {seconds}"
