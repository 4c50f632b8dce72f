"""Describe in words whether a library can be adopted."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_count,
    format_size,
    pluralize,
    printable_path,
)

if TYPE_CHECKING:
    from midiprism.adopt.preflight_report import FileSample, PreflightProgress, PreflightReport

_MAX_SHOWN = 5
_NAME_WIDTH = 14
_INDENT = " " * 16


def format_progress(progress: "PreflightProgress") -> str:
    """Return the progress of the check in words."""
    if progress.total is None:
        return progress.stage
    return f"{progress.stage}: {progress.seen:,} of {progress.total:,}"


def preflight_lines(preflight: "PreflightReport", command: str) -> Iterator[str]:
    """Yield what was checked, the obstacles, and the command that adopts the library."""
    library = escape_unprintable(str(preflight.address))
    if preflight.stopped:
        yield f"{library}: stopped before the end"
    elif preflight.ok:
        yield f"{library}: midiprism can adopt this library"
    else:
        yield f"{library}: midiprism cannot adopt this library as it is"
    yield from _count_lines(preflight)
    yield from _sample_lines(preflight)
    yield from _space_lines(preflight)
    yield from _permission_lines(preflight)
    yield from _extra_schema_lines(preflight)
    if preflight.obstacles:
        yield "Obstacles:"
        yield from (f"  {escape_unprintable(obstacle)}" for obstacle in preflight.obstacles)
    if preflight.counts is not None:
        yield "Once these are removed, adopt it with:" if preflight.obstacles else "To adopt it:"
        yield f"  {command}"
    yield f"Nothing was written. {preflight.seconds:.1f} s"


def _count(name: str, count: int, meaning: str) -> str:
    return format_count(name, count, meaning, width=_NAME_WIDTH)


def _count_lines(preflight: "PreflightReport") -> Iterator[str]:
    counts = preflight.counts
    if counts is None:
        return
    yield _count("files", counts.files, "rows")
    yield _count("songs", counts.songs, "of them with several tracks (num_tracks > 1)")
    yield _count("already split", counts.already_split, "of those have rows in track_splits")
    yield _count("left to split", counts.songs - counts.already_split, "have none")
    yield _count("links", counts.links, f"rows of track_splits, to {pluralize(counts.tracks, 'file')}")
    own = preflight.own_catalog
    if own is not None:
        schema = escape_unprintable(preflight.address.schema)
        songs = "this role cannot read it" if own.songs is None else pluralize(own.songs, "song")
        yield f"  Schema {schema} already holds a catalog of midiprism ({songs})."


def _sample_lines(preflight: "PreflightReport") -> Iterator[str]:
    if preflight.counts is None:
        return
    yield "Samples:"
    yield from _sample_line("songs", preflight.songs)
    yield from _sample_line("tracks", preflight.tracks)
    hashes = preflight.hash_check
    mismatched = len(hashes.mismatched)
    verdict = f"{mismatched:,} of them not the BLAKE3" if mismatched else "each is the BLAKE3 of its song"
    yield _count("content_hash", hashes.checked, f"compared; {verdict}" if hashes.checked else "compared")
    yield from _path_lines(hashes.mismatched)
    if preflight.songs.missing or preflight.tracks.missing:
        yield "  If the files have moved, --path-map OLD=NEW gives their new folder."


def _sample_line(name: str, sample: "FileSample") -> Iterator[str]:
    missing = len(sample.missing)
    verdict = f"{missing:,} of them missing" if missing else "all of them exist"
    yield _count(name, sample.sampled, f"looked up; {verdict}")
    yield from _path_lines(sample.missing)


def _path_lines(paths: Sequence[bytes]) -> Iterator[str]:
    yield from (f"{_INDENT}{printable_path(path)}" for path in paths[:_MAX_SHOWN])
    if len(paths) > _MAX_SHOWN:
        yield f"{_INDENT}and {len(paths) - _MAX_SHOWN:,} more"


def _space_lines(preflight: "PreflightReport") -> Iterator[str]:
    space = preflight.space
    if space is None:
        return
    yield f"Space for the rest: about {format_size(space.bytes)} in {pluralize(space.files, 'file')},"
    yield f"  estimated from {space.basis}."
    if space.free_bytes is not None:
        inodes = "" if space.free_files is None else f" and {space.free_files:,} inodes"
        verdict = "." if space.enough else ": too little."
        yield f"  {format_size(space.free_bytes)}{inodes} are free there{verdict}"


def _permission_lines(preflight: "PreflightReport") -> Iterator[str]:
    if not preflight.privileges:
        return
    yield "Rights of this role:"
    for purpose, meaning in (("adopt", "needed to adopt it"), ("replace", "needed only by --replace")):
        for granted, verb in ((True, "has"), (False, "lacks")):
            names = [
                privilege.name
                for privilege in preflight.privileges
                if (privilege.needed_for, privilege.granted) == (purpose, granted)
            ]
            if names:
                yield f"  {verb:<6}{_join_names(names)}  ({meaning})"


def _extra_schema_lines(preflight: "PreflightReport") -> Iterator[str]:
    """Yield the columns and triggers that midiprism does not know; they stay as they are."""
    schema = preflight.foreign_schema
    columns = [f"{column.table}.{column.name} ({column.type})" for column in schema.extra_columns]
    if columns:
        yield f"Further columns, which get their defaults in new rows: {_join_names(columns)}"
    triggers = [
        f"{trigger.name} on {trigger.table}{'' if trigger.enabled else ' (disabled)'}"
        for trigger in schema.triggers
    ]
    if triggers:
        yield f"Triggers, which run for new rows: {_join_names(triggers)}"


def _join_names(names: Iterable[str]) -> str:
    return escape_unprintable(", ".join(names))
