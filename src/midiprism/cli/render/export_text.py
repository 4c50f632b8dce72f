"""Print what an export did."""

from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import format_size, make_console, pluralize, print_message, printable_path

if TYPE_CHECKING:
    from midiprism.export.export import Export

_MAX_SHOWN = 5


def print_export(summary: "Export", *, quiet: bool, stderr: bool) -> None:
    """Print the failures and, unless quiet, what was written."""
    for path, message in summary.failures[:_MAX_SHOWN]:
        print_message(f"{path}: {message}")
    hidden = summary.files_differing + summary.files_failed - _MAX_SHOWN
    if hidden > 0:
        print_message(f"and {hidden:,} more.")
    if quiet:
        return
    verb = "Would write" if summary.dry_run else "Wrote"
    size = format_size(summary.bytes)
    make_console(stderr=stderr).print(
        f"{verb} {pluralize(summary.files_new, 'file')} ({size}) in {printable_path(summary.to)}; "
        f"{summary.files_unchanged:,} were there already. {summary.seconds:.1f} s"
    )
