"""What a split run did, for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import format_size, make_console, pluralize, printable_path, shell_quote

if TYPE_CHECKING:
    from midiprism.pipeline import Summary

_MAX_SHOWN = 5


def print_report(
    summary: "Summary", out: str, quoted_result: str, sources: list[str], *, verbose: bool, stderr: bool
) -> None:
    """Print what was done, what failed, and what to do next.

    Args:
        named: the result as a command takes it.
    """
    screen = make_console(stderr=stderr)
    for line in _lines(summary, out, quoted_result, sources, verbose=verbose):
        screen.print(line)


def failure_lines(summary: "Summary", *, verbose: bool) -> Iterator[str]:
    """A line for each of the first failures, or for all that are remembered, and one for the rest."""
    shown = summary.failures if verbose else summary.failures[:_MAX_SHOWN]
    for failure in shown:
        yield f"{printable_path(failure.path)}: {failure.message} ({failure.code})"
    rest = summary.songs_failed + summary.folders_failed - len(shown)
    if rest > 0:
        yield f"and {rest:,} more" + ("" if verbose else "; --verbose names more of them")


def _lines(
    summary: "Summary", out: str, quoted_result: str, sources: list[str], *, verbose: bool
) -> Iterator[str]:
    yield _headline(summary, out)
    counts = (
        ("new tracks", summary.tracks_new, f"{format_size(summary.bytes_written)} written"),
        ("duplicates", summary.tracks_duplicate, "known tracks, recorded for their songs"),
        ("skipped", summary.songs_skipped, "songs known already"),
        ("adopted", summary.songs_adopted, "songs that their owner had split, left as they are"),
        ("nulled", summary.values_nulled, "values that the owner's columns cannot hold; the songs say which"),
        ("repaired", summary.songs_repaired, "songs that were damaged and could be mended"),
        ("no notes", summary.outcomes["no_notes"], "songs in which nothing plays"),
        ("failed", summary.songs_failed, "songs that could not be split"),
        (
            "unreadable",
            summary.folders_failed,
            "folders, archives and members of archives that were not read",
        ),
        ("passed over", summary.results_skipped, "folders that midiprism made"),
        ("nested", summary.archives_skipped, "archives in archives, which are not entered"),
    )
    for name, count, meaning in counts:
        if count:
            yield f"  {name:<12} {count:>10,}  {meaning}"
    if summary.has_failures:
        yield "Failed:"
        yield from (f"  {line}" for line in failure_lines(summary, verbose=verbose))
    if summary.state in ("interrupted", "stopped"):
        yield "Stopped before the end; what is counted here is kept. To go on:"
        yield f"  midiprism split {' '.join(map(shell_quote, sources))} -o {quoted_result}"
    elif not summary.dry_run and summary.songs_seen:
        yield "Next:"
        yield f"  midiprism list {quoted_result} --instrument bass"
        yield f"  midiprism export {quoted_result} --to by-song --by song"


def _headline(summary: "Summary", out: str) -> str:
    seconds = f"{summary.seconds:.1f} s ({summary.songs_per_second:,.0f} songs/s)"
    where = printable_path(out)
    if not summary.songs_seen:
        return "No MIDI files found (.mid .midi .kar .rmi .smf)."
    if summary.nothing_new:
        return f"Nothing to do: {pluralize(summary.songs_seen, 'song')} known already, nothing written. {seconds}"
    songs = pluralize(summary.songs_done - summary.songs_adopted, "song")
    what = f"{songs} into {pluralize(summary.tracks, 'track')}"
    if summary.dry_run:
        return f"Would split {what} in {where}; nothing was written. {seconds}"
    return f"Split {what} in {where}. {seconds}"
