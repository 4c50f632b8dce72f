"""Builds a segment of the index out of the catalog: the arrays of some songs, their links and tracks."""

import gc
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog.folding import fold_text
from midiprism.catalog.queries.index_rows import (
    IdRange,
    Rows,
    id_conditions,
    link_rows,
    path_rows,
    run_times,
    some_have_facts,
    song_rows,
    track_rows,
)
from midiprism.catalog.reader import CatalogReader
from midiprism.fs.column_file import Array, ArraysInMemory
from midiprism.fs.path_text import path_text
from midiprism.search.index.encoding import (
    SEPARATOR,
    Arrays,
    TextCollector,
    collect_numbers,
    encode_blobs,
    encode_numbers,
    encode_texts,
    narrowed,
    text_bytes,
)
from midiprism.search.index.id_ranges import ranges_of
from midiprism.search.index.index_columns import ADDED, FACT_COLUMNS, IndexColumn, Level, columns_of
from midiprism.search.query_fields import SOURCE
from midiprism.sources.file_types import source_of_song

IntArray = NDArray[np.int64]


class _RowCollector:
    """Collects rows of one level: leading whole numbers, then the values of its columns.

    Args:
        level: of the rows.
        leading: how many whole numbers come first.
        absent: columns that are NULL in all rows, and that no query needs to read.
    """

    def __init__(self, level: Level, leading: int, absent: Set[IndexColumn] = frozenset()) -> None:
        self._columns = [column for column in columns_of(level) if column not in absent]
        self._level: Level = level
        self._absent = absent
        self._leading: list[list[Array]] = [[] for _ in range(leading)]
        self._texts = {column: TextCollector() for column in self._columns if column.is_text}
        self._numbers: dict[IndexColumn, list[Array]] = {
            column: [] for column in self._columns if not column.is_text
        }

    @property
    def names(self) -> list[str]:
        """The names of the catalog's columns that are to be read."""
        return [column.name for column in self._columns]

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows."""
        values = [*zip(*rows, strict=True)]
        for parts, column_values in zip(self._leading, values, strict=False):
            parts.append(np.fromiter(column_values, np.int64, len(rows)))
        for column, column_values in zip(self._columns, values[len(self._leading) :], strict=True):
            if column.is_text:
                self._texts[column].add(column_values)
            else:
                self._numbers[column].append(narrowed(np.fromiter(column_values, np.float64, len(rows))))

    def add_all(self, streams: Iterable[Rows]) -> None:
        """Add the rows of some queries."""
        for stream in streams:
            for rows in stream:
                self.add(rows)

    def leading(self, index: int) -> IntArray:
        """Return one of the columns of whole numbers."""
        return np.concatenate([np.empty(0, np.int64), *self._leading[index]])

    def encode(self, rows: Array) -> Arrays:
        """Return the arrays of all columns, with these rows in this order; -1 stands for a row of NULLs."""
        is_there = rows >= 0
        arrays: Arrays = {}
        for column in columns_of(self._level):
            if column in self._absent:
                arrays |= _encode_nulls(column, len(rows))
            elif column.is_text:
                arrays |= self._texts[column].encode(column.key, rows)
            else:
                values = np.full(len(rows), np.nan)
                values[is_there] = collect_numbers(self._numbers.pop(column))[rows[is_there]]
                arrays |= encode_numbers(column.key, values)
        return arrays


def _encode_nulls(column: IndexColumn, count: int) -> Arrays:
    """Return the arrays of a column that is NULL in all rows."""
    if column.is_text:
        return encode_texts(column.key, [None], np.zeros(count, np.int32))
    return encode_numbers(column.key, np.full(count, np.nan))


class _Songs:
    """The songs of a segment, in the order of their paths.

    Args:
        rows: of their paths.

    Attributes:
        ids: of the songs.
        arrays: that derive from paths.
    """

    def __init__(self, rows: Iterable[tuple[int, bytes, int, str]]) -> None:
        names: dict[int, list[str]] = {}
        paths: list[bytes] = []
        sources = []
        known_sources: dict[tuple[bytes, int], str] = {}
        for song_id, path, root_length, name in sorted(rows, key=_path_of_row):
            if song_id in names:
                names[song_id].append(name)
                continue
            names[song_id] = [name]
            paths.append(path)
            root = path[:root_length], root_length
            if root not in known_sources:
                known_sources[root] = path_text(source_of_song(path, root_length))
            sources.append(known_sources[root])
        self.ids = np.fromiter(names, np.int64, len(names))
        self._order = np.argsort(self.ids)
        self.arrays = self._encode(paths, [*names.values()], sources)

    def rows_of(self, song_ids: IntArray) -> IntArray:
        """Return the row of each song; -1 for a song that has no path."""
        return _find(song_ids, self.ids, self._order)

    def _encode(
        self, paths: Sequence[bytes], names: Sequence[Sequence[str]], sources: Sequence[str]
    ) -> Arrays:
        folded = [[*map(fold_text, names_of_song)] for names_of_song in names]
        shown = [names_of_song[0] for names_of_song in folded]
        ranks = {name: rank for rank, name in enumerate(sorted(set(shown)))}
        collector = TextCollector()
        collector.add(sources)
        return {
            "songs.id": self.ids,
            **encode_blobs("songs.paths", paths),
            **encode_blobs("songs.names", [SEPARATOR.join(map(text_bytes, each)) for each in folded]),
            "songs.name_ranks": np.fromiter(map(ranks.__getitem__, shown), np.uint32, len(shown)),
            **collector.encode(f"songs.{SOURCE}"),
        }


def _path_of_row(row: tuple[int, bytes, int, str]) -> bytes:
    return row[1]


def build_segment(reader: CatalogReader, ranges: Iterable[IdRange]) -> ArraysInMemory:
    """Return the segment of some songs; it may have no rows.

    Args:
        reader: of a snapshot of the catalog.
        ranges: of the ids of the songs.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    conditions = id_conditions(ranges)
    with _without_gc():
        songs = _Songs(_rows_of(path_rows(reader, condition) for condition in conditions))
        facts = _RowCollector("songs", 1)
        facts.add_all(song_rows(reader, facts.names, condition) for condition in conditions)
        links = _RowCollector("links", 3)
        links.add_all(link_rows(reader, links.names, condition) for condition in conditions)
        linked = id_conditions(ranges_of(links.leading(2)))
        has_facts = any(some_have_facts(reader, condition) for condition in linked)
        tracks = _RowCollector("tracks", 2, frozenset() if has_facts else FACT_COLUMNS)
        tracks.add_all(track_rows(reader, tracks.names, condition) for condition in linked)
    return _join(songs, facts, links, tracks, run_times(reader))


