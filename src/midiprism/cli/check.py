"""``midiprism catalog check``: whether a library that another program keeps can be taken over."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import Database, Schema
from midiprism.cli.foreign import PathMaps, figure, options, required
from midiprism.cli.interrupt import interruptible
from midiprism.cli.terminal import clean, clean_path, console, plural, quoted, size

if TYPE_CHECKING:
    from midiprism.run.adoptable import Adoptable, CheckProgress, Looked

_SHOWN = 5


def check(
    database: Database = None,
    schema: Schema = None,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", metavar="OUT", help="Folder of the result to be: is there room for it?"),
    ] = None,
    path_map: PathMaps = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the findings as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no summary; the exit code says it.")
    ] = False,
) -> None:
    """Look at a library that another program keeps in PostgreSQL: can midiprism take it over?

    Only reads. The exit code is 0 if nothing is in the way, and 1 if something is.
    """
    from midiprism.library.pathmap import path_map as parsed
    from midiprism.run.adoptable import check_library

    address, paths = required(database, schema), parsed(path_map or ())
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping; again stops at once."))
        listener = None
        if not quiet:
            from midiprism.cli.progress import bar

            listener = stack.enter_context(bar(_far))
        found = check_library(address, paths, out, stop=stop, listener=listener)
    command = _command(options(database, schema, path_map), out)
    if not quiet:
        screen = console(stderr=as_json)
        for line in _lines(found, command):
            screen.print(line)
    if as_json:
        typer.echo(json.dumps({**found.as_dict(), "to_go_on": command}))
    if found.stopped:
        raise typer.Exit(stop.code)
    raise typer.Exit(0 if found.ok else 1)


def _command(given: Sequence[str], out: str | None) -> str:
    parts = ["midiprism split --adopt", *map(quoted, given)]
    return " ".join([*parts, "-o", "OUT" if out is None else quoted(out)])


def _far(progress: "CheckProgress") -> str:
    if progress.total is None:
        return progress.stage
    return f"{progress.stage}: {progress.seen:,} of {progress.total:,}"


def _lines(found: "Adoptable", command: str) -> Iterator[str]:
    where = clean(str(found.address))
    if found.stopped:
        yield f"{where}: stopped before the end"
    elif found.ok:
        yield f"{where}: a library that midiprism can take over"
    else:
        yield f"{where}: midiprism cannot take this over as it is"
    yield from _counts(found)
    yield from _looks(found)
    yield from _room(found)
    yield from _rights(found)
    yield from _beside(found)
    if found.obstacles:
        yield "In the way:"
        yield from (f"  {clean(obstacle)}" for obstacle in found.obstacles)
    if found.counts is not None:
        yield "To go on when that is mended:" if found.obstacles else "To go on:"
        yield f"  {command}"
    yield f"Nothing was written. {found.seconds:.1f} s"


def _counts(found: "Adoptable") -> Iterator[str]:
    counts = found.counts
    if counts is None:
        return
    yield figure("files", counts.files, "rows")
    yield figure("songs", counts.parents, "of them with several tracks (num_tracks > 1)")
    yield figure("already split", counts.begun, "of those have rows in track_splits")
    yield figure("left to split", counts.parents - counts.begun, "have none")
    yield figure("links", counts.links, f"rows of track_splits, to {plural(counts.splits, 'file')}")
    own = found.own
    if own is not None:
        what = "that this role cannot read" if own.parents is None else f"of {plural(own.parents, 'song')}"
        yield f"  Schema {clean(found.address.schema)} holds a catalogue of midiprism's already, {what}."


def _looks(found: "Adoptable") -> Iterator[str]:
    if found.counts is None:
        return
    yield "Samples:"
    yield from _looked("songs", found.songs)
    yield from _looked("splits", found.splits)
    hashes = found.hashes
    wrong = len(hashes.wrong)
    said = f"{wrong:,} of them not the BLAKE3" if wrong else "each is the BLAKE3 of its song"
    yield figure("content_hash", hashes.checked, f"compared; {said}" if hashes.checked else "compared")
    yield from _named(hashes.wrong)
    if found.songs.missing or found.splits.missing:
        yield "  If the files have moved, --path-map OLD=NEW says where to."


def _looked(name: str, looked: "Looked") -> Iterator[str]:
    gone = len(looked.missing)
    yield figure(
        name, looked.sampled, f"looked for; {gone:,} not there" if gone else "looked for; all are there"
    )
    yield from _named(looked.missing)


def _named(paths: Sequence[bytes]) -> Iterator[str]:
    yield from (f"{'':16}{clean_path(path)}" for path in paths[:_SHOWN])
    if len(paths) > _SHOWN:
        yield f"{'':16}and {len(paths) - _SHOWN:,} more"


def _room(found: "Adoptable") -> Iterator[str]:
    room = found.room
    if room is None:
        return
    yield f"Room for the rest: about {size(room.bytes)} in {plural(room.files, 'file')},"
    yield f"  by {room.basis}."
    if room.free_bytes is not None:
        inodes = "" if room.free_files is None else f" and {room.free_files:,} inodes"
        yield f"  {size(room.free_bytes)}{inodes} are free there{'.' if room.enough else ': too little.'}"


def _rights(found: "Adoptable") -> Iterator[str]:
    if not found.rights:
        return
    yield "Rights of this role:"
    for need, meaning in (("adopt", "taking it over needs"), ("replace", "only --replace needs")):
        for held, verb in ((True, "has"), (False, "lacks")):
            names = [right.name for right in found.rights if (right.need, right.held) == (need, held)]
            if names:
                yield f"  {verb:<6}{_joined(names)}  ({meaning})"


def _beside(found: "Adoptable") -> Iterator[str]:
    """What is there beside the shape, which stays as it is."""
    columns = [f"{column.table}.{column.name} ({column.type})" for column in found.shape.further]
    if columns:
        yield f"Further columns, which get their defaults in new rows: {_joined(columns)}"
    triggers = [
        f"{trigger.name} on {trigger.table}{'' if trigger.enabled else ' (disabled)'}"
        for trigger in found.shape.triggers
    ]
    if triggers:
        yield f"Triggers, which run for new rows: {_joined(triggers)}"


def _joined(names: Iterable[str]) -> str:
    return clean(", ".join(names))
