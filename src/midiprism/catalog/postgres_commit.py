"""One batch committed in PostgreSQL.

Rows go in bulk: COPY into a temporary table, INSERT ... SELECT ... ON CONFLICT DO NOTHING, then a statement
of its own for the numbers, which under READ COMMITTED sees what others committed meanwhile. Every transaction
takes tables in one order, and keys in theirs, so that none of them waits in a circle.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from midiprism.catalog import leases as held
from midiprism.catalog import rows
from midiprism.catalog.bridge import BridgeCommit
from midiprism.catalog.catalog import Committed, KnownParent
from midiprism.catalog.keeper import Keeper, NewTrack
from midiprism.catalog.postgres_server import driver
from midiprism.catalog.records import ADOPTED, BatchRecord, ParentRecord, TrackValues
from midiprism.catalog.schema import batches, parent_paths, parents, tracks
from midiprism.catalog.staging import copy, stage
from midiprism.errors import CatalogError

if TYPE_CHECKING:
    from midiprism.catalog.postgres import PostgresCatalog


class BatchCommit:
    """One batch, inside a transaction."""

    def __init__(
        self, catalog: "PostgresCatalog", run_id: int, batch: BatchRecord, now: str, keeper: Keeper | None
    ) -> None:
        self._catalog = catalog
        self._connection = catalog.connection
        self._driver = driver(catalog.connection)
        self._schema = catalog.address.schema
        self._run_id = run_id
        self._batch = batch
        self._now = now
        self._keeper = keeper
        self._won: list[NewTrack] = []

    def all(self) -> Committed:
        lease = self._batch.lease
        if lease is not None:
            before = self._done_before(self._token())
            if before is not None:
                return before
            if not held.release(self._connection, lease, [record.path for record in self._batch.parents]):
                return Committed(discarded=True)
        committed = Committed()
        if self._catalog.bridge is not None:
            bridged = BridgeCommit(self._catalog, self._catalog.bridge, self._run_id).fill(
                self._batch.parents
            )
            self._batch = replace(self._batch, parents=bridged.parents)
            committed.refused, committed.nulled = bridged.refused, bridged.nulled
        contents = {link[-1][0]: link[-1] for record in self._batch.parents for link in record.links}
        track_ids = self._add_tracks(contents, committed)
        new, replaced, placed = self._add_parents(committed)
        if replaced:
            if self._keeper is not None:
                self._catalog.make_stale([number for number, _ in replaced])
            self._replace(replaced)
        links = [(number, record) for number, record in (*new, *replaced) if record.links]
        if self._keeper is not None:
            self._keep_in_shards(self._keeper, links, committed)
        committed.links = sum(len(record.links) for _, record in links)
        self._copy(
            f"{self._table('track_splits')}",
            (row for number, record in links for row in rows.links(number, record, track_ids)),
        )
        self._put_paths(placed)
        done = [record for _, record in (*new, *replaced) if record.outcome != ADOPTED]
        self._note(committed, parents_done=len(done))
        return committed

    def _done_before(self, token: str) -> Committed | None:
        """What this batch recorded, if a commit of it went through whose answer was lost."""
        row = self._connection.execute(
            select(batches.c.parents, batches.c.links, batches.c.tracks_new).where(batches.c.token == token)
        ).one_or_none()
        if row is None:
            return None
        committed = Committed(links=row.links, tracks_new=row.tracks_new)
        digests = {record.digest for record in self._batch.parents if record.digest is not None}
        mine = (it for it in self._catalog.parents_of(digests).values() if it.run_id == self._run_id)
        committed.outcomes.update(it.outcome for it in mine)
        unread = [record.outcome for record in self._batch.parents if record.digest is None]
        committed.outcomes.update(str(outcome) for outcome in unread)
        committed.paths = len(self._batch.parents) - committed.outcomes.total()
        return committed

    def _add_tracks(self, contents: Mapping[bytes, TrackValues], committed: Committed) -> dict[bytes, int]:
        """The numbers of these contents; those that are new are claimed."""
        if not contents:
            return {}
        ids = self._catalog.track_ids(contents)
        unknown = sorted(digest for digest in contents if digest not in ids)
        if not unknown:
            return ids
        columns = [column.name for column in tracks.columns if column.name != "id"]
        self._staged("new_tracks", "tracks", columns)
        self._copy(
            "new_tracks", ((*contents[digest], self._run_id, None, None) for digest in unknown), columns
        )
        names = ", ".join(columns)
        won = self._driver.execute(
            f"INSERT INTO {self._table('tracks')} ({names}) SELECT {names} FROM new_tracks ORDER BY digest "  # noqa: S608
            "ON CONFLICT (digest) DO NOTHING RETURNING digest, id"
        ).fetchall()
        ids.update(won)
        missing = [digest for digest in unknown if digest not in ids]
        if missing:  # another commit won them while this one waited
            ids.update(self._catalog.track_ids(missing))
        committed.tracks_new = len(won)
        self._won = [NewTrack(number, contents[digest]) for digest, number in won]
        return ids

    def _keep_in_shards(
        self, keeper: Keeper, linked: Sequence[tuple[int, ParentRecord]], committed: Committed
    ) -> None:
        won = self._won
        kept = keeper.keep(won, [record for _, record in linked])
        committed.shards = kept.shards
        numbers = self._catalog.add_shards(kept.shards, self._run_id)
        self._driver.execute(
            f"UPDATE {self._table('tracks')} t SET shard_id = p.shard, shard_row = p.row "  # noqa: S608
            "FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) p (id, shard, row) WHERE t.id = p.id",
            (
                [track.id for track in won],
                [numbers[place.shard] for place in kept.places],
                [place.row for place in kept.places],
            ),
        )
        self._driver.execute(
            f"UPDATE {self._table('parents')} t SET shard_id = p.shard "  # noqa: S608
            "FROM unnest(%s::bigint[], %s::bigint[]) p (id, shard) WHERE t.id = p.id",
            ([number for number, _ in linked], [numbers[shard] for shard in kept.links]),
        )

    def _add_parents(
        self, committed: Committed
    ) -> tuple[
        list[tuple[int, ParentRecord]], list[tuple[int, ParentRecord]], list[tuple[int, ParentRecord]]
    ]:
        """Parents that are new, those that get another outcome, and which is at each path."""
        batch = self._batch
        first: dict[bytes, ParentRecord] = {}
        for record in batch.parents:
            if record.digest is not None and record.outcome is not None:
                first.setdefault(record.digest, record)
        unread = [record for record in batch.parents if record.digest is None]
        digests = {record.digest for record in batch.parents if record.digest is not None}
        if batch.replaces:  # of two commits that replace one outcome, the second sees what the first did
            self._driver.execute(
                f"SELECT FROM {self._table('parents')} WHERE digest = ANY(%b) ORDER BY id FOR UPDATE",
                (list(digests),),
            )
        known = self._catalog.parents_of(digests)
        fresh = sorted(digest for digest in first if digest not in known)
        numbers = self._insert_parents([first[digest] for digest in fresh])
        mine = {digest: number for digest, number in zip(fresh, numbers, strict=True) if number is not None}
        lost = [digest for digest in fresh if digest not in mine]
        if lost:
            known.update(self._catalog.parents_of(lost))
        new = [(number, first[digest]) for digest, number in mine.items()]
        replaced: list[tuple[int, ParentRecord]] = []
        placed: list[tuple[int, ParentRecord]] = []
        done = set(mine)
        for record in batch.parents:
            if record.digest is None:
                continue
            there: KnownParent | None = known.get(record.digest)
            if record.digest in mine:
                number = mine[record.digest]
                if record is first[record.digest]:
                    committed.outcomes[str(record.outcome)] += 1
                else:
                    committed.paths += 1
            elif there is None:
                raise CatalogError(
                    f"The catalogue {self._catalog.path} has lost a parent that it knew; run again."
                )
            else:
                number = there.id
                again = record.outcome is not None and batch.replaces and there.run_id != self._run_id
                if again and record.digest not in done:
                    done.add(record.digest)
                    replaced.append((number, record))
                    committed.outcomes[str(record.outcome)] += 1
                else:
                    committed.paths += 1
            placed.append((number, record))
        committed.replaced = len(replaced)
        for given, record in zip(self._insert_parents(unread), unread, strict=True):
            assert given is not None, "without a digest, nothing conflicts"
            committed.outcomes[str(record.outcome)] += 1
            new.append((given, record))
            placed.append((given, record))
        return new, replaced, placed

    def _insert_parents(self, records: Sequence[ParentRecord]) -> list[int | None]:
        """The numbers of new parents; None for one whose content another commit recorded meanwhile."""
        if not records:
            return []
        columns = [column.name for column in parents.columns]
        numbers = self._numbers("parents", len(records))
        self._staged("new_parents", "parents", columns)
        self._copy(
            "new_parents",
            (
                rows.parent(number, record, self._batch.contract, self._run_id)
                for number, record in zip(numbers, records, strict=True)
            ),
            columns,
        )
        names = ", ".join(columns)
        won = {
            row[0]
            for row in self._driver.execute(
                f"INSERT INTO {self._table('parents')} ({names}) SELECT {names} FROM new_parents "  # noqa: S608
                "ORDER BY digest ON CONFLICT (digest) DO NOTHING RETURNING id"
            )
        }
        return [number if number in won else None for number in numbers]

    def _replace(self, replaced: Sequence[tuple[int, ParentRecord]]) -> None:
        """Give parents another outcome, and forget their links."""
        columns = [column.name for column in parents.columns]
        self._staged("changed_parents", "parents", columns)
        self._copy(
            "changed_parents",
            (
                rows.parent(number, record, self._batch.contract, self._run_id)
                for number, record in sorted(replaced, key=lambda pair: pair[0])
            ),
            columns,
        )
        changes = ", ".join(f"{name} = new.{name}" for name in columns if name != "id")
        self._driver.execute(
            f"DELETE FROM {self._table('track_splits')} USING changed_parents new WHERE parent_id = new.id"  # noqa: S608
        )
        self._driver.execute(
            f"UPDATE {self._table('parents')} old SET {changes} "  # noqa: S608
            "FROM changed_parents new WHERE old.id = new.id"
        )

    def _put_paths(self, placed: Sequence[tuple[int, ParentRecord]]) -> None:
        """Say which parent is at each path; forget those without a digest that were there before."""
        current = {record.path: rows.path(number, record) for number, record in placed}
        if not current:
            return
        columns = [column.name for column in parent_paths.columns]
        names = ", ".join(columns)
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in ("path", "facts"))
        # Who reads a file again that has not changed need not know what its source says of it.
        facts = (
            "facts = CASE WHEN EXCLUDED.facts IS NULL AND (old.size, old.mtime_ns) = "
            "(EXCLUDED.size, EXCLUDED.mtime_ns) THEN old.facts ELSE EXCLUDED.facts END"
        )
        gone = self._driver.execute(
            f"SELECT parent_id FROM {self._table('parent_paths')} p JOIN {self._table('parents')} s "  # noqa: S608
            "ON s.id = p.parent_id WHERE p.path = ANY(%b) AND s.digest IS NULL",
            (list(current),),
        ).fetchall()
        self._staged("new_paths", "parent_paths", columns)
        self._copy("new_paths", current.values(), columns)
        self._driver.execute(
            f"INSERT INTO {self._table('parent_paths')} AS old ({names}) "  # noqa: S608
            f"SELECT {names} FROM new_paths ORDER BY path "
            f"ON CONFLICT (path) DO UPDATE SET {changes}, {facts}"
        )
        if gone:
            self._driver.execute(
                f"DELETE FROM {self._table('parents')} WHERE id = ANY(%b)",  # noqa: S608
                ([row[0] for row in gone],),
            )

    def _note(self, committed: Committed, parents_done: int) -> None:
        batch = self._batch
        self._connection.execute(
            insert(batches).values(
                run_id=self._run_id,
                parents=parents_done,
                links=committed.links,
                tracks_new=committed.tracks_new,
                files_written=batch.files_written + len(committed.shards),
                bytes_written=batch.bytes_written + committed.shard_bytes,
                disk_bytes=batch.disk_bytes + committed.shard_bytes,
                seconds=batch.seconds,
                committed_at=self._now,
                token=None if batch.lease is None else self._token(),
            )
        )

    def _token(self) -> str:
        """The lease's, and which piece of its batch this is, should that have been taken apart."""
        assert self._batch.lease is not None
        piece = hashlib.blake2b(self._batch.parents[0].path, digest_size=8).hexdigest()
        return f"{self._batch.lease.token}:{piece}"

    def _numbers(self, table: str, count: int) -> list[int]:
        """New numbers for rows of a table."""
        sequence = f'"{self._schema}".{table}'
        found = self._driver.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", (sequence, count)
        )
        return [row[0] for row in found]

    def _staged(self, name: str, table: str, columns: Sequence[str]) -> None:
        stage(self._driver, name, self._table(table), columns)

    def _copy(
        self, name: str, values: Iterable[tuple[Any, ...]], columns: Sequence[str] | None = None
    ) -> None:
        copy(self._driver, name, values, columns)

    def _table(self, name: str) -> str:
        return f'"{self._schema}".{name}'
