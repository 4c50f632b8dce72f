"""What a split run did, for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from midiprism.cli.terminal import clean_path, console, plural, quoted, size

if TYPE_CHECKING:
    from midiprism.run import Summary

_SHOWN = 5


def report(
    summary: "Summary", out: str, named: str, sources: list[str], *, verbose: bool, stderr: bool
) -> None:
    """Print what was done, what failed, and what to do next.

    Args:
        named: the result as a command takes it.
    """
    screen = console(stderr=stderr)
    for line in _lines(summary, out, named, sources, verbose=verbose):
        screen.print(line)


def failures(summary: "Summary", *, everything: bool) -> Iterator[str]:
    """A line for each of the first failures, or for all that are remembered, and one for the rest."""
    shown = summary.failures if everything else summary.failures[:_SHOWN]
    for failure in shown:
        yield f"{clean_path(failure.path)}: {failure.message} ({failure.code})"
    rest = summary.parents_failed + summary.folders_failed - len(shown)
    if rest > 0:
        yield f"and {rest:,} more" + ("" if everything else "; --verbose names more of them")


def _lines(summary: "Summary", out: str, named: str, sources: list[str], *, verbose: bool) -> Iterator[str]:
    yield _headline(summary, out)
    counts = (
        ("new tracks", summary.tracks_new, f"{size(summary.bytes_written)} written"),
        ("duplicates", summary.tracks_duplicate, "known tracks, recorded for their songs"),
        ("skipped", summary.parents_skipped, "songs known already"),
        ("adopted", summary.parents_adopted, "songs that their owner had split, left as they are"),
        ("nulled", summary.values_nulled, "values that the owner's columns cannot hold; the songs say which"),
        ("repaired", summary.parents_repaired, "songs that were damaged and could be mended"),
        ("no notes", summary.outcomes["no_notes"], "songs in which nothing plays"),
        ("failed", summary.parents_failed, "songs that could not be split"),
        (
            "unreadable",
            summary.folders_failed,
            "folders, archives and members of archives that were not read",
        ),
        ("passed over", summary.results_passed, "folders that midiprism made"),
        ("nested", summary.archives_passed, "archives in archives, which are not entered"),
    )
    for name, count, meaning in counts:
        if count:
            yield f"  {name:<12} {count:>10,}  {meaning}"
    if summary.failed:
        yield "Failed:"
        yield from (f"  {line}" for line in failures(summary, everything=verbose))
    if summary.state in ("interrupted", "stopped"):
        yield "Stopped before the end; what is counted here is kept. To go on:"
        yield f"  midiprism split {' '.join(map(quoted, sources))} -o {named}"
    elif not summary.dry_run and summary.parents_seen:
        yield "Next:"
        yield f"  midiprism list {named} --instrument bass"
        yield f"  midiprism export {named} --to by-song --by song"


def _headline(summary: "Summary", out: str) -> str:
    seconds = f"{summary.seconds:.1f} s ({summary.parents_per_second:,.0f} songs/s)"
    where = clean_path(out)
    if not summary.parents_seen:
        return "No MIDI files found (.mid .midi .kar .rmi .smf)."
    if summary.wrote_nothing:
        return (
            f"Nothing to do: {plural(summary.parents_seen, 'song')} known already, nothing written. {seconds}"
        )
    songs = plural(summary.parents_done - summary.parents_adopted, "song")
    what = f"{songs} into {plural(summary.tracks, 'track')}"
    if summary.dry_run:
        return f"Would split {what} in {where}; nothing was written. {seconds}"
    return f"Split {what} in {where}. {seconds}"
