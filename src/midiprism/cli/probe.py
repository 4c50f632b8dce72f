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

from midiprism.cli import TERMINATED
from midiprism.cli.interrupt import Terminated
from midiprism.cli.terminal import clean, clean_path, complain, console, quoted, size, text
from midiprism.errors import StoreError

if TYPE_CHECKING:
    from rich.table import Table

    from midiprism.advise.mounts import Spot
    from midiprism.advise.places import Figures
    from midiprism.meter.devices import Place

_LEAST_WIDTH, _PLAIN_WIDTH = 80, 200


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
    from midiprism.advise.mounts import mounted, named

    spots = named(folders) if folders else mounted()
    wanted = [spot for spot in spots if spot.reason is None]
    skipped = [spot for spot in spots if spot.reason is not None]
    _announce(wanted, skipped, dry_run=dry_run)
    facts: dict[str, Any] = {
        "dry_run": dry_run,
        "skipped": [{"path": _path(spot.place.path), "reason": spot.reason} for spot in skipped],
    }
    failed = bool(folders and skipped)
    if dry_run:
        facts["places"] = [_spot(spot) for spot in wanted]
    else:
        with _terminable():
            found, errors = _measured(wanted)
        failed = failed or bool(errors)
        facts |= _facts(found)
        facts["failed"] = [{"path": _path(path), "message": message} for path, message in errors]
        _print(found, stderr=as_json)
    if not wanted:
        complain("There is no place to measure: name a folder that can be written.")
        failed = True
    if as_json:
        typer.echo(json.dumps(facts))
    raise typer.Exit(1 if failed else 0)


def hint_at_place(out: str) -> None:
    """Tell of a place where the result in ``out`` would be written much faster, if one is known."""
    from midiprism.advise.places import better_place

    better = better_place(out)
    if better is None:
        return
    here, there = better.here, better.there
    folder = quoted(os.path.join(there.place.path, os.path.basename(os.path.abspath(out))))
    if os.path.isdir(out) and os.listdir(out):
        advice = f"When no run is on, `midiprism relocate {quoted(out)} {folder}` moves the result there."
    else:
        advice = f"With `-o {folder}` the result would be there."
    spins = " The disk of the latter says that it spins." if here.place.spins else ""
    complain(
        f"{there.place.path} takes new files {better.factor:.1f} times as fast as the place of {out}: "
        f"{there.durable_creates:,.0f} a second against {here.durable_creates:,.0f}, flushed, as "
        f"`midiprism probe` has measured.{spins} {advice}"
    )


def _measured(spots: Sequence["Spot"]) -> tuple[list["Figures"], list[tuple[str, str]]]:
    """The figures of places, the fastest first; and those that could not be measured, with the reason."""
    from midiprism.advise.places import ranked, store
    from midiprism.advise.probe import probe as measured

    found: list[Figures] = []
    errors: list[tuple[str, str]] = []
    for spot in spots:
        typer.echo(f"Measuring {clean_path(spot.place.path)} ...", err=True)
        try:
            figures = measured(spot.place.path)
        except StoreError as error:
            complain(str(error))
            errors.append((spot.place.path, str(error)))
            continue
        found.append(figures)
        try:
            store(figures)
        except StoreError as error:
            complain(str(error))
    return ranked(found), errors


def _announce(wanted: Sequence["Spot"], skipped: Sequence["Spot"], *, dry_run: bool) -> None:
    from midiprism.advise.scratch import PREFIX

    screen = console(stderr=True)
    if wanted:
        verb = "would be" if dry_run else "is"
        screen.print(f"A folder {PREFIX}... {verb} made in each of these, and removed at the end:")
    for spot in wanted:
        free = "" if spot.free_bytes is None else f", {size(spot.free_bytes)} free"
        screen.print(f"  {clean_path(spot.place.path)}  ({clean(_kind(spot.place))}{free})")
    if skipped:
        screen.print("Not measured:")
    for spot in skipped:
        screen.print(f"  {clean_path(spot.place.path)}: {spot.reason}")


