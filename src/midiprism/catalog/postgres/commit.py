"""One batch committed in PostgreSQL.

Rows go in bulk: COPY into a temporary table, INSERT ... SELECT ... ON CONFLICT DO NOTHING, then a statement
of its own for the numbers, which under READ COMMITTED sees what others committed meanwhile. Every transaction
takes tables in one order, and keys in theirs, so that none of them waits in a circle.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from midiprism.catalog import rows
from midiprism.catalog.catalog import CommitResult, KnownSong
from midiprism.catalog.commit_hook import BatchTransaction
from midiprism.catalog.postgres import leases as held
from midiprism.catalog.postgres.bulk_copy import copy_rows, create_staging_table
from midiprism.catalog.postgres.server import driver_connection
from midiprism.catalog.records import ADOPTED, BatchRecord, SongRecord, TrackValues
from midiprism.catalog.schema import batches, song_paths, songs, tracks
from midiprism.catalog.shard_sink import NewTrack, ShardSink
from midiprism.errors import CatalogError

if TYPE_CHECKING:
    from midiprism.catalog.postgres.catalog import PostgresCatalog


class BatchCommit:
    """One batch, inside a transaction."""

    def __init__(
        self,
        catalog: "PostgresCatalog",
        run_id: int,
        batch: BatchRecord,
        now: str,
        shard_sink: ShardSink | None,
    ) -> None:
        self._catalog = catalog
        self._connection = catalog.connection
        self._driver_connection = driver_connection(catalog.connection)
        self._schema = catalog.address.schema
        self._run_id = run_id
        self._batch = batch
        self._now = now
        self._shard_sink = shard_sink
        self._inserted_tracks: list[NewTrack] = []

    def commit(self) -> CommitResult:
        lease = self._batch.lease
        if lease is not None:
            before = self._earlier_commit(self._batch_token())
            if before is not None:
                return before
            if not held.release(self._connection, lease, [record.path for record in self._batch.songs]):
                return CommitResult(discarded=True)
        committed = CommitResult()
        self._run_hooks(committed)
        contents = {link[-1][0]: link[-1] for record in self._batch.songs for link in record.links}
        track_ids = self._add_tracks(contents, committed)
        new, replaced, placed = self._add_songs(committed)
        if replaced:
            if self._shard_sink is not None:
                self._catalog.mark_shards_stale([number for number, _ in replaced])
            self._update_songs(replaced)
        links = [(number, record) for number, record in (*new, *replaced) if record.links]
        if self._shard_sink is not None:
            self._write_shards(self._shard_sink, links, committed)
        committed.links = sum(len(record.links) for _, record in links)
        self._copy(
            f"{self._qualified_name('links')}",
            (row for number, record in links for row in rows.link_rows(number, record, track_ids)),
        )
        self._upsert_paths(placed)
        done = [record for _, record in (*new, *replaced) if record.outcome != ADOPTED]
        self._insert_batch_row(committed, songs_done=len(done))
        return committed

    def _run_hooks(self, result: CommitResult) -> None:
        """Let the hooks add their rows, and change what is recorded of the batch."""
        transaction = BatchTransaction(self._connection, self._schema, self._run_id)
        for hook in self._catalog.hooks:
            hook_result = hook.before_batch(transaction, self._batch)
            self._batch = hook_result.batch
            result.refused_songs.extend(hook_result.refused_songs)
            result.values_nulled += hook_result.values_nulled

    def _earlier_commit(self, token: str) -> CommitResult | None:
        """What this batch recorded, if a commit of it went through whose answer was lost."""
        row = self._connection.execute(
            select(batches.c.songs, batches.c.links, batches.c.tracks_new).where(batches.c.token == token)
        ).one_or_none()
        if row is None:
            return None
        committed = CommitResult(links=row.links, tracks_new=row.tracks_new)
        digests = {record.digest for record in self._batch.songs if record.digest is not None}
        mine = (it for it in self._catalog.select_songs(digests).values() if it.run_id == self._run_id)
        committed.outcomes.update(it.outcome for it in mine)
        unread = [record.outcome for record in self._batch.songs if record.digest is None]
        committed.outcomes.update(str(outcome) for outcome in unread)
        committed.paths_of_known_songs = len(self._batch.songs) - committed.outcomes.total()
        return committed

    def _add_tracks(
        self, tracks_by_digest: Mapping[bytes, TrackValues], commit_result: CommitResult
    ) -> dict[bytes, int]:
        """The numbers of these contents; those that are new are claimed."""
        if not tracks_by_digest:
            return {}
        ids = self._catalog.select_track_ids(tracks_by_digest)
        unknown = sorted(digest for digest in tracks_by_digest if digest not in ids)
        if not unknown:
            return ids
        columns = [column.name for column in tracks.columns if column.name != "id"]
        self._stage("new_tracks", "tracks", columns)
        self._copy(
            "new_tracks",
            ((*tracks_by_digest[digest], self._run_id, None, None) for digest in unknown),
            columns,
        )
        names = ", ".join(columns)
        won = self._driver_connection.execute(
            f"INSERT INTO {self._qualified_name('tracks')} ({names}) SELECT {names} FROM new_tracks ORDER BY digest "  # noqa: S608
            "ON CONFLICT (digest) DO NOTHING RETURNING digest, id"
        ).fetchall()
        ids.update(won)
        missing = [digest for digest in unknown if digest not in ids]
        if missing:  # another commit won them while this one waited
            ids.update(self._catalog.select_track_ids(missing))
        commit_result.tracks_new = len(won)
        self._inserted_tracks = [NewTrack(number, tracks_by_digest[digest]) for digest, number in won]
        return ids

    def _write_shards(
        self,
        shard_sink: ShardSink,
        linked_songs: Sequence[tuple[int, SongRecord]],
        commit_result: CommitResult,
    ) -> None:
        won = self._inserted_tracks
        kept = shard_sink.write_shards(won, [record for _, record in linked_songs])
        commit_result.shards = kept.shards
        numbers = self._catalog.insert_shards(kept.shards, self._run_id)
        self._driver_connection.execute(
            f"UPDATE {self._qualified_name('tracks')} t SET shard_id = p.shard, shard_row = p.row "  # noqa: S608
            "FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) p (id, shard, row) WHERE t.id = p.id",
            (
                [track.id for track in won],
                [numbers[place.shard_index] for place in kept.track_positions],
                [place.row for place in kept.track_positions],
            ),
        )
        self._driver_connection.execute(
            f"UPDATE {self._qualified_name('songs')} t SET shard_id = p.shard "  # noqa: S608
            "FROM unnest(%s::bigint[], %s::bigint[]) p (id, shard) WHERE t.id = p.id",
            ([number for number, _ in linked_songs], [numbers[shard] for shard in kept.link_shard_indexes]),
        )

    def _add_songs(
        self, commit_result: CommitResult
    ) -> tuple[list[tuple[int, SongRecord]], list[tuple[int, SongRecord]], list[tuple[int, SongRecord]]]:
        """Songs that are new, those that get another outcome, and which is at each path."""
        batch = self._batch
        first: dict[bytes, SongRecord] = {}
        for record in batch.songs:
            if record.digest is not None and record.outcome is not None:
                first.setdefault(record.digest, record)
        unread = [record for record in batch.songs if record.digest is None]
        digests = {record.digest for record in batch.songs if record.digest is not None}
        if (
            batch.replaces_outcomes
        ):  # of two commits that replace one outcome, the second sees what the first did
            self._driver_connection.execute(
                f"SELECT FROM {self._qualified_name('songs')} WHERE digest = ANY(%b) ORDER BY id FOR UPDATE",
                (list(digests),),
            )
        known = self._catalog.select_songs(digests)
        fresh = sorted(digest for digest in first if digest not in known)
        numbers = self._insert_songs([first[digest] for digest in fresh])
        mine = {digest: number for digest, number in zip(fresh, numbers, strict=True) if number is not None}
        lost = [digest for digest in fresh if digest not in mine]
        if lost:
            known.update(self._catalog.select_songs(lost))
        new = [(number, first[digest]) for digest, number in mine.items()]
        replaced: list[tuple[int, SongRecord]] = []
        placed: list[tuple[int, SongRecord]] = []
        done = set(mine)
        for record in batch.songs:
            if record.digest is None:
                continue
            there: KnownSong | None = known.get(record.digest)
            if record.digest in mine:
                number = mine[record.digest]
                if record is first[record.digest]:
                    commit_result.outcomes[str(record.outcome)] += 1
                else:
                    commit_result.paths_of_known_songs += 1
            elif there is None:
                raise CatalogError(
                    f"The catalogue {self._catalog.path} has lost a song that it knew; run again."
                )
            else:
                number = there.id
                again = (
                    record.outcome is not None and batch.replaces_outcomes and there.run_id != self._run_id
                )
                if again and record.digest not in done:
                    done.add(record.digest)
                    replaced.append((number, record))
                    commit_result.outcomes[str(record.outcome)] += 1
                else:
                    commit_result.paths_of_known_songs += 1
            placed.append((number, record))
        commit_result.outcomes_replaced = len(replaced)
        for given, record in zip(self._insert_songs(unread), unread, strict=True):
            assert given is not None, "without a digest, nothing conflicts"
            commit_result.outcomes[str(record.outcome)] += 1
            new.append((given, record))
            placed.append((given, record))
        return new, replaced, placed

    def _insert_songs(self, records: Sequence[SongRecord]) -> list[int | None]:
        """The numbers of new songs; None for one whose content another commit recorded meanwhile."""
        if not records:
            return []
        columns = [column.name for column in songs.columns]
        numbers = self._next_ids("songs", len(records))
        self._stage("new_songs", "songs", columns)
        self._copy(
            "new_songs",
            (
                rows.song_row(number, record, self._batch.contract_version, self._run_id)
                for number, record in zip(numbers, records, strict=True)
            ),
            columns,
        )
        names = ", ".join(columns)
        won = {
            row[0]
            for row in self._driver_connection.execute(
                f"INSERT INTO {self._qualified_name('songs')} ({names}) SELECT {names} FROM new_songs "  # noqa: S608
                "ORDER BY digest ON CONFLICT (digest) DO NOTHING RETURNING id"
            )
        }
        return [number if number in won else None for number in numbers]

    def _update_songs(self, replaced_songs: Sequence[tuple[int, SongRecord]]) -> None:
        """Give songs another outcome, and forget their links."""
        columns = [column.name for column in songs.columns]
        self._stage("changed_songs", "songs", columns)
        self._copy(
            "changed_songs",
            (
                rows.song_row(number, record, self._batch.contract_version, self._run_id)
                for number, record in sorted(replaced_songs, key=lambda pair: pair[0])
            ),
            columns,
        )
        changes = ", ".join(f"{name} = new.{name}" for name in columns if name != "id")
        self._driver_connection.execute(
            f"DELETE FROM {self._qualified_name('links')} USING changed_songs new WHERE song_id = new.id"  # noqa: S608
        )
        self._driver_connection.execute(
            f"UPDATE {self._qualified_name('songs')} old SET {changes} "  # noqa: S608
            "FROM changed_songs new WHERE old.id = new.id"
        )

    def _upsert_paths(self, songs_by_path: Sequence[tuple[int, SongRecord]]) -> None:
        """Say which song is at each path; forget those without a digest that were there before."""
        current = {record.path: rows.path_row(number, record) for number, record in songs_by_path}
        if not current:
            return
        columns = [column.name for column in song_paths.columns]
        names = ", ".join(columns)
        changes = ", ".join(
            f"{name} = EXCLUDED.{name}" for name in columns if name not in ("path", "source_metadata")
        )
        # Who reads a file again that has not changed need not know what its source says of it.
        facts = (
            "source_metadata = CASE WHEN EXCLUDED.source_metadata IS NULL AND (old.size, old.mtime_ns) = "
            "(EXCLUDED.size, EXCLUDED.mtime_ns) THEN old.source_metadata ELSE EXCLUDED.source_metadata END"
        )
        gone = self._driver_connection.execute(
            f"SELECT song_id FROM {self._qualified_name('song_paths')} p JOIN {self._qualified_name('songs')} s "  # noqa: S608
            "ON s.id = p.song_id WHERE p.path = ANY(%b) AND s.digest IS NULL",
            (list(current),),
        ).fetchall()
        self._stage("new_paths", "song_paths", columns)
        self._copy("new_paths", current.values(), columns)
        self._driver_connection.execute(
            f"INSERT INTO {self._qualified_name('song_paths')} AS old ({names}) "  # noqa: S608
            f"SELECT {names} FROM new_paths ORDER BY path "
            f"ON CONFLICT (path) DO UPDATE SET {changes}, {facts}"
        )
        if gone:
            self._driver_connection.execute(
                f"DELETE FROM {self._qualified_name('songs')} WHERE id = ANY(%b)",  # noqa: S608
                ([row[0] for row in gone],),
            )

    def _insert_batch_row(self, commit_result: CommitResult, songs_done: int) -> None:
        batch = self._batch
        self._connection.execute(
            insert(batches).values(
                run_id=self._run_id,
                songs=songs_done,
                links=commit_result.links,
                tracks_new=commit_result.tracks_new,
                files_written=batch.files_written + len(commit_result.shards),
                bytes_written=batch.bytes_written + commit_result.shard_bytes,
                disk_bytes=batch.disk_bytes + commit_result.shard_bytes,
                seconds=batch.seconds,
                committed_at=self._now,
                token=None if batch.lease is None else self._batch_token(),
            )
        )

    def _batch_token(self) -> str:
        """The lease's, and which piece of its batch this is, should that have been taken apart."""
        assert self._batch.lease is not None
        piece = hashlib.blake2b(self._batch.songs[0].path, digest_size=8).hexdigest()
        return f"{self._batch.lease.token}:{piece}"

    def _next_ids(self, table: str, count: int) -> list[int]:
        """New numbers for rows of a table."""
        sequence = f'"{self._schema}".{table}'
        found = self._driver_connection.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", (sequence, count)
        )
        return [row[0] for row in found]

    def _stage(self, name: str, table: str, columns: Sequence[str]) -> None:
        create_staging_table(self._driver_connection, name, self._qualified_name(table), columns)

    def _copy(
        self, name: str, values: Iterable[tuple[Any, ...]], columns: Sequence[str] | None = None
    ) -> None:
        copy_rows(self._driver_connection, name, values, columns)

    def _qualified_name(self, name: str) -> str:
        return f'"{self._schema}".{name}'
