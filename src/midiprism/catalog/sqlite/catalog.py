"""The catalogue in a file of SQLite: one writer, which the lock on ``OUT`` sees to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from sqlalchemy import Column, Connection, Table, func, insert, select, update

from midiprism.catalog import rows
from midiprism.catalog.catalog import MAX_QUERY_VALUES, Catalog, CommitResult, KnownSong
from midiprism.catalog.errors import translate_errors
from midiprism.catalog.records import BatchRecord, SongRecord, TrackValues
from midiprism.catalog.schema import batches, links, runs, song_paths, songs, tracks
from midiprism.catalog.shard_sink import NewTrack, ShardSink, WrittenShards
from midiprism.errors import CatalogError

_PROGRESS_STEPS = 100_000  # of SQLite's machine between two questions whether to stop


@dataclass(slots=True)
class PreparedBatch:
    """A batch as it will be recorded.

    Attributes:
        new: songs with the numbers that they will have; ``replaced`` those that get another outcome.
        placed: which song is at each path.
    """

    record: BatchRecord
    commit_result: CommitResult = field(default_factory=CommitResult)
    new_songs: list[tuple[int, SongRecord]] = field(default_factory=list)
    replaced_songs: list[tuple[int, SongRecord]] = field(default_factory=list)
    songs_by_path: list[tuple[int, SongRecord]] = field(default_factory=list)

    @property
    def linked_songs(self) -> list[tuple[int, SongRecord]]:
        """Songs whose links will be recorded, and that have some."""
        return [
            (number, record) for number, record in (*self.new_songs, *self.replaced_songs) if record.links
        ]


@dataclass(slots=True)
class PreparedCommit:
    """What a commit will record.

    Attributes:
        track_ids: numbers of all contents that links lead to.
        tracks: the contents that no commit had before.
    """

    run_id: int
    batches: list[PreparedBatch]
    track_ids: dict[bytes, int]
    new_tracks: list[NewTrack]

    @property
    def linked_songs(self) -> list[SongRecord]:
        """Songs whose links will be recorded, and that have some."""
        return [record for batch in self.batches for _, record in batch.linked_songs]

    @property
    def linked_song_ids(self) -> list[int]:
        """Their numbers."""
        return [number for batch in self.batches for number, _ in batch.linked_songs]


class SqliteCatalog(Catalog):
    """Numbers rows itself, and works through the driver: SQLAlchemy's own work, per row, would take longer
    than the database's."""

    def __init__(self, address: str, connection: Connection) -> None:
        super().__init__(address, connection)
        self._last_ids: dict[str, int] = {}

    def begin_run(self, settings: Mapping[str, Any], now: str) -> int:
        def work() -> int:
            self.connection.execute(update(runs).where(runs.c.state == "running").values(state="cut off"))
            number: int = (self.connection.scalar(select(func.max(runs.c.id))) or 0) + 1
            self.connection.execute(
                insert(runs).values(
                    id=number,
                    started_at=now,
                    updated_at=now,
                    state="running",
                    settings=dict(settings),
                    totals={},
                )
            )
            return number

        return self.run_in_transaction(work)

    @contextmanager
    def interruptible(self, stop: Callable[[], bool]) -> Iterator[None]:
        self._driver_connection.set_progress_handler(stop, _PROGRESS_STEPS)
        try:
            yield
        finally:
            self._driver_connection.set_progress_handler(None, 0)

    def local_disk_bytes(self) -> int:
        # The file itself does not have what is in the log yet.
        pragmas = "PRAGMA page_count", "PRAGMA page_size"
        count, size = self.run_in_transaction(
            lambda: [self._driver_connection.execute(pragma).fetchone()[0] for pragma in pragmas]
        )
        return int(count * size)

    def reserve_ids(self, table: str, highest_id: int) -> None:
        self._last_ids[table] = highest_id

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]:
        with self._assigning_ids():
            return self._commit_prepared(self._prepare_commit(run_id, batches), now, shard_sink)

    def prepare_commit(self, run_id: int, batches: Sequence[BatchRecord]) -> PreparedCommit:
        """What a commit of these batches will record. It must be the next one.

        Raises:
            CatalogError: the catalogue cannot be read.
        """
        with self._assigning_ids():
            return self._prepare_commit(run_id, batches)

    def commit_prepared(
        self, prepared: PreparedCommit, now: str, shard_sink: ShardSink | None
    ) -> list[CommitResult]:
        """Commit what was prepared; see ``commit``."""
        with self._assigning_ids():
            return self._commit_prepared(prepared, now, shard_sink)

    @contextmanager
    def _assigning_ids(self) -> Iterator[None]:
        """A transaction that gives numbers to rows."""
        try:
            with translate_errors(self.path), self.connection.begin():
                yield
        except BaseException:
            self._last_ids.clear()  # of rows that were rolled back
            raise

    def _prepare_commit(self, run_id: int, batches: Sequence[BatchRecord]) -> PreparedCommit:
        known = self.select_songs(
            {song.digest for batch in batches for song in batch.songs if song.digest is not None}
        )
        prepared = PreparedCommit(
            run_id, [self._classify_songs(run_id, batch, known) for batch in batches], {}, []
        )
        contents: dict[bytes, TrackValues] = {}
        firsts = [0]
        for batch in prepared.batches:
            for _, song in batch.linked_songs:
                for link in song.links:
                    contents.setdefault(link[-1][0], link[-1])
            firsts.append(len(contents))
        prepared.track_ids = ids = self.select_track_ids(contents)
        met = iter(contents.items())
        for batch, (first, last) in zip(prepared.batches, pairwise(firsts), strict=True):
            new = [(digest, values) for digest, values in islice(met, last - first) if digest not in ids]
            for number, (digest, values) in zip(self._next_ids(tracks, len(new)), new, strict=True):
                ids[digest] = number
                prepared.new_tracks.append(NewTrack(number, values))
            batch.commit_result.tracks_new = len(new)
        return prepared

    def _classify_songs(
        self, run_id: int, batch: BatchRecord, known: dict[bytes, KnownSong]
    ) -> PreparedBatch:
        """What is to be done with each song of a batch; those that get an outcome are known afterwards."""
        found = PreparedBatch(batch)
        for record in batch.songs:
            there = known.get(record.digest) if record.digest is not None else None
            if there is None:
                if record.outcome is None:
                    raise CatalogError(f"The catalogue {self.path} has lost a song that it knew; run again.")
                (number,) = self._next_ids(songs, 1)
                found.new_songs.append((number, record))
            else:
                number = there.id
                if record.outcome is None or not batch.replaces_outcomes or there.run_id == run_id:
                    found.commit_result.paths_of_known_songs += 1
                    found.songs_by_path.append((number, record))
                    continue
                found.replaced_songs.append((number, record))
            found.songs_by_path.append((number, record))
            found.commit_result.outcomes[record.outcome] += 1
            if record.digest is not None:
                known[record.digest] = KnownSong(number, record.outcome, batch.contract_version, run_id)
        found.commit_result.outcomes_replaced = len(found.replaced_songs)
        found.commit_result.links = sum(len(record.links) for _, record in found.linked_songs)
        return found

    def _commit_prepared(
        self, prepared: PreparedCommit, now: str, shard_sink: ShardSink | None
    ) -> list[CommitResult]:
        with shard_sink.remove_on_error() if shard_sink else nullcontext():
            kept = (
                shard_sink.write_shards(prepared.new_tracks, prepared.linked_songs)
                if shard_sink
                else WrittenShards((), (), ())
            )
            homes = self._insert_tracks_and_shards(prepared, kept)
            for batch in prepared.batches:
                self._insert_batch(prepared, batch, homes, now)
        return [batch.commit_result for batch in prepared.batches]

    def _insert_tracks_and_shards(self, prepared: PreparedCommit, written: WrittenShards) -> dict[int, int]:
        """Record tracks and shards. For each song with links in one of those, its number."""
        run_id = prepared.run_id
        numbers = self.insert_shards(written.shards, run_id)
        if written.track_positions:
            placed = [
                rows.track_row(track.id, track.values, run_id, numbers[place.shard_index], place.row)
                for track, place in zip(prepared.new_tracks, written.track_positions, strict=True)
            ]
            self._insert(tracks, placed)
        else:
            homeless = [rows.track_row(track.id, track.values) for track in prepared.new_tracks]
            self._insert(tracks, homeless, run_id, None, None)
        if prepared.batches:
            prepared.batches[0].commit_result.shards = written.shards
        return {
            number: numbers[shard]
            for number, shard in zip(prepared.linked_song_ids, written.link_shard_indexes, strict=False)
        }

    def _insert_batch(
        self, prepared: PreparedCommit, prepared_batch: PreparedBatch, shard_ids: Mapping[int, int], now: str
    ) -> None:
        batch, committed, run_id = prepared_batch.record, prepared_batch.commit_result, prepared.run_id
        changed = [number for number, _ in prepared_batch.replaced_songs]
        self.mark_shards_stale(changed)
        self._delete(links.c.song_id, changed)
        values = [
            rows.song_row(number, record, batch.contract_version, run_id, shard_ids.get(number))
            for number, record in (*prepared_batch.replaced_songs, *prepared_batch.new_songs)
        ]
        if changed:
            statement = rows.update_statement(songs, self.connection.dialect)
            self._driver_connection.executemany(
                statement, [(*row[1:], row[0]) for row in values[: len(changed)]]
            )
        self._insert(songs, values[len(changed) :])
        ids = prepared.track_ids
        self._insert(
            links,
            [
                row
                for number, record in prepared_batch.linked_songs
                for row in rows.link_rows(number, record, ids)
            ],
        )
        self._update_paths(
            prepared_batch.songs_by_path,
            {row[0]: row for row in self._select_paths(record.path for record in batch.songs)},
        )
        self.connection.execute(
            insert(batches).values(
                id=self._next_ids(batches, 1)[0],
                run_id=run_id,
                songs=len(values),
                links=committed.links,
                tracks_new=committed.tracks_new,
                files_written=batch.files_written + len(committed.shards),
                bytes_written=batch.bytes_written + committed.shard_bytes,
                disk_bytes=batch.disk_bytes + committed.shard_bytes,
                seconds=batch.seconds,
                committed_at=now,
            )
        )

    def _update_paths(
        self, songs_by_path: Sequence[tuple[int, SongRecord]], existing_rows: Mapping[bytes, Any]
    ) -> None:
        """Say which song is at each path; forget those without a digest that were there before."""
        current = {}
        for number, record in songs_by_path:
            row, there = rows.path_row(number, record), existing_rows.get(record.path)
            if row[-1] is None and there is not None and row[-3:-1] == there[-3:-1]:
                # Who reads a file again that has not changed need not know what its source says of it.
                row = (*row[:-1], there[-1])
            current[record.path] = row
        gone = [existing_rows[path][1] for path in current if path in existing_rows]
        there = self._select_by_keys((songs.c.id, songs.c.digest), songs.c.id, gone)
        forgotten = [number for number, digest in there if digest is None]
        self._delete(song_paths.c.path, [path for path in current if path in existing_rows])
        self._insert(song_paths, list(current.values()))
        self._delete(songs.c.id, forgotten)

    def _select_paths(self, paths: Iterable[bytes]) -> list[Any]:
        row = song_paths.c
        return self._select_by_keys(
            (row.path, row.song_id, row.size, row.mtime_ns, row.source_metadata), row.path, paths
        )

    def _select_by_keys(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], keys: Iterable[Any]
    ) -> list[Any]:
        wanted = list(keys)
        found: list[Any] = []
        for start in range(0, len(wanted), MAX_QUERY_VALUES):
            part = wanted[start : start + MAX_QUERY_VALUES]
            found += self._driver_connection.execute(
                rows.select_statement(columns, key_column, len(part)), part
            )
        return found

    def select_by_ranges(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], ranges: Sequence[tuple[Any, Any]]
    ) -> list[Any]:
        names = ", ".join(column.name for column in columns)
        statement = f"SELECT {names} FROM {key_column.table.name} WHERE {key_column.name} BETWEEN ? AND ?"  # noqa: S608
        return [row for ends in ranges for row in self._driver_connection.execute(statement, ends)]

    @property
    def _driver_connection(self) -> Any:
        return self.connection.connection.dbapi_connection

    def _insert(self, table: Any, values: list[tuple[Any, ...]], *last_values: int | None) -> None:
        """Insert rows; ``last`` are the values of their last columns where those are the same in all."""
        if values:
            self._driver_connection.executemany(
                rows.insert_statement(table, self.connection.dialect, *last_values), values
            )

    def _next_ids(self, table: Table, count: int) -> range:
        """The next numbers of a table; counted here, since there is one writer."""
        name = table.name
        if name not in self._last_ids:
            self._last_ids[name] = self.connection.scalar(select(func.max(table.c.id))) or 0
        first = self._last_ids[name] + 1
        self._last_ids[name] += count
        return range(first, first + count)
