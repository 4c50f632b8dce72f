"""The catalogue in a file of SQLite: one writer, which the lock on ``OUT`` sees to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, func, insert, select, update

from midiprism.catalog import rows
from midiprism.catalog.catalog import LOOKED_UP, Catalog, Committed, Keep, KnownParent, NewTrack
from midiprism.catalog.errors import translated
from midiprism.catalog.records import BatchRecord, ParentRecord, TrackValues
from midiprism.catalog.schema import batches, parent_paths, parents, runs, shards, track_splits, tracks
from midiprism.errors import CatalogError


class SqliteCatalog(Catalog):
    """Numbers rows itself, and works through the driver: SQLAlchemy's own work, per row, would take longer
    than the database's."""

    def __init__(self, address: str, connection: Connection) -> None:
        super().__init__(address, connection)
        self._ids: dict[str, int] = {}

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

        return self.do(work)

    def spare_numbers(self, table: str, highest: int) -> None:
        self._ids[table] = highest

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, keep: Keep | None = None
    ) -> list[Committed]:
        try:
            with translated(self.path), self.connection.begin():
                return [self._commit(run_id, batch, now, keep) for batch in batches]
        except BaseException:
            self._ids.clear()  # numbers given to rows that were rolled back
            raise

    def _commit(self, run_id: int, batch: BatchRecord, now: str, keep: Keep | None) -> Committed:
        committed = Committed()
        known = self.parents_of(record.digest for record in batch.parents if record.digest is not None)
        paths = dict(self._paths(record.path for record in batch.parents))
        new: list[tuple[int, ParentRecord]] = []
        replaced: list[tuple[int, ParentRecord]] = []
        placed: list[tuple[int, ParentRecord]] = []
        for record in batch.parents:
            there = known.get(record.digest) if record.digest is not None else None
            if there is None:
                if record.outcome is None:
                    raise CatalogError(
                        f"The catalogue {self.path} has lost a parent that it knew; run again."
                    )
                number = self._next(parents.c.id)
                new.append((number, record))
            else:
                number = there.id
                if record.outcome is None or not batch.replaces or there.run_id == run_id:
                    committed.paths += 1
                    placed.append((number, record))
                    continue
                replaced.append((number, record))
            placed.append((number, record))
            committed.outcomes[record.outcome] += 1
            if record.digest is not None:
                known[record.digest] = KnownParent(number, record.outcome, batch.contract, run_id)

        committed.replaced = len(replaced)
        self._delete(track_splits.c.parent_id, [number for number, _ in replaced])
        changed = [rows.parent(number, record, batch.contract, run_id) for number, record in replaced]
        if changed:
            statement = rows.replacement(parents, self.connection.dialect)
            self._driver.executemany(statement, [(*row[1:], row[0]) for row in changed])
        self._insert(parents, [rows.parent(number, record, batch.contract, run_id) for number, record in new])
        links = [(number, record) for number, record in (*new, *replaced) if record.links]
        committed.links = sum(len(record.links) for _, record in links)
        track_ids, committed.tracks_new = self._add_tracks(
            {link[-1][0]: link[-1] for _, record in links for link in record.links}, run_id, keep
        )
        self._insert(
            track_splits, [row for number, record in links for row in rows.links(number, record, track_ids)]
        )
        self._place(placed, paths)
        self.connection.execute(
            insert(batches).values(
                id=self._next(batches.c.id),
                run_id=run_id,
                parents=len(new) + len(replaced),
                links=committed.links,
                tracks_new=committed.tracks_new,
                files_written=batch.files_written,
                bytes_written=batch.bytes_written,
                disk_bytes=batch.disk_bytes,
                seconds=batch.seconds,
                committed_at=now,
            )
        )
        return committed

    def _add_tracks(
        self, contents: Mapping[bytes, TrackValues], run_id: int, keep: Keep | None
    ) -> tuple[dict[bytes, int], int]:
        """The numbers of these contents, and how many of them are new."""
        ids = self.track_ids(contents)
        added = [digest for digest in contents if digest not in ids]
        for digest in added:
            ids[digest] = self._next(tracks.c.id)
        if keep is None:
            self._insert(tracks, [rows.track(ids[digest], contents[digest], run_id) for digest in added])
        elif added:
            kept = keep([NewTrack(ids[digest], contents[digest]) for digest in added])
            numbers = [self._next(shards.c.id) for _ in kept.shards]
            self._insert(shards, [(n, *shard, run_id) for n, shard in zip(numbers, kept.shards, strict=True)])
            self._insert(
                tracks,
                [
                    rows.track(ids[digest], contents[digest], run_id, numbers[place.shard], place.row)
                    for digest, place in zip(added, kept.places, strict=True)
                ],
            )
        return ids, len(added)

    def _place(self, placed: Sequence[tuple[int, ParentRecord]], paths: Mapping[bytes, int]) -> None:
        """Say which parent is at each path; forget those without a digest that were there before."""
        current = {record.path: rows.path(number, record) for number, record in placed}
        gone = [paths[path] for path in current if path in paths]
        there = self._look_up((parents.c.id, parents.c.digest), parents.c.id, gone)
        forgotten = [number for number, digest in there if digest is None]
        self._delete(parent_paths.c.path, [path for path in current if path in paths])
        self._insert(parent_paths, list(current.values()))
        self._delete(parents.c.id, forgotten)

    def _paths(self, paths: Iterable[bytes]) -> list[Any]:
        row = parent_paths.c
        return self._look_up((row.path, row.parent_id), row.path, paths)

    def _look_up(
        self, columns: tuple[Column[Any], ...], key: Column[Any], values: Iterable[Any]
    ) -> list[Any]:
        wanted = list(values)
        found: list[Any] = []
        for start in range(0, len(wanted), LOOKED_UP):
            part = wanted[start : start + LOOKED_UP]
            found += self._driver.execute(rows.lookup(columns, key, len(part)), part)
        return found

    @property
    def _driver(self) -> Any:
        return self.connection.connection.dbapi_connection

    def _insert(self, table: Any, values: list[tuple[Any, ...]]) -> None:
        if values:
            self._driver.executemany(rows.insertion(table, self.connection.dialect), values)

    def _next(self, column: Column[Any]) -> int:
        """The next number of a table; counted here, since there is one writer."""
        name = column.table.name
        if name not in self._ids:
            self._ids[name] = self.connection.scalar(select(func.max(column))) or 0
        self._ids[name] += 1
        return self._ids[name]
