"""``midiprism catalog check``: whether a library that another program keeps can be taken over."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.adopt_options import PathMapOption, format_count, library_options, require_database
from midiprism.cli.database import DatabaseOption, SchemaOption
from midiprism.cli.interrupt import interruptible
from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_size,
    make_console,
    pluralize,
    printable_path,
    shell_quote,
)

if TYPE_CHECKING:
    from midiprism.adopt.preflight_report import FileSample, PreflightProgress, PreflightReport

_MAX_SHOWN = 5


def check(
    database: DatabaseOption = None,
    schema: SchemaOption = None,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", metavar="OUT", help="Folder of the result to be: is there room for it?"),
    ] = None,
    path_map: PathMapOption = None,
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
    from midiprism.adopt.preflight import run_preflight
    from midiprism.sources.path_map import parse_path_map as parsed

    address, paths = require_database(database, schema), parsed(path_map or ())
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping; again stops at once."))
        listener = None
        if not quiet:
            from midiprism.cli.render.progress import progress_bar

            listener = stack.enter_context(progress_bar(_format_progress))
        found = run_preflight(address, paths, out, stop=stop, listener=listener)
    command = _split_command(library_options(database, schema, path_map), out)
    if not quiet:
        screen = make_console(stderr=as_json)
        for line in _lines(found, command):
            screen.print(line)
    if as_json:
        typer.echo(json.dumps({**found.as_dict(), "to_go_on": command}))
    if found.stopped:
        raise typer.Exit(stop.exit_code)
    raise typer.Exit(0 if found.ok else 1)


def _split_command(given: Sequence[str], out: str | None) -> str:
    parts = ["midiprism split --adopt", *map(shell_quote, given)]
    return " ".join([*parts, "-o", "OUT" if out is None else shell_quote(out)])


def _format_progress(progress: "PreflightProgress") -> str:
    if progress.total is None:
        return progress.stage
    return f"{progress.stage}: {progress.seen:,} of {progress.total:,}"


def _lines(preflight: "PreflightReport", command: str) -> Iterator[str]:
    where = escape_unprintable(str(preflight.address))
    if preflight.stopped:
        yield f"{where}: stopped before the end"
    elif preflight.ok:
        yield f"{where}: a library that midiprism can take over"
    else:
        yield f"{where}: midiprism cannot take this over as it is"
    yield from _count_lines(preflight)
    yield from _sample_lines(preflight)
    yield from _space_lines(preflight)
    yield from _permission_lines(preflight)
    yield from _extra_schema_lines(preflight)
    if preflight.obstacles:
        yield "In the way:"
        yield from (f"  {escape_unprintable(obstacle)}" for obstacle in preflight.obstacles)
    if preflight.counts is not None:
        yield "To go on when that is mended:" if preflight.obstacles else "To go on:"
        yield f"  {command}"
    yield f"Nothing was written. {preflight.seconds:.1f} s"


def _count_lines(preflight: "PreflightReport") -> Iterator[str]:
    counts = preflight.counts
    if counts is None:
        return
    yield format_count("files", counts.files, "rows")
    yield format_count("songs", counts.songs, "of them with several tracks (num_tracks > 1)")
    yield format_count("already split", counts.already_split, "of those have rows in track_splits")
    yield format_count("left to split", counts.songs - counts.already_split, "have none")
    yield format_count("links", counts.links, f"rows of track_splits, to {pluralize(counts.tracks, 'file')}")
    own = preflight.own_catalog
    if own is not None:
        what = "that this role cannot read" if own.songs is None else f"of {pluralize(own.songs, 'song')}"
        yield f"  Schema {escape_unprintable(preflight.address.schema)} holds a catalogue of midiprism's already, {what}."


def _sample_lines(preflight: "PreflightReport") -> Iterator[str]:
    if preflight.counts is None:
        return
    yield "Samples:"
    yield from _sample_line("songs", preflight.songs)
    yield from _sample_line("splits", preflight.tracks)
    hashes = preflight.hash_check
    wrong = len(hashes.mismatched)
    said = f"{wrong:,} of them not the BLAKE3" if wrong else "each is the BLAKE3 of its song"
    yield format_count("content_hash", hashes.checked, f"compared; {said}" if hashes.checked else "compared")
    yield from _path_lines(hashes.mismatched)
    if preflight.songs.missing or preflight.tracks.missing:
        yield "  If the files have moved, --path-map OLD=NEW says where to."


def _sample_line(name: str, sample: "FileSample") -> Iterator[str]:
    gone = len(sample.missing)
    yield format_count(
        name, sample.sampled, f"looked for; {gone:,} not there" if gone else "looked for; all are there"
    )
    yield from _path_lines(sample.missing)


def _path_lines(paths: Sequence[bytes]) -> Iterator[str]:
    yield from (f"{'':16}{printable_path(path)}" for path in paths[:_MAX_SHOWN])
    if len(paths) > _MAX_SHOWN:
        yield f"{'':16}and {len(paths) - _MAX_SHOWN:,} more"


def _space_lines(preflight: "PreflightReport") -> Iterator[str]:
    room = preflight.space
    if room is None:
        return
    yield f"Room for the rest: about {format_size(room.bytes)} in {pluralize(room.files, 'file')},"
    yield f"  by {room.basis}."
    if room.free_bytes is not None:
        inodes = "" if room.free_files is None else f" and {room.free_files:,} inodes"
        yield f"  {format_size(room.free_bytes)}{inodes} are free there{'.' if room.enough else ': too little.'}"


def _permission_lines(preflight: "PreflightReport") -> Iterator[str]:
    if not preflight.privileges:
        return
    yield "Rights of this role:"
    for need, meaning in (("adopt", "taking it over needs"), ("replace", "only --replace needs")):
        for held, verb in ((True, "has"), (False, "lacks")):
            names = [
                right.name
                for right in preflight.privileges
                if (right.needed_for, right.granted) == (need, held)
            ]
            if names:
                yield f"  {verb:<6}{_join_names(names)}  ({meaning})"


def _extra_schema_lines(preflight: "PreflightReport") -> Iterator[str]:
    """What is there beside the shape, which stays as it is."""
    columns = [
        f"{column.table}.{column.name} ({column.type})" for column in preflight.foreign_schema.extra_columns
    ]
    if columns:
        yield f"Further columns, which get their defaults in new rows: {_join_names(columns)}"
    triggers = [
        f"{trigger.name} on {trigger.table}{'' if trigger.enabled else ' (disabled)'}"
        for trigger in preflight.foreign_schema.triggers
    ]
    if triggers:
        yield f"Triggers, which run for new rows: {_join_names(triggers)}"


def _join_names(names: Iterable[str]) -> str:
    return escape_unprintable(", ".join(names))
