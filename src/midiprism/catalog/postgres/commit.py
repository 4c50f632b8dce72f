"""The commit of one batch in PostgreSQL.

Rows go in bulk: COPY into a temporary table, INSERT ... SELECT ... ON CONFLICT DO NOTHING, then a statement
of its own for the ids, which under READ COMMITTED sees what others committed meanwhile. Every transaction
takes tables in one order, and keys in their order, so that no two of them wait for each other.
"""

import hashlib
from collections.abc import Collection, Container, Mapping, Sequence

from sqlalchemy import Table, insert, select

from midiprism.catalog import rows
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.changed_ids import format_ids
from midiprism.catalog.commit_hook import BatchTransaction, run_hooks
from midiprism.catalog.commit_result import CommitResult
from midiprism.catalog.late_facts import add_late_facts
from midiprism.catalog.path_lookup import path_starts
from midiprism.catalog.postgres import leases as lease_queries
from midiprism.catalog.postgres.batch_state import PostgresTransaction, RecordedSongs, RecordedTracks
from midiprism.catalog.postgres.bulk_copy import copy_rows, create_staging_table
from midiprism.catalog.postgres.server import driver_connection
from midiprism.catalog.schema import (
    PATH_START_SQL,
    UNIQUE_PATH_SQL,
    batches,
    links,
    song_paths,
    songs,
    tracks,
)
from midiprism.errors import CatalogError
from midiprism.records.batches import BatchRecord, LinkedSongs
from midiprism.records.outcomes import ADOPTED
from midiprism.stores.shard_sink import ShardSink


