"""The catalogue as the run sees it: what is known already, and one commit per batch."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, func, insert, select, update

from midiprism.catalog import rows
from midiprism.catalog.database import open_for_reading, open_for_writing, translated
from midiprism.catalog.records import BatchRecord, ParentRecord, TrackValues
from midiprism.catalog.schema import batches, parent_paths, parents, runs, track_splits, tracks
from midiprism.errors import CatalogError

_LOOKED_UP = 500  # values in one query; SQLite takes 32,766, but its planner and parser grow with them


KnownPaths = dict[bytes, tuple[int | None, int | None]]
"""What paths held when they were last read: size, and time of the last change in nanoseconds; None for what
could not be read."""


class KnownParent(NamedTuple):
    """A content that has an outcome, by which contract, and from which run."""

    id: int
    outcome: str
    contract: int
    run_id: int


class TrackPlace(NamedTuple):
    """What the path of a track's file is made of."""

    family: str
    stem: str
    digest: bytes
    digits: int


@dataclass(frozen=True, slots=True)
class Settled:
    """Parents with which a run has nothing to do: of this contract, and with none of these outcomes."""

    contract: int
    not_outcomes: tuple[str, ...] = ()


@dataclass(slots=True)
class Committed:
    """What a commit added.

    Attributes:
        outcomes: contents that got an outcome by it, by outcome.
        paths: paths whose content had one already.
        links: track-to-song links recorded.
        tracks_new: contents of tracks that the catalogue did not have.
        replaced: contents whose outcome of an earlier run was replaced.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    paths: int = 0
    links: int = 0
    tracks_new: int = 0
    replaced: int = 0


class Catalog:
    """A catalogue that is open. One writer at a time, which the lock on ``OUT`` sees to."""

    def __init__(self, path: str, connection: Connection) -> None:
        self.path = path
        self.connection = connection
        self._ids: dict[str, int] = {}

    @classmethod
    def open(cls, path: str) -> "Catalog":
        """Open for writing, making the file where there is none.

        Raises:
            CatalogError: it is not a catalogue, is of a later version, or cannot be written.
        """
        return cls(path, open_for_writing(path))

    @classmethod
    def read(cls, path: str) -> "Catalog":
        """Open one that exists, only to read it.

        Raises:
            CatalogError: there is none, it is not a catalogue, or it is of a later version.
        """
        return cls(path, open_for_reading(path))

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()

    def known_paths(self, first: bytes, limit: int, settled: Settled | None = None) -> KnownPaths:
        """The known paths from ``first`` on, at most ``limit``, in the order of their bytes.

        Args:
            settled: only those whose parents are; None for all.
        """
        wanted = (
            select(parent_paths.c.path, parent_paths.c.size, parent_paths.c.mtime_ns)
            .where(parent_paths.c.path >= first)
            .order_by(parent_paths.c.path)
            .limit(limit)
        )
        if settled is not None:
            wanted = wanted.join(parents, parents.c.id == parent_paths.c.parent_id).where(
                parents.c.contract == settled.contract, parents.c.outcome.not_in(settled.not_outcomes)
            )
        with translated(self.path), self.connection.begin():
            return {path: (size, mtime_ns) for path, size, mtime_ns in self.connection.execute(wanted)}

    def oldest_contract(self) -> int | None:
        """The lowest version of the contract that a parent was split by; None without any."""
        with translated(self.path), self.connection.begin():
            oldest: int | None = self.connection.scalar(select(func.min(parents.c.contract)))
            return oldest

    def known_parents(self, digests: Iterable[bytes]) -> dict[bytes, KnownParent]:
        """What is known of the parents with these digests; those that are not known are left out."""
        with translated(self.path), self.connection.begin():
            return self._parents(digests)

    def known_tracks(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of these digests whose tracks are known."""
        with translated(self.path), self.connection.begin():
            return set(self._tracks(digests))

    def usage(self) -> tuple[int, int, int]:
        """Parents done by all runs, files written for them, and what those take on the disk, in bytes."""
        sums = (
            func.sum(column) for column in (batches.c.parents, batches.c.files_written, batches.c.disk_bytes)
        )
        with translated(self.path), self.connection.begin():
            row = self.connection.execute(select(*sums)).one()
            return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)

    def left_in_order(self) -> bool:
        """Whether there was a run, and the last one ended by itself: nothing of it is half written."""
        with translated(self.path), self.connection.begin():
            last = select(runs.c.state).order_by(runs.c.id.desc()).limit(1)
            return self.connection.scalar(last) in ("done", "interrupted")

    def begin_run(self, settings: Mapping[str, Any], now: str) -> int:
        """Record that a run begins; those that were cut off are closed. Returns its number."""
        with translated(self.path), self.connection.begin():
            self.connection.execute(update(runs).where(runs.c.state == "running").values(state="cut off"))
            number = (self.connection.scalar(select(func.max(runs.c.id))) or 0) + 1
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

    def end_run(self, run_id: int, state: str, totals: Mapping[str, Any], now: str) -> None:
        """Record how a run ended: ``done``, ``interrupted`` or ``stopped``, and what it did in all."""
        with translated(self.path), self.connection.begin():
            self.connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(state=state, totals=dict(totals), updated_at=now)
            )

    def tell_run(self, run_id: int, totals: Mapping[str, Any], now: str) -> None:
        """Record how far a run is."""
        with translated(self.path), self.connection.begin():
            self.connection.execute(
                update(runs).where(runs.c.id == run_id).values(totals=dict(totals), updated_at=now)
            )

    def forget_unlinked(self) -> list[TrackPlace]:
        """Delete the tracks that no song has any more; where their files are."""
        linked = select(track_splits.c.track_id)
        unlinked = select(
            tracks.c.id, tracks.c.family, tracks.c.stem, tracks.c.digest, tracks.c.digits
        ).where(tracks.c.id.not_in(linked))
        with translated(self.path), self.connection.begin():
            found = self.connection.execute(unlinked).fetchall()
            self._delete(tracks.c.id, [row.id for row in found])
            return [TrackPlace(*row[1:]) for row in found]

    def commit(self, run_id: int, batches: Sequence[BatchRecord], now: str) -> list[Committed]:
        """Record whole batches in one transaction: contents, links, paths, outcomes.

        The files that they speak of must be durable before. A content that came to be known meanwhile keeps
        its outcome and its links.

        Raises:
            CatalogError: nothing of them was recorded.
        """
        try:
            with translated(self.path), self.connection.begin():
                return [self._commit(run_id, batch, now) for batch in batches]
        except BaseException:
            self._ids.clear()  # numbers given to rows that were rolled back
            raise

    def _commit(self, run_id: int, batch: BatchRecord, now: str) -> Committed:
        committed = Committed()
        known = self._parents(record.digest for record in batch.parents if record.digest is not None)
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
            {link[-1][0]: link[-1] for _, record in links for link in record.links}, run_id
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

    def _add_tracks(self, contents: Mapping[bytes, TrackValues], run_id: int) -> tuple[dict[bytes, int], int]:
        """The numbers of these contents, and how many of them are new."""
        ids = self._tracks(contents)
        added = [digest for digest in contents if digest not in ids]
        for digest in added:
            ids[digest] = self._next(tracks.c.id)
        self._insert(tracks, [rows.track(ids[digest], contents[digest], run_id) for digest in added])
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

    def _parents(self, digests: Iterable[bytes]) -> dict[bytes, KnownParent]:
        row = parents.c
        wanted = (row.digest, row.id, row.outcome, row.contract, row.run_id)
        return {found[0]: KnownParent(*found[1:]) for found in self._look_up(wanted, row.digest, digests)}

    def _paths(self, paths: Iterable[bytes]) -> list[Any]:
        row = parent_paths.c
        return self._look_up((row.path, row.parent_id), row.path, paths)

    def _tracks(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        return dict(self._look_up((tracks.c.digest, tracks.c.id), tracks.c.digest, digests))

    def _look_up(
        self, columns: tuple[Column[Any], ...], key: Column[Any], values: Iterable[Any]
    ) -> list[Any]:
        """These columns of the rows with these keys, through the driver, as ``_insert``."""
        wanted = list(values)
        found: list[Any] = []
        for start in range(0, len(wanted), _LOOKED_UP):
            part = wanted[start : start + _LOOKED_UP]
            found += self._driver.execute(rows.lookup(columns, key, len(part)), part)
        return found

    @property
    def _driver(self) -> Any:
        return self.connection.connection.dbapi_connection

    def _insert(self, table: Any, values: list[tuple[Any, ...]]) -> None:
        """Through the driver: SQLAlchemy's work per row would take longer than the database's."""
        if values:
            self._driver.executemany(rows.insertion(table, self.connection.dialect), values)

    def _delete(self, column: Column[Any], values: list[Any]) -> None:
        for start in range(0, len(values), _LOOKED_UP):
            self.connection.execute(
                column.table.delete().where(column.in_(values[start : start + _LOOKED_UP]))
            )

    def _next(self, column: Column[Any]) -> int:
        """The next number of a table; counted here, since there is one writer."""
        name = column.table.name
        if name not in self._ids:
            self._ids[name] = self.connection.scalar(select(func.max(column))) or 0
        self._ids[name] += 1
        return self._ids[name]
