"""Finding tracks."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from midiprism.catalog.encoding import make_storable
from midiprism.catalog.schema import links, shards, song_paths, tracks

_FETCH_ROWS = 1_000

TextCondition = Callable[[ColumnElement[str], str], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tracks; what is None does not matter. Texts match anywhere in theirs, in any case.

    Attributes:
        instrument: in the instrument, or the family, as heard in the song.
        family: in the family, as heard in the song.
        song: in the song's path below its source folder, without suffix.
        name: in the track's name.
        least_notes: at least so many notes.
        most_notes: at most so many.
        channel: 0 to 15, the one channel that it plays on.
    """

    instrument: str | None = None
    family: str | None = None
    song_name: str | None = None
    name: str | None = None
    min_notes: int | None = None
    max_notes: int | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class TrackRow:
    """A track of a song. Of several paths to one song, the bytewise smallest names it.

    Attributes:
        song_id: the catalogue's number of the song.
        song: the song's absolute path, in the file system's bytes.
        root_length: so many leading bytes of it are the source folder, with its separator.
        song: the rest as text, without suffix.
        parts: how many splits its ``MTrk`` was divided into.
        instrument: as heard in that song; ``family`` likewise.
        own_family: the family that the split's own bytes state, which its path is made of.
        shard: name of the shard that holds it; None where it is a file of its own, or in no shard.
        shard_row: its row there, from 0.
    """

    song_id: int
    song_path: bytes
    root_length: int
    song_name: str
    track_number: int
    channel: int | None
    program: int | None
    part_count: int
    name: str | None
    instrument: str
    family: str
    note_count: int
    lowest_pitch: int
    highest_pitch: int
    duration_ticks: int
    duration_seconds: float | None
    digest: bytes
    size: int
    stem: str
    digest_digits: int
    file_family: str
    shard: str | None = None
    shard_row: int | None = None


def find_tracks(
    connection: Connection, selection: Selection, limit: int | None = None
) -> Generator[TrackRow, None, None]:
    """The selected tracks, ordered by the bytes of their songs' paths, then as they stand in the song.

    Rows stream: memory does not grow with their number. A song whose path has come to hold another content is
    no longer found. Close the rows before the catalogue if you leave them early.
    """
    # SQLite compares texts by a function of ours. Other servers fold letters as their own locale has it, so
    # they only narrow the rows down.
    exact = connection.dialect.name == "sqlite"
    query = _select_tracks(selection, limit if exact else None, exact=exact)
    with connection.begin():
        result = connection.execute(query.execution_options(yield_per=_FETCH_ROWS))
        try:
            found = (TrackRow(*row) for row in result)
            yield from found if exact else islice((row for row in found if _matches(row, selection)), limit)
        finally:
            result.close()


def _select_tracks(selection: Selection, limit: int | None, *, exact: bool) -> Select[Any]:
    path, link, track = song_paths, links, tracks
    other = song_paths.alias("other")
    smallest = (
        select(other.c.path)
        .where(other.c.song_id == path.c.song_id)
        .order_by(other.c.path)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            path.c.song_id,
            path.c.path,
            path.c.root_length,
            path.c.song_name,
            link.c.track_number,
            link.c.channel,
            link.c.program,
            link.c.part_count,
            link.c.name,
            link.c.instrument,
            link.c.family,
            track.c.note_count,
            track.c.lowest_pitch,
            track.c.highest_pitch,
            track.c.duration_ticks,
            track.c.duration_seconds,
            track.c.digest,
            track.c.size,
            track.c.stem,
            track.c.digest_digits,
            track.c.family,
            shards.c.name,
            track.c.shard_row,
        )
        .select_from(
            path.join(link, link.c.song_id == path.c.song_id)
            .join(track, track.c.id == link.c.track_id)
            .outerjoin(shards, shards.c.id == track.c.shard_id)
        )
        .where(path.c.path == smallest, *_conditions(selection, _contains if exact else _may_contain))
        .order_by(path.c.path, link.c.position)
        .limit(limit)
    )


def _conditions(selection: Selection, contains: TextCondition) -> Iterator[ColumnElement[bool]]:
    link = links.c
    if selection.instrument is not None:
        heard = selection.instrument
        yield or_(contains(link.instrument, heard), contains(link.family, heard))
    if selection.family is not None:
        yield contains(link.family, selection.family)
    if selection.song_name is not None:
        yield contains(song_paths.c.song_name, selection.song_name)
    if selection.name is not None:
        yield contains(link.name, selection.name)
    if selection.min_notes is not None:
        yield tracks.c.note_count >= selection.min_notes
    if selection.max_notes is not None:
        yield tracks.c.note_count <= selection.max_notes
    if selection.channel is not None:
        yield link.channel == selection.channel


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.icontains(make_storable(text), autoescape=True)


def _may_contain(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """What ``_contains`` is true of, and perhaps more: no text with letters beyond ASCII is looked into."""
    beyond = func.octet_length(column) > func.char_length(column)
    folded = text.casefold()
    return or_(beyond, _contains(column, folded)) if folded.isascii() else beyond


def _matches(row: TrackRow, selection: Selection) -> bool:
    """Whether the texts of a row are as they are wanted."""
    return (
        (
            _text_matches(row.instrument, selection.instrument)
            or _text_matches(row.family, selection.instrument)
        )
        and _text_matches(row.family, selection.family)
        and _text_matches(row.song_name, selection.song_name)
        and _text_matches(row.name, selection.name)
    )


def _text_matches(value: str | None, text: str | None) -> bool:
    return text is None or (value is not None and make_storable(text).casefold() in value.casefold())
