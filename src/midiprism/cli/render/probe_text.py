"""Print the speeds of disks, and suggest a faster one."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import (
    WIDE,
    escape_unprintable,
    format_size,
    make_console,
    make_table,
    print_message,
    printable_path,
    rich_text,
    shell_quote,
)

if TYPE_CHECKING:
    from rich.table import Table

    from midiprism.advise.probe.disk_results import DiskSpeed
    from midiprism.advise.probe.mounts import MountPoint
    from midiprism.metrics.devices import StorageLocation

_MIN_WIDTH = 80


def print_plan(usable: Sequence["MountPoint"], skipped: Sequence["MountPoint"], *, dry_run: bool) -> None:
    """Print on standard error which places are measured, and which are not."""
    from midiprism.advise.probe.temp_dir import TEMP_DIR_PREFIX

    console = make_console(stderr=True)
    if usable:
        verb = "would be" if dry_run else "is"
        console.print(f"A folder {TEMP_DIR_PREFIX}... {verb} made in each of these, and removed at the end:")
    for mount_point in usable:
        free = "" if mount_point.free_bytes is None else f", {format_size(mount_point.free_bytes)} free"
        kind = escape_unprintable(_format_kind(mount_point.location))
        console.print(f"  {printable_path(mount_point.location.path)}  ({kind}{free})")
    if skipped:
        console.print("Not measured:")
    for mount_point in skipped:
        console.print(f"  {printable_path(mount_point.location.path)}: {mount_point.skip_reason}")


def print_speeds(speeds: Sequence["DiskSpeed"], *, stderr: bool) -> None:
    """Print the speeds as two tables, and the best place for a result."""
    from midiprism.advise.probe.disk_results import best_disk_for

    if not speeds:
        return
    console = make_console(stderr=stderr)
    console.width = max(_MIN_WIDTH, console.width) if console.is_terminal else WIDE
    fewest = min((processes for speed in speeds for processes in speed.create_us), default=1)
    creates = ("free", f"creates/s\n{fewest} at once", "\nbest", "\nwith flush", "flush\nms")
    others = ("reads/s\nbest", "MB/s\nwrite", "\nread", "commit\nlinks/s", "shards\ntracks/s")
    # One table with all columns would be wider than most terminals.
    console.print(_table(("place", "kind"), creates, [_create_cells(speed) for speed in speeds]))
    console.print()
    console.print(_table(("place",), others, [_other_cells(speed) for speed in speeds]))
    if any(speed.reads_cached and speed.persistent for speed in speeds):
        console.print("* read from memory: this system cannot drop its cache of files")
    best = best_disk_for("output", speeds)
    if best is not None:
        rate = f"{best.durable_creates_per_second:,.0f} files a second with flushing"
        console.print(
            f"Best for a result with a file for each track: {printable_path(best.location.path)}, {rate}."
        )
    if not all(speed.persistent for speed in speeds):
        console.print("Files in memory are lost when the machine is switched off: keep no result there.")


def suggest_faster_place(out: str) -> None:
    """Print a message if a place is known where the result in ``out`` would be written much faster."""
    from midiprism.advise.probe.disk_results import find_faster_disk

    suggestion = find_faster_disk(out)
    if suggestion is None:
        return
    current, faster = suggestion.current, suggestion.faster
    folder = shell_quote(os.path.join(faster.location.path, os.path.basename(os.path.abspath(out))))
    if os.path.isdir(out) and os.listdir(out):
        advice = (
            f"When no run is active, `midiprism relocate {shell_quote(out)} {folder}` moves the result there."
        )
    else:
        advice = f"`-o {folder}` puts the result there."
    spins = " The system reports the latter as a spinning disk." if current.location.rotational else ""
    print_message(
        f"{faster.location.path} takes new files {suggestion.factor:.1f} times as fast as the disk of {out}: "
        f"{faster.durable_creates_per_second:,.0f} a second against "
        f"{current.durable_creates_per_second:,.0f}, flushed, as measured by `midiprism probe`."
        f"{spins} {advice}"
    )


def _table(
    text_columns: Sequence[str], number_columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> "Table":
    table = make_table()
    for title in text_columns:
        table.add_column(title, overflow="fold")
    for title in number_columns:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        cells = [rich_text(cell) for cell in row]
        for cell in cells[: len(text_columns)]:
            cell.no_wrap, cell.overflow = False, "fold"
        table.add_row(*cells)
    return table


def _create_cells(speed: "DiskSpeed") -> list[str]:
    return [
        speed.location.path,
        _format_kind(speed.location),
        "-" if speed.free_bytes is None else format_size(speed.free_bytes),
        _format_rate(speed.creates_per_second(min(speed.create_us, default=1))),
        _format_rate(speed.creates_per_second()),
        _format_rate(speed.durable_creates_per_second),
        "-" if speed.flush_ms is None else f"{speed.flush_ms:.1f}",
    ]


def _other_cells(speed: "DiskSpeed") -> list[str]:
    sequential = speed.sequential_mb_s
    from_memory = "*" if speed.reads_cached and speed.persistent else ""
    return [
        speed.location.path,
        _format_rate(speed.reads_per_second()) + from_memory,
        _format_rate(sequential.write if sequential else 0),
        _format_rate(sequential.read if sequential else 0),
        _format_rate(speed.commit_links_per_second),
        _format_rate(speed.shard_tracks_per_second),
    ]


def _format_rate(value: float) -> str:
    return f"{value:,.0f}" if value else "-"


def _format_kind(place: "StorageLocation") -> str:
    """Return what kind of storage a place is."""
    if place.kind == "disk":
        kind = {True: "disk, spins", False: "ssd", None: "disk"}[place.rotational]
        return f"{kind} ({place.display_name})"
    if place.kind == "network":
        return f"network ({place.file_system})"
    return place.display_name
