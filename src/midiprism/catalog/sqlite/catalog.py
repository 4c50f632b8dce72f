"""The catalog in a SQLite file. There is one writer at a time, which the lock on ``OUT`` ensures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

from sqlalchemy import Column, Connection, Table, func, insert, select, update

from midiprism.catalog import rows
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.changed_ids import format_ids
from midiprism.catalog.commit_hook import BatchTransaction, CommitHook, run_hooks
from midiprism.catalog.commit_result import CommitResult
from midiprism.catalog.errors import translate_errors
from midiprism.catalog.late_facts import add_late_facts, with_facts_of_later
from midiprism.catalog.schema import batches, links, runs, song_paths, songs, tracks
from midiprism.catalog.song_facts import SongFacts
from midiprism.catalog.sqlite.file import PROGRESS_STEPS, release_cache
from midiprism.catalog.sqlite.new_rows import NewRows
from midiprism.catalog.sqlite.prepared_commit import PreparedBatch, PreparedCommit, RecordedPath
from midiprism.catalog.types import KnownSong
from midiprism.errors import CatalogError
from midiprism.records.batches import BatchRecord, LinkedSongs, concatenate
from midiprism.stores.shard_sink import ShardSink, WrittenShards, removing_on_error


class SqliteCatalog(Catalog):
    """The catalog of a result in its own folder.

    Args:
        address: path of the file.
        connection: to it.
        hooks: take part in each commit.
    """

    def __init__(self, address: str, connection: Connection, hooks: Sequence[CommitHook] = ()) -> None:
        super().__init__(address, connection)
        self._hooks = tuple(hooks)
        self._rows = NewRows(connection)
        self._prepared: PreparedCommit | None = None
        self._song_facts = SongFacts(self._select_by_keys)

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
        self._driver_connection.set_progress_handler(stop, PROGRESS_STEPS)
        try:
            yield
        finally:
            self._driver_connection.set_progress_handler(None, 0)

    def release_memory(self) -> None:
        release_cache(self._driver_connection)

    def local_disk_bytes(self) -> int:
        # The size of the file itself lacks what is still in the log.
        pragmas = "PRAGMA page_count", "PRAGMA page_size"
        count, size = self.run_in_transaction(
            lambda: [self._driver_connection.execute(pragma).fetchone()[0] for pragma in pragmas]
        )
        return int(count * size)

    def reserve_ids(self, table: Table, highest_id: int) -> None:
        self.run_in_transaction(lambda: self._rows.reserve_ids(table, highest_id))

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]:
        prepared, self._prepared = self._prepared, None
        with self._assigning_ids():
            if prepared is None or not _is_of(prepared, batches):
                batches = with_facts_of_later(batches)
                prepared = self._run_hooks(run_id, batches) if self._hooks else self._prepare(run_id, batches)
            return self._commit_prepared(prepared, now, shard_sink)

    def prepare_commit(
        self, run_id: int, batches: Sequence[BatchRecord], shard_sink: ShardSink
    ) -> Callable[[], None] | None:
        """Return the work of writing the shards of a commit, unless a hook may change its batches.

        Since nobody else writes the catalog, it is known before what the commit will record.
        """
        if self._hooks or not batches:
            return None
        with self._assigning_ids():
            self._prepared = prepared = self._prepare(run_id, batches)
        return lambda: shard_sink.write_ahead(prepared.new_tracks, _linked_songs(prepared))

    def _run_hooks(self, run_id: int, batches: Sequence[BatchRecord]) -> PreparedCommit:
        """Let the hooks add their rows, and return what is recorded of the batches that they return."""
        transaction = BatchTransaction(self.connection, None, run_id)
        hooked = [run_hooks(self._hooks, transaction, batch) for batch in batches]
        prepared = self._prepare(run_id, [result.batch for result in hooked])
        for batch, result in zip(prepared.batches, hooked, strict=True):
            batch.commit_result.refused_songs.extend(result.refused_songs)
            batch.commit_result.values_nulled += result.values_nulled
        return prepared

    @contextmanager
    def _assigning_ids(self) -> Iterator[None]:
        """Open a transaction that assigns ids to rows."""
        try:
            with translate_errors(self.path), self.connection.begin():
                yield
        except BaseException:
            self._rows.forget_ids()
            raise

    def _prepare(self, run_id: int, batches: Sequence[BatchRecord]) -> PreparedCommit:
        song_digests = chain.from_iterable(batch.songs["digest"] for batch in batches)
        known = self.select_songs({digest for digest in song_digests if digest is not None})
        recorded: dict[bytes, int] = {}
        prepared_batches = [self._classify_songs(run_id, batch, known, recorded) for batch in batches]
        wanted = chain.from_iterable(map(_wanted_digests, prepared_batches))
        ids = self.select_track_ids(dict.fromkeys(wanted))
        prepared = PreparedCommit(run_id, prepared_batches, ids, dict(ids))
        new_tracks = []
        for batch in prepared_batches:
            linked = batch.linked_songs
            digests = batch.record.tracks["digest"]
            new = [
                index
                for digest, index in zip(linked.track_digests, linked.track_indices, strict=True)
                if digest not in ids
            ]
            if stored := batch.record.stored_tracks:
                linked_digests = {*linked.track_digests}
                new += [
                    index
                    for index, digest in enumerate(digests[:stored])
                    if digest not in ids and digest not in linked_digests
                ]
            new_ids = self._rows.next_ids(tracks, len(new))
            ids.update(zip(map(digests.__getitem__, new), new_ids, strict=True))
            prepared.new_track_ids += new_ids
            new_tracks.append(batch.record.tracks.take(new))
            batch.commit_result.tracks_new = len(new)
        if new_tracks:
            prepared.new_tracks = concatenate(new_tracks)
        return prepared

    def _classify_songs(
        self, run_id: int, batch: BatchRecord, known: Mapping[bytes, KnownSong], recorded: dict[bytes, int]
    ) -> PreparedBatch:
        """Return what is to be done with each song of a batch.

        Args:
            known: songs of earlier commits.
            recorded: ids of the songs that get an outcome by this commit; those of the batch are added.
        """
        prepared = PreparedBatch(batch)
        result = prepared.commit_result
        rows = batch.songs.rows(("digest", "outcome", "lost_bytes"))
        ids = self._rows.free_ids(songs)
        for index, (digest, outcome, lost_bytes) in enumerate(rows):
            has_outcome = True
            if digest in recorded:
                song_id = recorded[digest]
            elif (known_song := known.get(digest)) is not None:
                song_id = known_song.id
                if outcome is not None and batch.replaces_outcomes and known_song.run_id != run_id:
                    has_outcome = False
                    prepared.replaced_songs.append(index)
            elif outcome is None:
                raise CatalogError(f"The catalog {self.path} has lost a song that it knew; run again.")
            else:
                song_id, has_outcome = next(ids), False
                prepared.new_songs.append(index)
            prepared.path_song_ids.append(song_id)
            if has_outcome:
                result.paths_of_known_songs += 1
                continue
            result.count_song(outcome, lost_bytes)
            if digest is not None:
                recorded[digest] = song_id
        changed = [*prepared.new_songs, *prepared.replaced_songs]
        prepared.linked_songs = LinkedSongs.of(batch, prepared.ids_of(changed), changed)
        result.outcomes_replaced = len(prepared.replaced_songs)
        result.links = len(prepared.linked_songs.links)
        return prepared

    def _commit_prepared(
        self, prepared: PreparedCommit, now: str, shard_sink: ShardSink | None
    ) -> list[CommitResult]:
        with removing_on_error(shard_sink):
            written = (
                shard_sink.write_shards(prepared.new_tracks, _linked_songs(prepared))
                if shard_sink
                else WrittenShards()
            )
            song_shards = self._insert_tracks_and_shards(prepared, written)
            for batch in prepared.batches:
                # Shards have the facts of their tracks.
                late = () if shard_sink else add_late_facts(self, batch.record, prepared.known_track_ids)
                self._insert_batch(prepared, batch, song_shards, now, late)
        return [batch.commit_result for batch in prepared.batches]

    def _insert_tracks_and_shards(self, prepared: PreparedCommit, written: WrittenShards) -> dict[int, int]:
        """Record tracks and shards. Return the id of its shard for each song with links in one of them."""
        shard_ids = self.insert_shards(written.shards, prepared.run_id)
        columns = rows.track_table_columns(prepared.new_track_ids, prepared.new_tracks)
        if written.track_positions.rows:
            columns["shard_id"] = [*map(shard_ids.__getitem__, written.track_positions.shard_indexes)]
            columns["shard_row"] = written.track_positions.rows
        self._rows.insert(tracks, columns, run_id=prepared.run_id)
        if prepared.batches:
            prepared.batches[0].commit_result.shards = written.shards
        song_ids = chain.from_iterable(linked.song_ids for linked in _linked_songs(prepared))
        return {
            song_id: shard_ids[index]
            for song_id, index in zip(song_ids, written.link_shard_indexes, strict=False)
        }

    def _insert_batch(
        self,
        prepared: PreparedCommit,
        batch: PreparedBatch,
        song_shards: Mapping[int, int],
        now: str,
        changed_tracks: Sequence[int],
    ) -> None:
        batch.record = record = self._song_facts.completed(batch.record)
        result, run_id = batch.commit_result, prepared.run_id
        self._replace_songs(prepared, batch, song_shards)
        new_ids = batch.ids_of(batch.new_songs)
        columns = rows.song_table_columns(new_ids, record, batch.new_songs)
        columns["shard_id"] = [*map(song_shards.get, new_ids)]
        self._rows.insert(songs, columns, contract_version=record.contract_version, run_id=run_id)
        linked = batch.linked_songs
        # Tracks that occur only in songs that keep an earlier outcome are not recorded.
        track_ids = [*map(prepared.track_ids.get, record.tracks["digest"], repeat(0))]
        self._rows.insert(
            links, rows.link_table_columns(linked.song_ids, linked.link_counts, linked.links, track_ids)
        )
        changed_songs = {*batch.path_song_ids, *self._update_paths(batch)}
        row = {
            "id": self._rows.next_ids(batches, 1)[0],
            "run_id": run_id,
            "songs": len(batch.new_songs) + len(batch.replaced_songs),
            "links": result.links,
            "tracks_new": result.tracks_new,
            "files_written": record.files_written + len(result.shards),
            "bytes_written": record.bytes_written + result.shard_bytes,
            "disk_bytes": record.disk_bytes + result.shard_bytes,
            "seconds": record.seconds,
            "committed_at": now,
            "changed_songs": format_ids(changed_songs),
            "changed_tracks": format_ids(changed_tracks) or None,
        }
        self._rows.insert(batches, {name: (value,) for name, value in row.items()})

    def _replace_songs(
        self, prepared: PreparedCommit, batch: PreparedBatch, song_shards: Mapping[int, int]
    ) -> None:
        """Give songs their new outcomes, and delete their old links."""
        song_ids = batch.ids_of(batch.replaced_songs)
        if not song_ids:
            return
        self.mark_shards_stale(song_ids)
        self._delete(links.c.song_id, song_ids)
        columns = rows.song_table_columns(song_ids, batch.record, batch.replaced_songs)
        columns["contract_version"] = [batch.record.contract_version] * len(song_ids)
        columns["run_id"] = [prepared.run_id] * len(song_ids)
        columns["shard_id"] = [*map(song_shards.get, song_ids)]
        statement = rows.update_statement(songs, self.connection.dialect)
        names = [column.name for column in songs.columns if column.name != "id"]
        values = [columns[name] for name in (*names, "id")]
        self._driver_connection.executemany(statement, zip(*values, strict=True))

    def _update_paths(self, batch: PreparedBatch) -> list[int]:
        """Record which song is at each path; delete songs without a digest that were there before.

        Returns:
            Ids of the songs that were there before.
        """
        indices = {path: index for index, path in enumerate(batch.record.songs["path"])}  # the last one holds
        existing = {row.path: row for row in self._select_paths(indices)}
        columns = rows.path_table_columns(batch.ids_of(indices.values()), batch.record, [*indices.values()])
        if existing:
            columns["last_song_id"] = [
                existing[path].last_readable_song_id if size is None and path in existing else None
                for path, size in zip(columns["path"], columns["size"], strict=True)
            ]
            columns["source_metadata"] = [
                # An unchanged file is read again without its source's metadata: the recorded metadata stays.
                existing[path].source_metadata
                if metadata is None
                and path in existing
                and (existing[path].size, existing[path].mtime_ns) == (size, mtime_ns)
                else metadata
                for path, size, mtime_ns, metadata in zip(
                    columns["path"],
                    columns["size"],
                    columns["mtime_ns"],
                    columns["source_metadata"],
                    strict=True,
                )
            ]
        replaced = [row.song_id for row in existing.values()]
        digests = self._select_by_keys((songs.c.id, songs.c.digest), songs.c.id, replaced)
        forgotten = [song_id for song_id, digest in digests if digest is None]
        self._delete(song_paths.c.path, [*existing])
        self._rows.insert(song_paths, columns)
        self._delete(songs.c.id, forgotten)
        return replaced

    def _select_paths(self, paths: Iterable[bytes]) -> list[RecordedPath]:
        columns = tuple(song_paths.c[name] for name in RecordedPath._fields)
        return [RecordedPath._make(row) for row in self._select_by_keys(columns, song_paths.c.path, paths)]

    def _select_by_keys(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], keys: Iterable[Any]
    ) -> list[Any]:
        found: list[Any] = []
        for part in rows.query_chunks(list(keys)):
            statement = rows.select_statement(columns, key_column, len(part))
            found += self._driver_connection.execute(statement, part)
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


def _is_of(prepared: PreparedCommit, records: Sequence[BatchRecord]) -> bool:
    """Return whether a commit was prepared for these batches."""
    return [*map(id, records)] == [id(batch.record) for batch in prepared.batches]


def _wanted_digests(batch: PreparedBatch) -> Iterable[bytes]:
    """Return the digests of the tracks that are to be recorded if they are not."""
    linked = batch.linked_songs.track_digests
    stored = batch.record.stored_tracks
    return [*linked, *batch.record.tracks["digest"][:stored]] if stored else linked


def _linked_songs(prepared: PreparedCommit) -> list[LinkedSongs]:
    """Return the songs whose links will be recorded, for each batch."""
    return [batch.linked_songs for batch in prepared.batches]
