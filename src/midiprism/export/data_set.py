"""Exports what a query finds as a data set: Parquet files of tracks, links and songs, and a card."""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any, NamedTuple

from blake3 import blake3

from midiprism.catalog import Catalog, PostgresAddress, TrackRow
from midiprism.catalog.queries.song_rows import SongColumns, commit_state, other_source_metadata
from midiprism.catalog.queries.song_rows import song_columns as read_song_columns
from midiprism.catalog.queries.table_sizes import TableSizes
from midiprism.errors import StoreError
from midiprism.export.data_set_folder import check_data_set_folder, open_data_set_folder
from midiprism.export.data_set_tables import (
    LINKS,
    TRACKS,
    TableWriter,
    TrackFolds,
    data_set_link,
    data_set_track,
)
from midiprism.export.errors import NothingFoundError
from midiprism.results.data_set_card import CardFacts, write_card
from midiprism.results.identity import Identity
from midiprism.results.leakage_groups import leakage_group
from midiprism.results.result_card import TABLES_PARAGRAPH, made_paragraph, state_of, table_facts
from midiprism.results.result_dir import open_catalog_of, require_result
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.results.song_groups import SongGroups, read_song_groups
from midiprism.results.songs_table import song_columns
from midiprism.search.find import TrackSearch, open_search
from midiprism.search.one_per_group import one_per_group as keep_one_per_group
from midiprism.search.query import Query
from midiprism.stores import TrackLocation, TrackStore
from midiprism.stores.parquet.shard_set import ParquetShards

_ROWS_PER_READ = 5_000

_FOLDS_PARAGRAPH = """\
`train` is only the name that a table needs. Versions and copies of a song have the same `song_group` and the
same `fold`, 0 to 9, in the whole library. Divide by folds, never by rows: tracks with a `last_fold` below 8
are for training, those with a `first_fold` of 8 or 9 for tests, and tracks with songs on both sides for
neither."""