class BatchCommit:
    """The commit of one batch, inside a transaction."""

    def __init__(
        self,
        catalog: Catalog,
        transaction: PostgresTransaction,
        batch: BatchRecord,
        shard_sink: ShardSink | None,
    ) -> None:
        self._catalog = catalog
        self._connection = catalog.connection
        self._driver_connection = driver_connection(catalog.connection)
        self._schema = transaction.schema
        self._run_id = transaction.run_id
        self._hooks = transaction.hooks
        self._now = transaction.now
        self._song_facts = transaction.song_facts
        self._batch = batch
        self._shard_sink = shard_sink
        self._changed_tracks: list[int] = []

    def commit(self) -> CommitResult:
        """Record the batch, unless it was recorded before or its lease is lost."""
        lease = self._batch.lease
        if lease is not None:
            earlier = self._earlier_commit(self._batch_token())
            if earlier is not None:
                return earlier
            if not lease_queries.release(self._connection, lease, self._batch.songs["path"]):
                return CommitResult(discarded=True)
        result = self._run_hooks() if self._hooks else CommitResult()
        recorded_tracks = self._insert_tracks(result)
        batch = self._batch = self._song_facts.completed(self._batch)
        recorded = self._record_songs(result)
        if recorded.replaced:
            if self._shard_sink is not None:
                self._catalog.mark_shards_stale([*recorded.replaced.values()])
            self._update_songs(recorded.replaced)
        changed = recorded.changed
        linked = LinkedSongs.of(batch, [*changed.values()], [*changed])
        if self._shard_sink is not None:
            self._write_shards(self._shard_sink, recorded_tracks, linked, result)
        result.links = len(linked.links)
        self._insert_links(linked, recorded_tracks)
        changed_songs = {*recorded.path_songs.values(), *self._upsert_paths(recorded.path_songs)}
        outcomes = batch.songs["outcome"]
        songs_done = sum(outcomes[index] != ADOPTED for index in changed)
        self._insert_batch_row(result, songs_done, changed_songs)
        return result

    def _run_hooks(self) -> CommitResult:
        """Let the hooks add their rows, and change what is recorded of the batch."""
        transaction = BatchTransaction(self._connection, self._schema, self._run_id)
        hooked = run_hooks(self._hooks, transaction, self._batch)
        self._batch = hooked.batch
        return CommitResult(refused_songs=[*hooked.refused_songs], values_nulled=hooked.values_nulled)

    def _earlier_commit(self, token: str) -> CommitResult | None:
        """Return what this batch recorded, if a commit of it went through and its answer was lost."""
        row = self._connection.execute(
            select(batches.c.songs, batches.c.links, batches.c.tracks_new).where(batches.c.token == token)
        ).one_or_none()
        if row is None:
            return None
        result = CommitResult(links=row.links, tracks_new=row.tracks_new)
        recorded = self._catalog.select_songs(self._song_digests())
        own = {digest: song.outcome for digest, song in recorded.items() if song.run_id == self._run_id}
        result.outcomes.update(own.values())
        rows_read = [*self._batch.songs.rows(("digest", "outcome", "lost_bytes"))]
        result.outcomes.update(outcome for digest, outcome, _ in rows_read if digest is None)
        lossy = {digest for digest, _, lost_bytes in rows_read if lost_bytes is not None}
        result.songs_with_loss = len(lossy & own.keys())
        result.paths_of_known_songs = len(self._batch.songs) - result.outcomes.total()
        return result

    def _song_digests(self) -> set[bytes]:
        return {digest for digest in self._batch.songs["digest"] if digest is not None}

    def _insert_tracks(self, result: CommitResult) -> RecordedTracks:
        """Insert the tracks of the batch that no other commit has inserted."""
        batch_tracks = self._batch.tracks
        digests = batch_tracks["digest"]
        if not digests:
            return RecordedTracks({}, [], batch_tracks)
        ids = self._catalog.select_track_ids(digests)
        if self._shard_sink is None:  # shards have the facts of their tracks
            self._changed_tracks = add_late_facts(self._catalog, self._batch, ids)
        unknown = [index for index, digest in enumerate(digests) if digest not in ids]
        if not unknown:
            return RecordedTracks(ids, [], batch_tracks.take([]))
        unknown.sort(key=digests.__getitem__)
        columns = rows.track_table_columns([], batch_tracks.take(unknown))
        columns["run_id"] = [self._run_id] * len(unknown)
        names = self._stage("new_tracks", tracks, rows.filled_columns(tracks, columns))
        inserted: dict[bytes, int] = dict(
            self._driver_connection.execute(
                f"INSERT INTO {self._qualified_name('tracks')} ({names}) "  # noqa: S608 - names of ours
                f"SELECT {names} FROM new_tracks ORDER BY digest "
                "ON CONFLICT (digest) DO NOTHING RETURNING digest, id"
            ).fetchall()
        )
        ids.update(inserted)
        missing = [digests[index] for index in unknown if digests[index] not in ids]
        if missing:  # another commit inserted them while this one waited
            ids.update(self._catalog.select_track_ids(missing))
        result.tracks_new = len(inserted)
        new = [index for index in unknown if digests[index] in inserted]
        return RecordedTracks(ids, [inserted[digests[index]] for index in new], batch_tracks.take(new))

    def _write_shards(
        self,
        shard_sink: ShardSink,
        recorded: RecordedTracks,
        linked: LinkedSongs,
        result: CommitResult,
    ) -> None:
        written = shard_sink.write_shards(recorded.new_tracks, [linked])
        result.shards = written.shards
        shard_ids = self._catalog.insert_shards(written.shards, self._run_id)
        self._driver_connection.execute(
            f"UPDATE {self._qualified_name('tracks')} t SET shard_id = p.shard, shard_row = p.row "  # noqa: S608
            "FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) p (id, shard, row) WHERE t.id = p.id",
            (
                recorded.new_ids,
                [*map(shard_ids.__getitem__, written.track_positions.shard_indexes)],
                [*written.track_positions.rows],
            ),
        )
        self._driver_connection.execute(
            f"UPDATE {self._qualified_name('songs')} t SET shard_id = p.shard "  # noqa: S608
            "FROM unnest(%s::bigint[], %s::bigint[]) p (id, shard) WHERE t.id = p.id",
            (linked.song_ids, [shard_ids[index] for index in written.link_shard_indexes]),
        )

    def _record_songs(self, result: CommitResult) -> RecordedSongs:
        """Insert songs that are new, and decide which songs get another outcome and which is at each path."""
        batch, recorded = self._batch, RecordedSongs()
        digests, song_digests = batch.songs["digest"], self._song_digests()
        if batch.replaces_outcomes:
            # Of two commits that replace one outcome, the second then sees what the first did.
            self._driver_connection.execute(
                f"SELECT FROM {self._qualified_name('songs')} WHERE digest = ANY(%b) ORDER BY id FOR UPDATE",
                (list(song_digests),),
            )
        known = self._catalog.select_songs(song_digests)
        inserted = self._insert_new_songs(known)
        lost = [digest for digest in song_digests if digest not in known and digest not in inserted]
        if lost:  # other commits inserted them meanwhile
            known.update(self._catalog.select_songs(lost))
        recorded.new = dict(inserted.values())
        has_outcome = set(inserted)
        rows = batch.songs.rows(("digest", "outcome", "lost_bytes"))
        for index, (digest, outcome, lost_bytes) in enumerate(rows):
            if digest is None:
                continue
            if digest in inserted:
                first_index, recorded.path_songs[index] = inserted[digest]
                is_counted = index == first_index
            else:
                known_song = known.get(digest)
                if known_song is None:
                    raise CatalogError(
                        f"The catalog {self._catalog.path} has lost a song that it knew; run again."
                    )
                recorded.path_songs[index] = known_song.id
                is_counted = (
                    outcome is not None
                    and batch.replaces_outcomes
                    and known_song.run_id != self._run_id
                    and digest not in has_outcome
                )
                if is_counted:
                    has_outcome.add(digest)
                    recorded.replaced[index] = known_song.id
            if is_counted:
                result.count_song(outcome, lost_bytes)
            else:
                result.paths_of_known_songs += 1
        result.outcomes_replaced = len(recorded.replaced)
        unread = [index for index, digest in enumerate(digests) if digest is None]
        for index, song_id in zip(unread, self._insert_songs(unread), strict=True):
            assert song_id is not None, "without a digest, nothing conflicts"
            result.count_song(batch.songs["outcome"][index], None)
            recorded.new[index] = recorded.path_songs[index] = song_id
        return recorded

    def _insert_new_songs(self, known: Container[bytes]) -> dict[bytes, tuple[int, int]]:
        """Insert the songs that are not known; of several with one digest the first.

        Returns:
            For the digest of each song that was inserted its index and its id.
        """
        first_indices: dict[bytes, int] = {}
        for index, (digest, outcome) in enumerate(self._batch.songs.rows(("digest", "outcome"))):
            if digest is not None and outcome is not None and digest not in known:
                first_indices.setdefault(digest, index)
        ordered = sorted(first_indices)
        song_ids = self._insert_songs([first_indices[digest] for digest in ordered])
        return {
            digest: (first_indices[digest], song_id)
            for digest, song_id in zip(ordered, song_ids, strict=True)
            if song_id is not None
        }

    def _insert_songs(self, indices: Sequence[int]) -> list[int | None]:
        """Insert songs. Return the id of each; None for a song that another commit inserted meanwhile."""
        if not indices:
            return []
        song_ids = self._next_ids("songs", len(indices))
        columns = rows.filled_columns(songs, self._song_columns(song_ids, indices))
        names = self._stage("new_songs", songs, columns)
        inserted = {
            row[0]
            for row in self._driver_connection.execute(
                f"INSERT INTO {self._qualified_name('songs')} ({names}) "  # noqa: S608 - names of ours
                f"SELECT {names} FROM new_songs "
                f"ORDER BY {'digest' if 'digest' in columns else 'id'} "
                "ON CONFLICT (digest) DO NOTHING RETURNING id"
            )
        }
        return [song_id if song_id in inserted else None for song_id in song_ids]

    def _update_songs(self, replaced: Mapping[int, int]) -> None:
        """Give songs their new outcomes, and delete their old links."""
        indices = sorted(replaced, key=replaced.__getitem__)
        columns = self._song_columns([replaced[index] for index in indices], indices)
        for column in songs.columns:  # what is not known of the new outcome becomes NULL
            columns.setdefault(column.name, [None] * len(indices))
        self._stage("changed_songs", songs, columns)
        changes = ", ".join(f"{name} = new.{name}" for name in columns if name != "id")
        self._driver_connection.execute(
            f"DELETE FROM {self._qualified_name('links')} USING changed_songs new WHERE song_id = new.id"  # noqa: S608
        )
        self._driver_connection.execute(
            f"UPDATE {self._qualified_name('songs')} old SET {changes} "  # noqa: S608
            "FROM changed_songs new WHERE old.id = new.id"
        )

    def _song_columns(self, song_ids: Sequence[int], indices: Sequence[int]) -> rows.TableColumns:
        columns = rows.song_table_columns(song_ids, self._batch, indices)
        columns["contract_version"] = [self._batch.contract_version] * len(indices)
        columns["run_id"] = [self._run_id] * len(indices)
        return columns

    def _insert_links(self, linked: LinkedSongs, recorded: RecordedTracks) -> None:
        track_ids = [*map(recorded.ids.__getitem__, self._batch.tracks["digest"])]
        columns = rows.filled_columns(
            links, rows.link_table_columns(linked.song_ids, linked.link_counts, linked.links, track_ids)
        )
        if columns:
            values = zip(*columns.values(), strict=True)
            copy_rows(self._driver_connection, self._qualified_name("links"), values, [*columns])

    def _upsert_paths(self, song_ids: Mapping[int, int]) -> list[int]:
        """Record which song is at each path; delete songs without a digest that were at these paths before.

        Args:
            song_ids: index of each song with the id of the song at its path.

        Returns:
            Ids of the songs that were at these paths before.
        """
        paths = self._batch.songs["path"]
        indices = {paths[index]: index for index in song_ids}  # of several at one path the last holds
        if not indices:
            return []
        columns = rows.path_table_columns(
            [song_ids[index] for index in indices.values()], self._batch, [*indices.values()]
        )
        changes = ", ".join(
            f"{name} = EXCLUDED.{name}" for name in columns if name not in ("path", "source_metadata")
        )
        # An unchanged file is read again without its source's metadata: the recorded metadata stays.
        metadata = (
            "source_metadata = CASE WHEN EXCLUDED.source_metadata IS NULL AND (old.size, old.mtime_ns) = "
            "(EXCLUDED.size, EXCLUDED.mtime_ns) THEN old.source_metadata ELSE EXCLUDED.source_metadata END"
        )
        presence = (
            "gone_at = NULL, last_song_id = CASE WHEN EXCLUDED.size IS NULL THEN "
            "CASE WHEN old.size IS NULL THEN old.last_song_id ELSE old.song_id END END"
        )
        replaced = self._driver_connection.execute(
            "SELECT song_id, s.id IS NOT NULL AND s.digest IS NULL "  # noqa: S608 - names of ours
            f"FROM {self._qualified_name('song_paths')} p "
            f"LEFT JOIN {self._qualified_name('songs')} s ON s.id = p.song_id "
            f"WHERE {PATH_START_SQL} = ANY(%b) AND path = ANY(%b)",
            (path_starts([*indices]), [*indices]),
        ).fetchall()
        forgotten = [song_id for song_id, is_unread in replaced if is_unread]
        names = self._stage("new_paths", song_paths, columns)
        self._driver_connection.execute(
            f"INSERT INTO {self._qualified_name('song_paths')} AS old ({names}) "  # noqa: S608
            f"SELECT {names} FROM new_paths ORDER BY path "
            f"ON CONFLICT ({UNIQUE_PATH_SQL}) DO UPDATE SET {changes}, {metadata}, {presence}"
        )
        if forgotten:
            self._driver_connection.execute(
                f"DELETE FROM {self._qualified_name('songs')} WHERE id = ANY(%b)",  # noqa: S608
                (forgotten,),
            )
        return [song_id for song_id, _ in replaced]

    def _insert_batch_row(
        self, result: CommitResult, songs_done: int, changed_songs: Collection[int]
    ) -> None:
        batch = self._batch
        self._connection.execute(
            insert(batches).values(
                run_id=self._run_id,
                songs=songs_done,
                links=result.links,
                tracks_new=result.tracks_new,
                files_written=batch.files_written + len(result.shards),
                bytes_written=batch.bytes_written + result.shard_bytes,
                disk_bytes=batch.disk_bytes + result.shard_bytes,
                seconds=batch.seconds,
                committed_at=self._now,
                token=None if batch.lease is None else self._batch_token(),
                changed_songs=format_ids(changed_songs),
                changed_tracks=format_ids(self._changed_tracks) or None,
            )
        )

    def _batch_token(self) -> str:
        """Return the token of the lease with a digest of the batch's first path.

        A batch may have been divided into pieces after it was leased; each has its own token.
        """
        assert self._batch.lease is not None
        piece = hashlib.blake2b(self._batch.songs["path"][0], digest_size=8).hexdigest()
        return f"{self._batch.lease.token}:{piece}"

    def _next_ids(self, table: str, count: int) -> list[int]:
        """Return ids for new rows of a table."""
        sequence = f'"{self._schema}".{table}'
        found = self._driver_connection.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", (sequence, count)
        )
        return [row[0] for row in found]

    def _stage(self, name: str, table: Table, columns: rows.TableColumns) -> str:
        """Copy rows of a table into a temporary table ``name``. Return the names of its columns as SQL."""
        create_staging_table(self._driver_connection, name, self._qualified_name(table.name), [*columns])
        copy_rows(self._driver_connection, name, zip(*columns.values(), strict=True), [*columns])
        return ", ".join(columns)

    def _qualified_name(self, name: str) -> str:
        return f'"{self._schema}".{name}'
