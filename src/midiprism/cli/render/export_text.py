"""Print what an export did."""

from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import format_size, make_console, pluralize, print_message, printable_path

if TYPE_CHECKING:
    from midiprism.export.data_set import DataSetExport
    from midiprism.export.export import Export

_MAX_SHOWN = 5


def print_export(summary: "Export", quoted_result: str, *, quiet: bool, stderr: bool) -> None:
    """Print the failures and, unless quiet, what was written.

    Args:
        quoted_result: the result as the arguments of a command.
    """
    for path, message in summary.failures[:_MAX_SHOWN]:
        print_message(f"{path}: {message}")
    hidden = summary.files_differing + summary.files_failed - _MAX_SHOWN
    if hidden > 0:
        print_message(f"and {hidden:,} more.")
    if summary.tracks_lost:
        are = "1 track is" if summary.tracks_lost == 1 else f"{summary.tracks_lost:,} tracks are"
        print_message(f"{are} lost or damaged in the result: `midiprism verify {quoted_result} --repair`.")
    if quiet:
        return
    verb = "Would write" if summary.dry_run else "Wrote"
    size = format_size(summary.bytes)
    console = make_console(stderr=stderr)
    console.print(
        f"{verb} {pluralize(summary.files_new, 'file')} ({size}) in {printable_path(summary.to)}; "
        f"{summary.files_unchanged:,} were there already. {summary.seconds:.1f} s"
    )
    if summary.files_pruned:
        verb = "Would remove" if summary.dry_run else "Removed"
        console.print(f"{verb} {_outdated(summary.files_pruned)}.")
    if summary.files_outdated:
        them = "it" if summary.files_outdated == 1 else "them"
        console.print(f"{_outdated(summary.files_outdated)} left here; --prune removes {them}.")


def _outdated(count: int) -> str:
    songs = (
        "a song that is gone, renamed or changed" if count == 1 else "songs that are gone, renamed or changed"
    )
    return f"{pluralize(count, 'file')} of {songs}"


def print_data_set(summary: "DataSetExport", result: str, *, quiet: bool, stderr: bool) -> None:
    """Print what an export of a data set did, and what is missing in it.

    Args:
        result: the result as arguments of a command.
    """
    if summary.stopped:
        print_message("Stopped before the end: the data set is not whole. The same command begins again.")
        return
    if summary.tracks_without_facts:
        print_message(
            f"Facts were not computed for {pluralize(summary.tracks_without_facts, 'track')}: "
            f"`midiprism features {result}` computes them for the next export."
        )
    if quiet:
        return
    verb = "Would write" if summary.dry_run else "Wrote"
    size = "" if summary.dry_run else f" ({format_size(summary.bytes)})"
    counts = [pluralize(summary.tracks, "track"), pluralize(summary.links, "link")]
    make_console(stderr=stderr).print(
        f"{verb} {', '.join(counts)} and {pluralize(summary.songs, 'song')}{size} to "
        f"{printable_path(summary.to)}. {summary.seconds:.1f} s"
    )