@contextmanager
def _without_gc() -> Iterator[None]:
    """Collect no garbage for a while: rows are millions of tuples, and none of them is in a circle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _rows_of(streams: Iterable[Rows]) -> Iterator[Any]:
    for stream in streams:
        for part in stream:
            yield from part


def _join(
    songs: _Songs, facts: _RowCollector, links: _RowCollector, tracks: _RowCollector, times: dict[int, str]
) -> ArraysInMemory:
    """Return the arrays of a segment, without songs at no path, and links of no song or to no track."""
    facts_of_songs = _find(songs.ids, facts.leading(0), np.argsort(facts.leading(0)))
    is_known = np.append(facts_of_songs >= 0, False)  # the last one is for -1, a song at no path
    song_rows_of_links = songs.rows_of(links.leading(0))
    known_tracks = tracks.leading(0)
    rows_of_tracks = _find(links.leading(2), known_tracks, np.argsort(known_tracks, kind="stable"))
    kept = np.flatnonzero(is_known[song_rows_of_links] & (rows_of_tracks >= 0))
    kept = kept[np.argsort(song_rows_of_links[kept], kind="stable")]
    used, first_links, numbers = np.unique(rows_of_tracks[kept], return_index=True, return_inverse=True)
    by_first_link = np.argsort(first_links)
    number_of = np.empty(len(used), np.int32)
    number_of[by_first_link] = np.arange(len(used), dtype=np.int32)
    track_rows_kept = used[by_first_link]
    song_of_link, track_of_link = song_rows_of_links[kept], number_of[numbers]
    starts = np.searchsorted(song_of_link, np.arange(len(songs.ids) + 1)).astype(np.uint32)
    arrays = {
        **songs.arrays,
        **facts.encode(facts_of_songs),
        "songs.links": starts,
        "links.position": links.leading(1)[kept].astype(np.uint32),
        "links.track": track_of_link,
        "links.is_first": _first_in_song(song_of_link, track_of_link),
        **links.encode(kept),
        "tracks.id": known_tracks[track_rows_kept],
        **_encode_added(times, tracks.leading(1)[track_rows_kept]),
        **tracks.encode(track_rows_kept),
    }
    return ArraysInMemory(arrays, {"songs": len(songs.ids), "links": len(kept), "tracks": len(used)})


def _find(wanted: IntArray, ids: IntArray, order: IntArray) -> IntArray:
    """Return the index of each wanted id in ``ids``, which are sorted by ``order``; -1 for none."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    positions = np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)
    found = order[positions]
    return np.where(ids[found] == wanted, found, -1)


def _first_in_song(song_of_link: IntArray, track_of_link: Array) -> Array:
    """Return for each link 1 if it is the first one of its song to its track, else 0."""
    pairs = song_of_link.astype(np.int64) << 32 | track_of_link
    is_first = np.zeros(len(pairs), np.uint8)
    is_first[np.unique(pairs, return_index=True)[1]] = 1
    return is_first


def _encode_added(times: dict[int, str], run_ids: IntArray) -> Arrays:
    """Return the arrays of the column that says when tracks were added."""
    collector = TextCollector()
    runs, numbers = np.unique(run_ids, return_inverse=True)
    collector.add([times.get(run_id) for run_id in runs.tolist()])
    return collector.encode(f"tracks.{ADDED}", numbers)
