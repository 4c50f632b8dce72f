"""``midiprism probe``: how fast disks and memory are at what a run does there."""

import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from midiprism.cli import EXIT_TERMINATED
from midiprism.cli.interrupt import Terminated
from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_size,
    make_console,
    print_message,
    printable_path,
    rich_text,
    shell_quote,
)
from midiprism.errors import StoreError

if TYPE_CHECKING:
    from rich.table import Table

    from midiprism.advise.probe.disk_results import DiskSpeed
    from midiprism.advise.probe.mounts import MountPoint
    from midiprism.metrics.devices import StorageLocation

_MIN_WIDTH, _NON_TERMINAL_WIDTH = 80, 200


def probe(
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIR...",
            help="Folders in the places to measure.  [default: every disk and memory file system that is "
            "mounted and can be written]",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the places that would be measured; write nothing.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the figures as one JSON object, the last line of the output."),
    ] = False,
) -> None:
    """Measure how fast disks and memory are at what a run does there, and rank them.

    Each takes less than 10 seconds, in a folder of its own there that is removed at the end. The figures are
    kept for a month: `midiprism split` tells of a much better place by them.
    """
    from midiprism.advise.probe.mounts import find_mount_points, mount_points_of

    spots = mount_points_of(folders) if folders else find_mount_points()
    wanted = [spot for spot in spots if spot.skip_reason is None]
    skipped = [spot for spot in spots if spot.skip_reason is not None]
    _announce(wanted, skipped, dry_run=dry_run)
    facts: dict[str, Any] = {
        "dry_run": dry_run,
        "skipped": [{"path": _json_path(spot.place.path), "reason": spot.skip_reason} for spot in skipped],
    }
    failed = bool(folders and skipped)
    if dry_run:
        facts["places"] = [_mount_point_to_json(spot) for spot in wanted]
    else:
        with _exit_on_sigterm():
            found, errors = _measure(wanted)
        failed = failed or bool(errors)
        facts |= _to_json(found)
        facts["failed"] = [{"path": _json_path(path), "message": message} for path, message in errors]
        _print(found, stderr=as_json)
    if not wanted:
        print_message("There is no place to measure: name a folder that can be written.")
        failed = True
    if as_json:
        typer.echo(json.dumps(facts))
    raise typer.Exit(1 if failed else 0)


def suggest_faster_place(out: str) -> None:
    """Tell of a place where the result in ``out`` would be written much faster, if one is known."""
    from midiprism.advise.probe.disk_results import find_faster_place

    better = find_faster_place(out)
    if better is None:
        return
    here, there = better.current, better.faster
    folder = shell_quote(os.path.join(there.place.path, os.path.basename(os.path.abspath(out))))
    if os.path.isdir(out) and os.listdir(out):
        advice = (
            f"When no run is on, `midiprism relocate {shell_quote(out)} {folder}` moves the result there."
        )
    else:
        advice = f"With `-o {folder}` the result would be there."
    spins = " The disk of the latter says that it spins." if here.place.rotational else ""
    print_message(
        f"{there.place.path} takes new files {better.factor:.1f} times as fast as the place of {out}: "
        f"{there.durable_creates_per_second:,.0f} a second against {here.durable_creates_per_second:,.0f}, flushed, as "
        f"`midiprism probe` has measured.{spins} {advice}"
    )


def _measure(mount_points: Sequence["MountPoint"]) -> tuple[list["DiskSpeed"], list[tuple[str, str]]]:
    """The figures of places, the fastest first; and those that could not be measured, with the reason."""
    from midiprism.advise.probe.disk_results import rank_for_output, save_disk_speed
    from midiprism.advise.probe.probe import probe as measured

    found: list[DiskSpeed] = []
    errors: list[tuple[str, str]] = []
    for spot in mount_points:
        typer.echo(f"Measuring {printable_path(spot.place.path)} ...", err=True)
        try:
            figures = measured(spot.place.path)
        except StoreError as error:
            print_message(str(error))
            errors.append((spot.place.path, str(error)))
            continue
        found.append(figures)
        try:
            save_disk_speed(figures)
        except StoreError as error:
            print_message(str(error))
    return rank_for_output(found), errors


def _announce(
    mount_points: Sequence["MountPoint"], skipped: Sequence["MountPoint"], *, dry_run: bool
) -> None:
    from midiprism.advise.probe.temp_dir import TEMP_DIR_PREFIX

    screen = make_console(stderr=True)
    if mount_points:
        verb = "would be" if dry_run else "is"
        screen.print(f"A folder {TEMP_DIR_PREFIX}... {verb} made in each of these, and removed at the end:")
    for spot in mount_points:
        free = "" if spot.free_bytes is None else f", {format_size(spot.free_bytes)} free"
        screen.print(
            f"  {printable_path(spot.place.path)}  ({escape_unprintable(_format_kind(spot.place))}{free})"
        )
    if skipped:
        screen.print("Not measured:")
    for spot in skipped:
        screen.print(f"  {printable_path(spot.place.path)}: {spot.skip_reason}")


