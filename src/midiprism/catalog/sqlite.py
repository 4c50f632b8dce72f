"""The catalogue in a file of SQLite: one writer, which the lock on ``OUT`` sees to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from sqlalchemy import Column, Connection, Table, func, insert, select, update

from midiprism.catalog import rows
from midiprism.catalog.catalog import LOOKED_UP, Catalog, Committed, KnownParent
from midiprism.catalog.errors import translated
from midiprism.catalog.keeper import Keeper, Kept, NewTrack
from midiprism.catalog.records import BatchRecord, ParentRecord, TrackValues
from midiprism.catalog.schema import batches, parent_paths, parents, runs, track_splits, tracks
from midiprism.errors import CatalogError

_STEPS = 100_000  # of SQLite's machine between two questions whether to stop


@dataclass(slots=True)
class PreparedBatch:
    """A batch as it will be recorded.

    Attributes:
        new: parents with the numbers that they will have; ``replaced`` those that get another outcome.
        placed: which parent is at each path.
    """

    record: BatchRecord
    committed: Committed = field(default_factory=Committed)
    new: list[tuple[int, ParentRecord]] = field(default_factory=list)
    replaced: list[tuple[int, ParentRecord]] = field(default_factory=list)
    placed: list[tuple[int, ParentRecord]] = field(default_factory=list)

    @property
    def linked(self) -> list[tuple[int, ParentRecord]]:
        """Parents whose links will be recorded, and that have some."""
        return [(number, record) for number, record in (*self.new, *self.replaced) if record.links]


@dataclass(slots=True)
class Prepared:
    """What a commit will record.

    Attributes:
        track_ids: numbers of all contents that links lead to.
        tracks: the contents that no commit had before.
    """

    run_id: int
    batches: list[PreparedBatch]
    track_ids: dict[bytes, int]
    tracks: list[NewTrack]

    @property
    def linked(self) -> list[ParentRecord]:
        """Parents whose links will be recorded, and that have some."""
        return [record for batch in self.batches for _, record in batch.linked]

    @property
    def linked_numbers(self) -> list[int]:
        """Their numbers."""
        return [number for batch in self.batches for number, _ in batch.linked]


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

    @contextmanager
    def ended_by(self, stop: Callable[[], bool]) -> Iterator[None]:
        self._driver.set_progress_handler(stop, _STEPS)
        try:
            yield
        finally:
            self._driver.set_progress_handler(None, 0)

    def local_bytes(self) -> int:
        # The file itself does not have what is in the log yet.
        pragmas = "PRAGMA page_count", "PRAGMA page_size"
        count, size = self.do(lambda: [self._driver.execute(pragma).fetchone()[0] for pragma in pragmas])
        return int(count * size)

    def spare_numbers(self, table: str, highest: int) -> None:
        self._ids[table] = highest

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, keeper: Keeper | None = None
    ) -> list[Committed]:
        with self._numbering():
            return self._record(self._prepare(run_id, batches), now, keeper)

    def prepare(self, run_id: int, batches: Sequence[BatchRecord]) -> Prepared:
        """What a commit of these batches will record. It must be the next one.

        Raises:
            CatalogError: the catalogue cannot be read.
        """
        with self._numbering():
            return self._prepare(run_id, batches)

    def record(self, prepared: Prepared, now: str, keeper: Keeper | None) -> list[Committed]:
        """Commit what was prepared; see ``commit``."""
        with self._numbering():
            return self._record(prepared, now, keeper)

    @contextmanager
    def _numbering(self) -> Iterator[None]:
        """A transaction that gives numbers to rows."""
        try:
            with translated(self.path), self.connection.begin():
                yield
        except BaseException:
            self._ids.clear()  # of rows that were rolled back
            raise

    def _prepare(self, run_id: int, batches: Sequence[BatchRecord]) -> Prepared:
        known = self.parents_of(
            {parent.digest for batch in batches for parent in batch.parents if parent.digest is not None}
        )
        prepared = Prepared(run_id, [self._sorted(run_id, batch, known) for batch in batches], {}, [])
        contents: dict[bytes, TrackValues] = {}
        firsts = [0]
        for batch in prepared.batches:
            for _, parent in batch.linked:
                for link in parent.links:
                    contents.setdefault(link[-1][0], link[-1])
            firsts.append(len(contents))
        prepared.track_ids = ids = self.track_ids(contents)
        met = iter(contents.items())
        for batch, (first, last) in zip(prepared.batches, pairwise(firsts), strict=True):
            new = [(digest, values) for digest, values in islice(met, last - first) if digest not in ids]
            for number, (digest, values) in zip(self._numbers(tracks, len(new)), new, strict=True):
                ids[digest] = number
                prepared.tracks.append(NewTrack(number, values))
            batch.committed.tracks_new = len(new)
        return prepared

    def _sorted(self, run_id: int, batch: BatchRecord, known: dict[bytes, KnownParent]) -> PreparedBatch:
        """What is to be done with each parent of a batch; those that get an outcome are known afterwards."""
        found = PreparedBatch(batch)
        for record in batch.parents:
            there = known.get(record.digest) if record.digest is not None else None
            if there is None:
                if record.outcome is None:
                    raise CatalogError(
                        f"The catalogue {self.path} has lost a parent that it knew; run again."
                    )
                (number,) = self._numbers(parents, 1)
                found.new.append((number, record))
            else:
                number = there.id
                if record.outcome is None or not batch.replaces or there.run_id == run_id:
                    found.committed.paths += 1
                    found.placed.append((number, record))
                    continue
                found.replaced.append((number, record))
            found.placed.append((number, record))
            found.committed.outcomes[record.outcome] += 1
            if record.digest is not None:
                known[record.digest] = KnownParent(number, record.outcome, batch.contract, run_id)
        found.committed.replaced = len(found.replaced)
        found.committed.links = sum(len(record.links) for _, record in found.linked)
        return found

    def _record(self, prepared: Prepared, now: str, keeper: Keeper | None) -> list[Committed]:
        with keeper.attempt() if keeper else nullcontext():
            kept = keeper.keep(prepared.tracks, prepared.linked) if keeper else Kept((), (), ())
            homes = self._add_shards(prepared, kept)
            for batch in prepared.batches:
                self._record_batch(prepared, batch, homes, now)
        return [batch.committed for batch in prepared.batches]

    def _add_shards(self, prepared: Prepared, kept: Kept) -> dict[int, int]:
        """Record tracks and shards. For each parent with links in one of those, its number."""
        run_id = prepared.run_id
        numbers = self.add_shards(kept.shards, run_id)
        if kept.places:
            placed = [
                rows.track(track.id, track.values, run_id, numbers[place.shard], place.row)
                for track, place in zip(prepared.tracks, kept.places, strict=True)
            ]
            self._insert(tracks, placed)
        else:
            homeless = [rows.track(track.id, track.values) for track in prepared.tracks]
            self._insert(tracks, homeless, run_id, None, None)
        if prepared.batches:
            prepared.batches[0].committed.shards = kept.shards
        return {
            number: numbers[shard] for number, shard in zip(prepared.linked_numbers, kept.links, strict=False)
        }

    def _record_batch(
        self, prepared: Prepared, found: PreparedBatch, homes: Mapping[int, int], now: str
    ) -> None:
        batch, committed, run_id = found.record, found.committed, prepared.run_id
        changed = [number for number, _ in found.replaced]
        self.make_stale(changed)
        self._delete(track_splits.c.parent_id, changed)
        values = [
            rows.parent(number, record, batch.contract, run_id, homes.get(number))
            for number, record in (*found.replaced, *found.new)
        ]
        if changed:
            statement = rows.replacement(parents, self.connection.dialect)
            self._driver.executemany(statement, [(*row[1:], row[0]) for row in values[: len(changed)]])
        self._insert(parents, values[len(changed) :])
        ids = prepared.track_ids
        self._insert(
            track_splits, [row for number, record in found.linked for row in rows.links(number, record, ids)]
        )
        self._place(
            found.placed, {row[0]: row for row in self._paths(record.path for record in batch.parents)}
        )
        self.connection.execute(
            insert(batches).values(
                id=self._numbers(batches, 1)[0],
                run_id=run_id,
                parents=len(values),
                links=committed.links,
                tracks_new=committed.tracks_new,
                files_written=batch.files_written + len(committed.shards),
                bytes_written=batch.bytes_written + committed.shard_bytes,
                disk_bytes=batch.disk_bytes + committed.shard_bytes,
                seconds=batch.seconds,
                committed_at=now,
            )
        )

    def _place(self, placed: Sequence[tuple[int, ParentRecord]], paths: Mapping[bytes, Any]) -> None:
        """Say which parent is at each path; forget those without a digest that were there before."""
        current = {}
        for number, record in placed:
            row, there = rows.path(number, record), paths.get(record.path)
            if row[-1] is None and there is not None and row[-3:-1] == there[-3:-1]:
                # Who reads a file again that has not changed need not know what its source says of it.
                row = (*row[:-1], there[-1])
            current[record.path] = row
        gone = [paths[path][1] for path in current if path in paths]
        there = self._look_up((parents.c.id, parents.c.digest), parents.c.id, gone)
        forgotten = [number for number, digest in there if digest is None]
        self._delete(parent_paths.c.path, [path for path in current if path in paths])
        self._insert(parent_paths, list(current.values()))
        self._delete(parents.c.id, forgotten)

    def _paths(self, paths: Iterable[bytes]) -> list[Any]:
        row = parent_paths.c
        return self._look_up((row.path, row.parent_id, row.size, row.mtime_ns, row.facts), row.path, paths)

    def _look_up(
        self, columns: tuple[Column[Any], ...], key: Column[Any], values: Iterable[Any]
    ) -> list[Any]:
        wanted = list(values)
        found: list[Any] = []
        for start in range(0, len(wanted), LOOKED_UP):
            part = wanted[start : start + LOOKED_UP]
            found += self._driver.execute(rows.lookup(columns, key, len(part)), part)
        return found

    def rows_between(
        self, columns: tuple[Column[Any], ...], key: Column[Any], ranges: Sequence[tuple[Any, Any]]
    ) -> list[Any]:
        names = ", ".join(column.name for column in columns)
        statement = f"SELECT {names} FROM {key.table.name} WHERE {key.name} BETWEEN ? AND ?"  # noqa: S608
        return [row for ends in ranges for row in self._driver.execute(statement, ends)]

    @property
    def _driver(self) -> Any:
        return self.connection.connection.dbapi_connection

    def _insert(self, table: Any, values: list[tuple[Any, ...]], *last: int | None) -> None:
        """Insert rows; ``last`` are the values of their last columns where those are the same in all."""
        if values:
            self._driver.executemany(rows.insertion(table, self.connection.dialect, *last), values)

    def _numbers(self, table: Table, count: int) -> range:
        """The next numbers of a table; counted here, since there is one writer."""
        name = table.name
        if name not in self._ids:
            self._ids[name] = self.connection.scalar(select(func.max(table.c.id))) or 0
        first = self._ids[name] + 1
        self._ids[name] += count
        return range(first, first + count)
