"""The catalogue as the run sees it: what is known already, and one commit per batch."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from sqlalchemy import Column, Connection, func, insert, select, update

from midiprism.catalog import rows
from midiprism.catalog.database import open_for_reading, open_for_writing, translated
from midiprism.catalog.records import BatchRecord, ParentRecord, TrackRecord
from midiprism.catalog.schema import batches, parent_paths, parents, runs, track_splits, tracks
from midiprism.errors import CatalogError

_LOOKED_UP = 500  # values in one query; SQLite takes 32,766, but its planner and parser grow with them


@dataclass(frozen=True, slots=True)
class KnownPath:
    """What a path held when it was last read; size and time are None if it could not be read."""

    parent_id: int
    size: int | None
    mtime_ns: int | None


@dataclass(frozen=True, slots=True)
class KnownParent:
    """A content that has an outcome."""

    id: int
    outcome: str


@dataclass(slots=True)
class Committed:
    """What a commit added.

    Attributes:
        outcomes: contents that got an outcome by it, by outcome.
        paths: paths whose content had one already.
        links: track-to-song links recorded.
        tracks_new: contents of tracks that the catalogue did not have.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    paths: int = 0
    links: int = 0
    tracks_new: int = 0


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

    def known_paths(self, paths: Iterable[bytes]) -> dict[bytes, KnownPath]:
        """What is known of these paths; those that are not known are left out."""
        wanted = select(
            parent_paths.c.path, parent_paths.c.parent_id, parent_paths.c.size, parent_paths.c.mtime_ns
        )
        with translated(self.path), self.connection.begin():
            return {row[0]: KnownPath(*row[1:]) for row in self._look_up(wanted, parent_paths.c.path, paths)}

    def known_parents(self, digests: Iterable[bytes]) -> dict[bytes, KnownParent]:
        """What is known of the parents with these digests; those that are not known are left out."""
        with translated(self.path), self.connection.begin():
            return self._parents(digests)

    def known_tracks(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of these digests whose tracks are known."""
        with translated(self.path), self.connection.begin():
            return set(self._tracks(digests))

    def left_in_order(self) -> bool:
        """Whether there were runs, and each ended by itself: none was cut off."""
        with translated(self.path), self.connection.begin():
            states = set(self.connection.scalars(select(runs.c.state).distinct()))
            return bool(states) and "running" not in states

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
        """Record how a run ended: ``done`` or ``interrupted``, and what it did in all."""
        with translated(self.path), self.connection.begin():
            self.connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(state=state, totals=dict(totals), updated_at=now)
            )

    def commit(self, run_id: int, batch: BatchRecord, now: str) -> Committed:
        """Record a whole batch in one transaction: contents, links, paths, outcomes.

        The files that it speaks of must be durable before. A content that came to be known meanwhile keeps
        its outcome and its links.

        Raises:
            CatalogError: nothing of it was recorded.
        """
        try:
            with translated(self.path), self.connection.begin():
                return self._commit(run_id, batch, now)
        except BaseException:
            self._ids.clear()  # numbers given to rows that were rolled back
            raise

    def _commit(self, run_id: int, batch: BatchRecord, now: str) -> Committed:
        committed = Committed()
        known = self._parents(record.digest for record in batch.parents if record.digest is not None)
        ids = {digest: parent.id for digest, parent in known.items()}
        paths = {row.path: row for row in self._paths(record.path for record in batch.parents)}
        new: list[tuple[int, ParentRecord]] = []
        placed: list[tuple[int, ParentRecord]] = []
        for record in batch.parents:
            number = ids.get(record.digest) if record.digest is not None else None
            if number is None:
                if record.outcome is None:
                    raise CatalogError(
                        f"The catalogue {self.path} has lost a parent that it knew; run again."
                    )
                number = self._next(parents.c.id)
                new.append((number, record))
                committed.outcomes[record.outcome] += 1
                if record.digest is not None:
                    ids[record.digest] = number
            else:
                committed.paths += 1
            placed.append((number, record))

        self._insert(parents, [rows.parent(number, record) for number, record in new])
        links = [(number, record) for number, record in new if record.links]
        committed.links = sum(len(record.links) for _, record in links)
        track_ids, committed.tracks_new = self._add_tracks(
            {link.track.digest: link.track for _, record in links for link in record.links}
        )
        self._insert(
            track_splits, [row for number, record in links for row in rows.links(number, record, track_ids)]
        )
        self._place(placed, paths)
        self.connection.execute(
            insert(batches).values(
                id=self._next(batches.c.id),
                run_id=run_id,
                parents=len(new),
                links=committed.links,
                tracks_new=committed.tracks_new,
                bytes_written=batch.bytes_written,
                seconds=batch.seconds,
                committed_at=now,
            )
        )
        return committed

    def _add_tracks(self, contents: Mapping[bytes, TrackRecord]) -> tuple[dict[bytes, int], int]:
        """The numbers of these contents, and how many of them are new."""
        ids = self._tracks(contents)
        added = [record for digest, record in contents.items() if digest not in ids]
        for record in added:
            ids[record.digest] = self._next(tracks.c.id)
        self._insert(tracks, [rows.track(ids[record.digest], record) for record in added])
        return ids, len(added)

    def _place(self, placed: Sequence[tuple[int, ParentRecord]], paths: Mapping[bytes, Any]) -> None:
        """Say which parent is at each path; forget the unreadable ones that were there before."""
        current = {record.path: rows.path(number, record) for number, record in placed}
        gone = [paths[path].parent_id for path in current if path in paths]
        unreadable = select(parents.c.id).where(parents.c.digest.is_(None))
        forgotten = [row[0] for row in self._look_up(unreadable, parents.c.id, gone)]
        self._delete(parent_paths.c.path, [path for path in current if path in paths])
        self._insert(parent_paths, list(current.values()))
        self._delete(parents.c.id, forgotten)

    def _parents(self, digests: Iterable[bytes]) -> dict[bytes, KnownParent]:
        wanted = select(parents.c.digest, parents.c.id, parents.c.outcome)
        return {row[0]: KnownParent(*row[1:]) for row in self._look_up(wanted, parents.c.digest, digests)}

    def _paths(self, paths: Iterable[bytes]) -> list[Any]:
        return self._look_up(
            select(parent_paths.c.path, parent_paths.c.parent_id), parent_paths.c.path, paths
        )

    def _tracks(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        wanted = select(tracks.c.digest, tracks.c.id)
        return {row[0]: row[1] for row in self._look_up(wanted, tracks.c.digest, digests)}

    def _look_up(self, query: Any, column: Column[Any], values: Iterable[Any]) -> list[Any]:
        wanted = list(values)
        found: list[Any] = []
        for start in range(0, len(wanted), _LOOKED_UP):
            part = wanted[start : start + _LOOKED_UP]
            with closing(self.connection.execute(query.where(column.in_(part)))) as result:
                found.extend(result)
        return found

    def _insert(self, table: Any, values: list[tuple[Any, ...]]) -> None:
        """Through the driver: SQLAlchemy's work per row would take longer than the database's."""
        if values:
            self.connection.exec_driver_sql(rows.insertion(table, self.connection.dialect), values)

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
