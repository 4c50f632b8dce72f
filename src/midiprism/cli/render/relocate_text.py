"""Describe a relocation and its progress in words."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import (
    format_clock,
    format_count,
    format_size,
    pluralize,
    printable_path,
    shell_quote,
)
from midiprism.cli.result_location import quote_result

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress
    from midiprism.relocate.relocation import Relocation, RelocationProgress


def format_progress(progress: "RelocationProgress") -> str:
    """Return the progress of a relocation in words."""
    if progress.stage == "catalog":
        return f"copying the catalog, {format_clock(progress.seconds)}"
    if progress.stage == "cleanup":
        return f"emptying the old folder: {pluralize(progress.seen, 'file')}"
    if not progress.total:
        return pluralize(progress.seen, "file")
    percent = 100 * min(progress.seen, progress.total) / progress.total
    copied = format_size(progress.bytes_copied)
    return f"{progress.seen:,} of {pluralize(progress.total, 'file')}, {percent:.0f} %, {copied} copied"


def relocation_lines(
    relocation: "Relocation", new: str, database: "PostgresAddress | None", *, remove: bool
) -> Iterator[str]:
    """Yield what was done and what to do next.

    Args:
        new: the new folder as the user named it.
        remove: whether the old folder was to be emptied.
    """
    source = printable_path(relocation.source)
    yield _headline(relocation)
    if relocation.dry_run and not relocation.arrived:
        return
    yield from _count_lines(relocation)
    if not relocation.arrived:
        yield f"The result is still in {source}."
    elif relocation.method == "rename":
        yield "Name the new folder from now on:"
        yield f"  midiprism status {quote_result(new, database)}"
    elif remove:
        yield f"{source} records where the result is now; commands that name it continue there."
    else:
        yield f"{source} records where the result is now; commands that name it continue there. To empty it:"
        folders = f"{shell_quote(relocation.source)} {quote_result(new, database)}"
        yield f"  midiprism relocate {folders} --remove"


def _headline(relocation: "Relocation") -> str:
    files, source = pluralize(relocation.files, "file"), printable_path(relocation.source)
    target, seconds = printable_path(relocation.target), f"{relocation.seconds:.1f} s"
    size = format_size(relocation.bytes)
    if relocation.dry_run and not relocation.arrived:
        action = "rename" if relocation.method == "rename" else f"copy {files} ({size}) of"
        return f"Would {action} {source} to {target}; nothing was written. {seconds}"
    if relocation.already_moved:
        return f"The result is in {target} already. {seconds}"
    if relocation.method == "rename" and relocation.arrived:
        return f"Renamed {source} to {target}: {files} ({size}). {seconds}"
    action = "Copied" if relocation.arrived else "Stopped; copied"
    copied = pluralize(relocation.files_copied, "file")
    return f"{action} {copied} ({format_size(relocation.bytes_copied)}) to {target}. {seconds}"


def _count_lines(relocation: "Relocation") -> Iterator[str]:
    counts = (
        (
            "were there",
            relocation.files_already_copied,
            "file that an earlier call copied, intact",
            "files that an earlier call copied, all intact",
        ),
        (
            "shared",
            relocation.files_reflinked,
            "copied file that shares its blocks with the original",
            "copied files that share their blocks with the originals",
        ),
        (
            "removed",
            relocation.files_removed,
            "file removed from the old folder",
            "files removed from the old folder",
        ),
        (
            "left",
            relocation.files_left,
            "file in the old folder that does not belong to the result",
            "files in the old folder that do not belong to the result",
        ),
    )
    for name, count, one, meaning in counts:
        if count:
            yield format_count(name, count, meaning, one=one)