def _print(found: Sequence["Figures"], *, stderr: bool) -> None:
    from midiprism.advise.places import best_for

    if not found:
        return
    screen = console(stderr=stderr)
    screen.width = max(_LEAST_WIDTH, screen.width) if screen.is_terminal else _PLAIN_WIDTH
    one = min((processes for known in found for processes in known.create_us), default=1)
    creates = ("free", f"creates/s\n{one} at once", "\nbest", "\nwith flush", "flush\nms")
    others = ("reads/s\nbest", "MB/s\nwrite", "\nread", "commit\nlinks/s", "shards\ntracks/s")
    # Two tables, since one of all columns is wider than most terminals.
    screen.print(_table(("place", "kind"), creates, [_creates(known) for known in found]))
    screen.print()
    screen.print(_table(("place",), others, [_others(known) for known in found]))
    if any(known.reads_cached and known.lasting for known in found):
        screen.print("* read from memory: this system cannot be made to forget what it has read")
    best = best_for("output", found)
    if best is not None:
        screen.print(
            f"Best for a result with a file for each track: {clean_path(best.place.path)}, "
            f"{best.durable_creates:,.0f} files a second with flushing."
        )
    if not all(known.lasting for known in found):
        screen.print("What is in memory is lost when the machine is switched off: keep no result there.")


def _table(names: Sequence[str], figures: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in names:
        table.add_column(title, overflow="fold")
    for title in figures:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        cells = [text(cell) for cell in row]
        for cell in cells[: len(names)]:
            cell.no_wrap, cell.overflow = False, "fold"
        table.add_row(*cells)
    return table


def _creates(one: "Figures") -> list[str]:
    return [
        one.place.path,
        _kind(one.place),
        "-" if one.free_bytes is None else size(one.free_bytes),
        _count(one.creates(min(one.create_us, default=1))),
        _count(one.creates()),
        _count(one.durable_creates),
        "-" if one.flush_ms is None else f"{one.flush_ms:.1f}",
    ]


def _others(one: "Figures") -> list[str]:
    sequential = one.sequential_mb_s
    return [
        one.place.path,
        _count(one.reads()) + ("*" if one.reads_cached and one.lasting else ""),
        _count(sequential.write if sequential else 0),
        _count(sequential.read if sequential else 0),
        _count(one.commits),
        _count(one.shards),
    ]


def _count(value: float) -> str:
    return f"{value:,.0f}" if value else "-"


def _kind(place: "Place") -> str:
    """What a place is, for people."""
    if place.kind == "disk":
        kind = {True: "disk, spins", False: "ssd", None: "disk"}[place.spins]
        return f"{kind} ({place.title})"
    if place.kind == "network":
        return f"network ({place.file_system})"
    return place.title


def _facts(found: Sequence["Figures"]) -> dict[str, Any]:
    from midiprism.advise.places import best_for

    best = best_for("output", found)
    return {
        "places": [
            {
                **one.as_dict(),
                "rank": rank,
                "path": _path(one.place.path),
                "creates_per_second": {str(many): round(one.creates(many), 1) for many in one.create_us},
                "durable_creates_per_second": round(one.durable_creates, 1),
                "reads_per_second": {str(many): round(one.reads(many), 1) for many in one.read_us},
                "commit_links_per_second": round(one.commits, 1),
                "shard_tracks_per_second": round(one.shards, 1),
                "lasting": one.lasting,
            }
            for rank, one in enumerate(found, 1)
        ],
        "best": _path(best.place.path) if best else None,
    }


def _spot(spot: "Spot") -> dict[str, Any]:
    return {
        "path": _path(spot.place.path),
        "place": spot.place.as_dict(),
        "free_bytes": spot.free_bytes,
        "free_inodes": spot.free_inodes,
    }


def _path(path: str) -> str:
    """A path as text that every reader of JSON takes."""
    return os.fsencode(path).decode(errors="replace")


@contextmanager
def _terminable() -> Iterator[None]:
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
        raise typer.Exit(TERMINATED) from error
    finally:
        signal.signal(signal.SIGTERM, before)