@dataclass(slots=True)
class DataSetExport:
    """Result of an export of a data set.

    Attributes:
        to: the folder of the data set.
        dry_run: whether nothing was written.
        tracks: rows in the table of tracks.
        links: rows in the table of links.
        songs: rows in the table of songs.
        tracks_without_facts: of the tracks, those whose facts were not computed.
        bytes: of the files of tracks and links.
        stopped: whether it was stopped, so that the data set is not whole.
    """

    to: str
    dry_run: bool
    tracks: int = 0
    links: int = 0
    songs: int = 0
    tracks_without_facts: int = 0
    bytes: int = 0
    seconds: float = 0.0
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under their JSON keys."""
        return {
            "to": self.to,
            "dry_run": self.dry_run,
            "tracks": self.tracks,
            "links": self.links,
            "songs": self.songs,
            "tracks_without_facts": self.tracks_without_facts,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
        }


def export_data_set(
    out: str,
    to: str,
    query: Query,
    *,
    database: PostgresAddress | None = None,
    limit: int | None = None,
    one_per_group: bool = False,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> DataSetExport:
    """Write the tracks that a query finds, their links and their songs to Parquet files in ``to``.

    Tracks and links are in the order in which the query finds them. Groups and folds are those of the whole
    result, so they are the same in all its data sets.

    Args:
        database: where the catalog is; None for a file in the result.
        limit: number of links that are exported, the first; None for all.
        one_per_group: export one track of each group of similar tracks, and each track with one link.
        dry_run: write nothing.
        stop: once it returns True, nothing more is written, and the next export to ``to`` begins again.

    Raises:
        UsageError: ``out`` is no result, its catalog is elsewhere, pyarrow is not installed, or ``to`` cannot
            take a data set.
        NothingFoundError: the query finds nothing.
        InUseError: another export writes to ``to``.
        StoreError: a track is lost or damaged, the result was changed meanwhile, or ``to`` cannot be written.
        CatalogError: the catalog cannot be used.
    """
    require_result(out)
    started = time.perf_counter()
    identity = require_identity(out)
    check_data_set_folder(out, to)
    export = DataSetExport(os.path.abspath(to), dry_run)
    with (
        closing(open_result_store(out, identity)) as store,
        open_search(out, database) as search,
        open_catalog_of(out, database) as catalog,
    ):
        selection = _Selection(search, query, limit, stop, out if one_per_group else None)
        groups = _read_groups(catalog)
        found = _find(selection, groups)
        if not found.links and not stop():
            raise NothingFoundError(out, str(query))
        export.tracks_without_facts = found.tracks_without_facts
        if dry_run:
            export.tracks, export.links, export.songs = len(found.folds), found.links, len(found.song_ids)
        elif not stop():
            with open_data_set_folder(out, to, str(query)) as mark_as_whole:
                _DataSetWriter(export, identity, store, catalog).write(selection, found, groups)
                if not stop():
                    mark_as_whole()
    export.stopped = stop()
    export.seconds = time.perf_counter() - started
    return export


@dataclass(frozen=True, slots=True)
class _Selection:
    """The tracks that a query finds in one snapshot of a result, as often as it is asked for.

    Attributes:
        grouped_in: folder of the result, for one track of each group; None for all tracks.
    """

    search: TrackSearch
    query: Query
    limit: int | None
    stop: Callable[[], bool]
    grouped_in: str | None = None

    def rows(self) -> Iterator[TrackRow]:
        """Yield the rows, up to a stop."""
        with closing(self._all_rows()) as rows:
            for row in rows:
                if self.stop():
                    return
                yield row

    def _all_rows(self) -> Generator[TrackRow, None, None]:
        if self.grouped_in is None:
            return self.search.tracks(self.query, self.limit)
        return keep_one_per_group(self.search, self.grouped_in, self.query, self.limit)


class _Found(NamedTuple):
    """The tracks that a query finds.

    Attributes:
        folds: of the tracks, by their digests.
        song_ids: of the songs.
        links: how many there are.
        tracks_without_facts: tracks whose facts were not computed.
    """

    folds: dict[bytes, TrackFolds]
    song_ids: set[int]
    links: int
    tracks_without_facts: int


def _read_groups(catalog: Catalog) -> SongGroups:
    with catalog.read_transaction() as connection:
        return read_song_groups(connection)


def _find(selection: _Selection, groups: SongGroups) -> _Found:
    folds: dict[bytes, TrackFolds] = {}
    by_song: dict[int, TrackFolds] = {}
    links = tracks_without_facts = 0
    for row in selection.rows():
        links += 1
        of_song = by_song.get(row.song_id)
        if of_song is None:
            of_song = by_song[row.song_id] = TrackFolds.of(leakage_group(*groups.keys_of([row.song_id])))
        known = folds.get(row.track.digest)
        folds[row.track.digest] = of_song if known is None else known.joined(of_song)
        tracks_without_facts += known is None and row.track.facts_version is None
    return _Found(folds, set(by_song), links, tracks_without_facts)


class _DataSetWriter:
    """Writes the files of a data set.

    Args:
        export: gets the figures.
        identity: of the result.
        store: of the result.
        catalog: of the result.
    """

    def __init__(
        self, export: DataSetExport, identity: Identity, store: TrackStore, catalog: Catalog
    ) -> None:
        self._export = export
        self._identity = identity
        self._store = store
        self._catalog = catalog

    def write(self, selection: _Selection, found: _Found, groups: SongGroups) -> None:
        """Write everything, up to a stop.

        Raises:
            StoreError: a track or a song is lost, or something cannot be written.
        """
        export, query = self._export, str(selection.query)
        metadata = {**{key: str(value) for key, value in self._identity.as_dict().items()}, "query": query}
        tracks, links = (TableWriter(export.to, kind, metadata) for kind in (TRACKS, LINKS))
        written: set[bytes] = set()
        rows = selection.rows()
        while part := list(islice(rows, _ROWS_PER_READ)):
            links.add(map(data_set_link, part), [0] * len(part))
            new = {row.track.digest: row for row in part if row.track.digest not in written}
            written.update(new)
            music = self._read([*new.values()])
            values = (data_set_track(row, found.folds[digest], music[digest]) for digest, row in new.items())
            tracks.add(values, (row.track.size for row in new.values()))
        for writer in (tracks, links):
            writer.flush()
        export.tracks, export.links, export.bytes = tracks.rows, links.rows, tracks.bytes + links.bytes
        if not selection.stop():
            export.songs = self._write_songs(found.song_ids, groups, metadata)
            state = state_of(tracks.digests + links.digests, str(export.songs))
            write_card(export.to, self._card(query, state))

    def _read(self, rows: Sequence[TrackRow]) -> dict[bytes, bytes]:
        """Return the bytes of tracks by their digests. Shards are read in their order."""
        music = {}
        for row in sorted(rows, key=lambda row: (row.shard or "", row.shard_row or 0)):
            track = row.track
            location = TrackLocation(
                track.family, track.stem, track.digest, track.digest_digits, row.shard, row.shard_row
            )
            music[track.digest] = data = self._store.read(location)
            if blake3(data).digest() != track.digest:
                raise StoreError(f"The track {track.digest.hex()} is damaged: a repair restores it.")
        return music

    def _write_songs(self, song_ids: set[int], groups: SongGroups, metadata: Mapping[str, str]) -> int:
        """Write the table of songs, and return how many there are."""
        with self._catalog.read_transaction() as connection:
            parts = _only(read_song_columns(connection), song_ids)
            shards = ParquetShards(self._export.to, metadata)
            columns = song_columns(parts, groups, other_source_metadata(connection))
            count = shards.write_songs_table(columns, commit_state(connection))
        if count != len(song_ids):
            raise StoreError("Songs were removed from the result meanwhile: export again.")
        return count

    def _card(self, query: str, state: str) -> CardFacts:
        export = self._export
        found = f"It holds what this query finds in a larger library:\n\n    {' '.join(query.split())}"
        return CardFacts(
            table_facts(TableSizes(export.tracks, export.links, export.songs)),
            (
                made_paragraph(self._identity),
                *([found] if query else []),
                TABLES_PARAGRAPH,
                _FOLDS_PARAGRAPH,
            ),
            state,
        )


def _only(parts: Iterable[SongColumns], song_ids: set[int]) -> Iterator[SongColumns]:
    """Yield the songs with these ids."""
    for part in parts:
        wanted = [song_id in song_ids for song_id in part.id]
        if any(wanted):
            yield SongColumns._make(list(compress(column, wanted)) for column in part)
