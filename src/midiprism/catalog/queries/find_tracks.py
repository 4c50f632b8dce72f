"""The search for tracks by the searchable fields of links, tracks and songs."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, CursorResult, Select, Table, exists, func, or_, select

from midiprism.catalog.folding import fold_text
from midiprism.catalog.path_lookup import IS_THERE
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import links, shards, song_paths, tracks
from midiprism.errors import FilterValueError
from midiprism.records.batches import make_storable
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS, LinkRecord
from midiprism.records.filters import FILTERS, Filter, FilterValue
from midiprism.records.track_record import TrackRecord
from midiprism.sources.file_types import source_of_song

MAX_FILTER_TEXT = 4_096
"""Most characters of a folded text to search for; SQLite takes patterns of at most 50,000 bytes."""
MAX_FILTER_NUMBER = 10**12
"""Largest number to search for; columns have at most 64 bits."""

_FETCH_ROWS = 1_000
_TABLES: Mapping[str, Table] = {"links": links, "tracks": tracks, "songs": song_paths}

TextCondition = Callable[[ColumnElement[str], str], ColumnElement[bool]]


class Selection:
    """The tracks that pass all filters that are given.

    Args:
        values: of filters by their names, see ``FILTERS``; None for a filter that is not given.

    Raises:
        TypeError: there is no filter of that name.
        FilterValueError: a text is too long, or a number too large.
    """

    def __init__(self, **values: FilterValue | None) -> None:
        unknown = values.keys() - FILTERS.keys()
        if unknown:
            raise TypeError(f"There is no filter {min(unknown)!r}.")
        for name, value in values.items():
            _check_value(name, value)
        self._values = {name: value for name, value in values.items() if value is not None}

    def __repr__(self) -> str:
        return f"Selection({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def filters(self) -> Iterator[tuple[Filter, FilterValue]]:
        """Return each filter that is given with its value."""
        for name, value in self._values.items():
            yield FILTERS[name], value


def _check_value(name: str, value: FilterValue | None) -> None:
    if isinstance(value, str):
        if len(fold_text(value)) > MAX_FILTER_TEXT:
            raise FilterValueError(name, MAX_FILTER_TEXT, is_text=True)
    elif value is not None and not -MAX_FILTER_NUMBER <= value <= MAX_FILTER_NUMBER:
        raise FilterValueError(name, MAX_FILTER_NUMBER, is_text=False)


class TrackRow(NamedTuple):
    """A link of a song with its track.

    Of several paths that are there, the bytewise smallest names the song.

    Attributes:
        song_id: id of the song in the catalog.
        song_path: absolute, in the file system's bytes.
        root_length: leading bytes of the path that are the source folder, with its separator.
        song_name: the rest as text, without suffix.
        link: how the song has the track, and the track.
        shard: name of the shard that holds the track; None where it is a file of its own.
        shard_row: 0-based, in that shard.
        source_metadata: what the source says of the song at that path, such as columns of a Parquet file.
        paths: all paths of the song that are there, the smallest first.
    """

    song_id: int
    song_path: bytes
    root_length: int
    song_name: str
    link: LinkRecord
    shard: str | None = None
    shard_row: int | None = None
    source_metadata: Mapping[str, Any] | None = None
    paths: tuple[bytes, ...] = ()

    @property
    def source(self) -> bytes:
        """The folder, archive or Parquet file that the song comes from."""
        return source_of_song(self.song_path, self.root_length)

    @property
    def track(self) -> TrackRecord:
        """The track itself, with the facts that its own bytes state."""
        return self.link.track


def find_tracks(
    connection: Connection, selection: Selection, limit: int | None = None
) -> Generator[TrackRow, None, None]:
    """Return the selected tracks, ordered by the bytes of their songs' paths, then by position in the song.

    A filter by the song's name looks at the names of all its paths. Rows stream: memory does not grow with
    their number. A song that is at no path any more is not found. Close the rows before the catalog if you
    leave them early.
    """
    # SQLite folds texts by a function of ours. PostgreSQL folds them by its own locale, so there the query
    # only narrows the rows down.
    exact = connection.dialect.name == "sqlite"
    query = _select_tracks(selection, limit if exact else None, exact=exact)
    with connection.begin():
        result = connection.execute(query.execution_options(yield_per=_FETCH_ROWS))
        try:
            rows = _rows_with_paths(connection, result, selection, matched=exact)
            yield from rows if exact else islice(rows, limit)
        finally:
            result.close()


class _SongPaths(NamedTuple):
    """Paths and names of a song, in the order of the paths."""

    paths: tuple[bytes, ...]
    names: tuple[str, ...]


def _rows_with_paths(
    connection: Connection, result: CursorResult[Any], selection: Selection, *, matched: bool
) -> Iterator[TrackRow]:
    """Return the rows of a result with all paths of their songs.

    Args:
        matched: whether the query has found exactly what is selected.
    """
    for part in result.partitions():
        rows = [_make_row(values) for values in part]
        paths_by_song = _select_paths(connection, {row.song_id for row in rows})
        for row in rows:
            song = paths_by_song[row.song_id]
            if matched or _matches(row, song.names, selection):
                yield row._replace(paths=song.paths)


def _select_paths(connection: Connection, song_ids: Iterable[int]) -> dict[int, _SongPaths]:
    """Return the paths that are there of some songs."""
    path = song_paths.c
    query = select(path.song_id, path.path, path.song_name).where(IS_THERE)
    found: dict[int, list[tuple[bytes, str]]] = {}
    for part in query_chunks(sorted(song_ids)):
        for song_id, *place in connection.execute(query.where(path.song_id.in_(part)).order_by(path.path)):
            found.setdefault(song_id, []).append((place[0], place[1]))
    return {song_id: _SongPaths(*zip(*places, strict=True)) for song_id, places in found.items()}


def _select_tracks(selection: Selection, limit: int | None, *, exact: bool) -> Select[Any]:
    path, link, track = song_paths.c, links.c, tracks.c
    other = song_paths.alias("other")
    smallest = (
        select(other.c.path)
        .where(other.c.song_id == path.song_id, other.c.gone_at.is_(None))
        .order_by(other.c.path)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            path.song_id,
            path.path,
            path.root_length,
            path.song_name,
            path.source_metadata,
            shards.c.name,
            track.shard_row,
            *(link[field.name] for field in LINK_FIELDS),
            *(track[field.name] for field in TRACK_FIELDS),
        )
        .select_from(
            song_paths.join(links, link.song_id == path.song_id)
            .join(tracks, track.id == link.track_id)
            .outerjoin(shards, shards.c.id == track.shard_id)
        )
        .where(path.path == smallest, *_conditions(selection, _contains if exact else _may_contain))
        .order_by(path.path, link.position)
        .limit(limit)
    )


def _make_row(values: Any) -> TrackRow:
    """Return a row of the values that ``_select_tracks`` selects."""
    song_id, path, root_length, song_name, metadata, shard, shard_row, *facts = values
    track = TrackRecord._make(facts[len(LINK_FIELDS) :])
    link = LinkRecord._make((*facts[: len(LINK_FIELDS)], track))
    source_metadata = None if metadata is None else json.loads(metadata)
    return TrackRow(song_id, path, root_length, song_name, link, shard, shard_row, source_metadata)


def _conditions(selection: Selection, contains: TextCondition) -> Iterator[ColumnElement[bool]]:
    for condition, value in selection.filters():
        columns = [_TABLES[condition.record].c[name] for name in condition.field_names]
        if condition.record == "songs":
            named = song_paths.alias("named")
            is_named = or_(*(contains(named.c[name], str(value)) for name in condition.field_names))
            yield (
                exists()
                .where(named.c.song_id == song_paths.c.song_id, named.c.gone_at.is_(None), is_named)
                .correlate(song_paths)
            )
        elif condition.comparison == "contains":
            yield or_(*(contains(column, str(value)) for column in columns))
        elif condition.comparison == "at_least":
            yield or_(*(column >= value for column in columns))
        elif condition.comparison == "at_most":
            yield or_(*(column <= value for column in columns))
        else:
            yield or_(*(column == value for column in columns))


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    # Folded before it becomes a pattern: a full-width percent sign is none of SQL's.
    return column.icontains(fold_text(make_storable(text)), autoescape=True)


def _may_contain(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return a condition that holds where ``_contains`` holds, and for any text beyond ASCII."""
    beyond_ascii = func.octet_length(column) > func.char_length(column)
    folded = fold_text(text)
    return or_(beyond_ascii, _contains(column, folded)) if folded.isascii() else beyond_ascii


def _matches(row: TrackRow, song_names: Iterable[str], selection: Selection) -> bool:
    """Return whether the texts of a row, or one of the song's names, pass the filters."""
    for condition, text in selection.filters():
        if condition.comparison != "contains":
            continue
        values: Iterable[str | None] = song_names
        if condition.record != "songs":
            record = row.link if condition.record == "links" else row.track
            values = [getattr(record, name) for name in condition.field_names]
        wanted = fold_text(make_storable(str(text)))
        if not any(value is not None and wanted in fold_text(value) for value in values):
            return False
    return True