def _print(disk_speeds: Sequence["DiskSpeed"], *, stderr: bool) -> None:
    from midiprism.advise.probe.disk_results import best_place_for

    if not disk_speeds:
        return
    screen = make_console(stderr=stderr)
    screen.width = max(_MIN_WIDTH, screen.width) if screen.is_terminal else _NON_TERMINAL_WIDTH
    one = min((processes for known in disk_speeds for processes in known.create_us), default=1)
    creates = ("free", f"creates/s\n{one} at once", "\nbest", "\nwith flush", "flush\nms")
    others = ("reads/s\nbest", "MB/s\nwrite", "\nread", "commit\nlinks/s", "shards\ntracks/s")
    # Two tables, since one of all columns is wider than most terminals.
    screen.print(_table(("place", "kind"), creates, [_create_cells(known) for known in disk_speeds]))
    screen.print()
    screen.print(_table(("place",), others, [_other_cells(known) for known in disk_speeds]))
    if any(known.reads_cached and known.persistent for known in disk_speeds):
        screen.print("* read from memory: this system cannot be made to forget what it has read")
    best = best_place_for("output", disk_speeds)
    if best is not None:
        screen.print(
            f"Best for a result with a file for each track: {printable_path(best.place.path)}, "
            f"{best.durable_creates_per_second:,.0f} files a second with flushing."
        )
    if not all(known.persistent for known in disk_speeds):
        screen.print("What is in memory is lost when the machine is switched off: keep no result there.")


def _table(
    text_columns: Sequence[str], number_columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
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


def _create_cells(disk_speed: "DiskSpeed") -> list[str]:
    return [
        disk_speed.place.path,
        _format_kind(disk_speed.place),
        "-" if disk_speed.free_bytes is None else format_size(disk_speed.free_bytes),
        _format_rate(disk_speed.creates_per_second(min(disk_speed.create_us, default=1))),
        _format_rate(disk_speed.creates_per_second()),
        _format_rate(disk_speed.durable_creates_per_second),
        "-" if disk_speed.flush_ms is None else f"{disk_speed.flush_ms:.1f}",
    ]


def _other_cells(disk_speed: "DiskSpeed") -> list[str]:
    sequential = disk_speed.sequential_mb_s
    return [
        disk_speed.place.path,
        _format_rate(disk_speed.reads_per_second())
        + ("*" if disk_speed.reads_cached and disk_speed.persistent else ""),
        _format_rate(sequential.write if sequential else 0),
        _format_rate(sequential.read if sequential else 0),
        _format_rate(disk_speed.commit_links_per_second),
        _format_rate(disk_speed.shard_tracks_per_second),
    ]


def _format_rate(value: float) -> str:
    return f"{value:,.0f}" if value else "-"


def _format_kind(place: "StorageLocation") -> str:
    """What a place is, for people."""
    if place.kind == "disk":
        kind = {True: "disk, spins", False: "ssd", None: "disk"}[place.rotational]
        return f"{kind} ({place.display_name})"
    if place.kind == "network":
        return f"network ({place.file_system})"
    return place.display_name


def _to_json(disk_speeds: Sequence["DiskSpeed"]) -> dict[str, Any]:
    from midiprism.advise.probe.disk_results import best_place_for

    best = best_place_for("output", disk_speeds)
    return {
        "places": [
            {
                **one.as_dict(),
                "rank": rank,
                "path": _json_path(one.place.path),
                "creates_per_second": {
                    str(many): round(one.creates_per_second(many), 1) for many in one.create_us
                },
                "durable_creates_per_second": round(one.durable_creates_per_second, 1),
                "reads_per_second": {str(many): round(one.reads_per_second(many), 1) for many in one.read_us},
                "commit_links_per_second": round(one.commit_links_per_second, 1),
                "shard_tracks_per_second": round(one.shard_tracks_per_second, 1),
                "lasting": one.persistent,
            }
            for rank, one in enumerate(disk_speeds, 1)
        ],
        "best": _json_path(best.place.path) if best else None,
    }


def _mount_point_to_json(mount_point: "MountPoint") -> dict[str, Any]:
    return {
        "path": _json_path(mount_point.place.path),
        "place": mount_point.place.as_dict(),
        "free_bytes": mount_point.free_bytes,
        "free_inodes": mount_point.free_inodes,
    }


def _json_path(path: str) -> str:
    """A path as text that every reader of JSON takes."""
    return os.fsencode(path).decode(errors="replace")


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: at once, and with everything removed."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except Terminated as error:
        raise typer.Exit(EXIT_TERMINATED) from error
    finally:
        signal.signal(signal.SIGTERM, before)
