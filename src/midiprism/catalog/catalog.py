"""The catalogue as the run sees it: what is known already, and one commit per batch."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, func, insert, select, update

from midiprism.catalog.address import Address
from midiprism.catalog.errors import translate_errors
from midiprism.catalog.postgres.leases import LEASE_SECONDS
from midiprism.catalog.queries.run_samples import add_samples
from midiprism.catalog.schema import (
    batches,
    links,
    properties,
    runs,
    shards,
    song_paths,
    songs,
    tracks,
)
from midiprism.errors import CatalogError, CommitHooksMismatchError
from midiprism.records.batches import BatchRecord
from midiprism.records.fields import SongRecord
from midiprism.stores.shard_sink import ShardSink
from midiprism.stores.sharded import WrittenShard

MAX_QUERY_VALUES = 500
"""Values in one query: a planner and a parser grow with them."""

T = TypeVar("T")

RESULT_KEY = "result"
HOOKS_KEY = "hooks"


KnownPaths = dict[bytes, tuple[int | None, int | None]]
"""What paths held when they were last read: size, and time of the last change in nanoseconds; None for what
could not be read."""


class KnownSong(NamedTuple):
    """A content that has an outcome, by which contract, and from which run."""

    id: int
    outcome: str
    contract_version: int
    run_id: int


class TrackPathFields(NamedTuple):
    """What the path of a track's file is made of."""

    family: str
    stem: str
    digest: bytes
    digest_digits: int


@dataclass(frozen=True, slots=True)
class UpToDate:
    """Songs with which a run has nothing to do: of this contract, and with none of these outcomes."""

    contract_version: int
    retried_outcomes: tuple[str, ...] = ()


@dataclass(slots=True)
class CommitResult:
    """What a commit added.

    Attributes:
        outcomes: contents that got an outcome by it, by outcome.
        paths: paths whose content had one already.
        links: track-to-song links recorded.
        tracks_new: contents of tracks that the catalogue did not have.
        replaced: contents whose outcome of an earlier run was replaced.
        discarded: nothing was recorded, since another run holds what was planned, or has done it.
        refused: songs whose tracks a library that was taken over did not take; without their links.
        nulled: values that its columns cannot hold.
        shards: what was written for it. Of several batches in one transaction the first has them all.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    paths_of_known_songs: int = 0
    links: int = 0
    tracks_new: int = 0
    outcomes_replaced: int = 0
    discarded: bool = False
    refused_songs: list[SongRecord] = field(default_factory=list)
    values_nulled: int = 0
    shards: Sequence[WrittenShard] = ()

    @property
    def row_count(self) -> int:
        """Rows that were added."""
        return self.outcomes.total() + self.paths_of_known_songs + self.links + self.tracks_new

    @property
    def shard_bytes(self) -> int:
        """Bytes of those shards."""
        return sum(shard.size for shard in self.shards)


class Catalog(ABC):
    """A catalogue that is open.

    Attributes:
        address: where it is.
        connection: to its database.
        shared: whether several runs may write it at once; each then holds a lease on what it has planned.
        lease_seconds: how long a lease lasts unless it is renewed.
    """

    shared = False
    lease_seconds = LEASE_SECONDS

    def __init__(self, address: Address, connection: Connection) -> None:
        self.address = address
        self.connection = connection

    @property
    def path(self) -> str:
        """Its address as it may be shown."""
        return str(self.address)

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()

    def known_paths(self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None) -> KnownPaths:
        """The known paths from ``first`` on, at most ``limit``, in the order of their bytes.

        Args:
            settled: only those whose songs are; None for all.
        """
        wanted = (
            select(song_paths.c.path, song_paths.c.size, song_paths.c.mtime_ns)
            .where(song_paths.c.path >= first_path)
            .order_by(song_paths.c.path)
            .limit(limit)
        )
        if up_to_date is not None:
            wanted = wanted.join(songs, songs.c.id == song_paths.c.song_id).where(
                songs.c.contract_version == up_to_date.contract_version,
                songs.c.outcome.not_in(up_to_date.retried_outcomes),
            )
        return self.run_in_transaction(
            lambda: {
                path: (size, mtime_ns) for path, size, mtime_ns in self.connection.execute(wanted).fetchall()
            }
        )

    def oldest_contract_version(self) -> int | None:
        """The lowest version of the contract that a song was split by; None without any."""
        oldest: int | None = self.run_in_transaction(
            lambda: self.connection.scalar(select(func.min(songs.c.contract_version)))
        )
        return oldest

    def known_songs(self, digests: Iterable[bytes]) -> dict[bytes, KnownSong]:
        """What is known of the songs with these digests; those that are not known are left out."""
        wanted = list(digests)
        return self.run_in_transaction(lambda: self.select_songs(wanted))

    def known_tracks(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of these digests whose tracks are known."""
        wanted = list(digests)
        return self.run_in_transaction(lambda: set(self.select_track_ids(wanted)))

    def storage_usage(self) -> tuple[int, int, int]:
        """Songs done by all runs, files written for them, and what those take on the disk, in bytes."""
        sums = (
            func.sum(column) for column in (batches.c.songs, batches.c.files_written, batches.c.disk_bytes)
        )
        wanted = select(*sums)
        row = self.run_in_transaction(lambda: self.connection.execute(wanted).one())
        return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)

    def local_disk_bytes(self) -> int:
        """What it takes on the disk of the result, in bytes; 0 where it is elsewhere."""
        return 0

    def last_run_ended_cleanly(self) -> bool:
        """Whether there was a run, and the last one ended by itself: nothing of it is half written."""
        last = select(runs.c.state).order_by(runs.c.id.desc()).limit(1)
        return self.run_in_transaction(lambda: self.connection.scalar(last)) in (
            "done",
            "interrupted",
            "undone",
        )

    @abstractmethod
    def begin_run(self, settings: Mapping[str, Any], now: str) -> int:
        """Record that a run begins; those that were cut off are closed. Returns its number."""

    def end_run(self, run_id: int, state: str, totals: Mapping[str, Any], now: str) -> None:
        """Record how a run ended: ``done``, ``interrupted`` or ``stopped``, and what it did in all."""
        ended = (
            update(runs).where(runs.c.id == run_id).values(state=state, totals=dict(totals), updated_at=now)
        )
        self.run_in_transaction(lambda: self.connection.execute(ended))

    def update_run(
        self,
        run_id: int,
        totals: Mapping[str, Any],
        now: str,
        samples: Sequence[Mapping[str, Any]] = (),
        dropped_times: Sequence[float] = (),
    ) -> None:
        """Record how far a run is, and what it was at, see ``add_samples``."""
        told = update(runs).where(runs.c.id == run_id).values(totals=dict(totals), updated_at=now)

        def work() -> None:
            self.connection.execute(told)
            add_samples(self.connection, run_id, samples, dropped_times)
            self._renew_leases(run_id)

        self.run_in_transaction(work)

    def _renew_leases(self, run_id: int) -> None:
        """Say that a run is on, and hold what it has planned, where runs share a catalogue."""
        del run_id

    def server_status(self) -> tuple[float, dict[str, int]]:
        """How long the catalogue's server takes to answer, in seconds, and its connections by state; where
        there is no server, 0 and none."""
        return 0.0, {}

    def active_runs(self, except_run: int | None = None) -> list[int]:
        """Numbers of the runs that are on by the clock of the database, save one.

        Where one run at a time has the catalogue, the lock on ``OUT`` says whether it is on: here are none.
        """
        del except_run
        return []

    def newest_run(self) -> int | None:
        """The number of the run that began last; None without any."""
        newest: int | None = self.run_in_transaction(
            lambda: self.connection.scalar(select(func.max(runs.c.id)))
        )
        return newest

    @contextmanager
    def exclusive(self, run_id: int | None) -> Iterator[bool]:
        """Whether no other run is on; meanwhile, in one transaction, none begins."""
        with translate_errors(self.path), self.connection.begin():
            yield self.is_only_active_run(run_id)

    def delete_unlinked_tracks(self, run_id: int | None = None) -> list[TrackPathFields]:
        """Delete the tracks that no song has any more; where their files are.

        While another run is on, nothing is deleted: it may be about to link to them.

        Args:
            run_id: the run that asks, which records nothing any more.
        """
        wanted = select(tracks.c.id, tracks.c.family, tracks.c.stem, tracks.c.digest, tracks.c.digest_digits)

        def work() -> list[TrackPathFields]:
            if not self.is_only_active_run(run_id):
                return []
            found = self.connection.execute(wanted.where(track_is_unlinked())).fetchall()
            self._delete(tracks.c.id, [row.id for row in found])
            return [TrackPathFields(*row[1:]) for row in found]

        return self.run_in_transaction(work)

    def is_only_active_run(self, run_id: int | None) -> bool:
        """Whether no other run is on; none begins before the end of the transaction that is open."""
        del run_id
        return True

    @abstractmethod
    def interruptible(self, stop: Callable[[], bool]) -> AbstractContextManager[None]:
        """Ends a statement that takes long, by a CatalogError, once ``stop`` is true."""

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        """One view of the catalogue, whatever is committed meanwhile.

        Raises:
            CatalogError: it cannot be read.
        """
        with translate_errors(self.path), self.connection.begin():
            yield self.connection

    def reserve_ids(self, table: str, highest_id: int) -> None:
        """Give no new row of ``table`` a number up to ``highest``: rows of lost ones still speak of them."""
        # Where the database gives numbers, it never gives one again.
        del table, highest_id

    def bound_result(self) -> str | None:
        """The mark of the folder that this catalogue belongs to; None for one in the folder itself."""
        wanted = select(properties.c.value).where(properties.c.key == RESULT_KEY)
        found: str | None = self.run_in_transaction(lambda: self.connection.scalar(wanted))
        return found

    def bind_result(self, result_id: str) -> None:
        """Say to which result this catalogue belongs, by the mark in its folder.

        Raises:
            CatalogError: it belongs to another.
        """
        there = self.bound_result()
        if there is None:
            self.run_in_transaction(lambda: self._insert_bound_result(result_id))
            there = self.bound_result()
        if there != result_id:
            raise CatalogError(
                f"The catalogue {self.path} belongs to another result: name the folder of that one, or "
                "another --schema for a catalogue of its own."
            )

    def _insert_bound_result(self, result_id: str) -> None:
        """Bind it, unless it is bound."""
        self.connection.execute(insert(properties).values(key=RESULT_KEY, value=result_id))

    def select_hook_names(self) -> frozenset[str]:
        """Return the names of the hooks that commits go through, inside an open transaction."""
        names = self.connection.scalar(select(properties.c.value).where(properties.c.key == HOOKS_KEY))
        return frozenset(names.split()) if names else frozenset()

    def bind_hooks(self, names: Iterable[str]) -> None:
        """Record in a new catalog that commits go through these hooks; in another one, require that they do.

        Raises:
            CommitHooksMismatchError: the catalog's commits go through other hooks.
        """
        wanted = frozenset(names)

        def work() -> frozenset[str]:
            keys = set(self.connection.scalars(select(properties.c.key)))
            if wanted and not keys & {RESULT_KEY, HOOKS_KEY}:
                value = " ".join(sorted(wanted))
                self.connection.execute(insert(properties).values(key=HOOKS_KEY, value=value))
            return self.select_hook_names()

        bound = self.run_in_transaction(work)
        if bound != wanted:
            raise CommitHooksMismatchError(self.path, bound, wanted)

    @abstractmethod
    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]:
        """Record whole batches in one transaction: contents, links, paths, outcomes.

        A content that came to be known meanwhile keeps its outcome and its links.

        Args:
            keeper: writes new tracks and links; None where the tracks' files are durable already.

        Raises:
            CatalogError: nothing of them was recorded.
        """

    def run_in_transaction(self, work: Callable[[], T]) -> T:
        """The result of ``work``, in a transaction of its own.

        Raises:
            CatalogError: the database refused it. Nothing of it was recorded.
        """
        with translate_errors(self.path), self.connection.begin():
            return work()

    @abstractmethod
    def _select_by_keys(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], keys: Iterable[Any]
    ) -> list[Any]:
        """These columns of the rows of the key's table with these keys."""

    @abstractmethod
    def select_by_ranges(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], ranges: Sequence[tuple[Any, Any]]
    ) -> list[Any]:
        """These columns of the rows with a key in one of these ranges, ends included, in a transaction."""

    def select_songs(self, digests: Iterable[bytes]) -> dict[bytes, KnownSong]:
        """As ``known_songs``, inside a transaction that is open."""
        row = songs.c
        wanted = (row.digest, row.id, row.outcome, row.contract_version, row.run_id)
        return {
            found[0]: KnownSong(*found[1:]) for found in self._select_by_keys(wanted, row.digest, digests)
        }

    def select_track_ids(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Numbers of the tracks with these digests that are known, inside a transaction that is open."""
        return dict(self._select_by_keys((tracks.c.digest, tracks.c.id), tracks.c.digest, digests))

    def mark_shards_stale(self, song_ids: Sequence[int]) -> None:
        """Say of the shards with links of these songs that they hold what is out of date, inside a
        transaction that is open."""
        for start in range(0, len(song_ids), MAX_QUERY_VALUES):
            of = select(songs.c.shard_id).where(songs.c.id.in_(song_ids[start : start + MAX_QUERY_VALUES]))
            # In one order, so that no two commits wait for one another.
            held = select(shards.c.id).where(shards.c.id.in_(of), shards.c.stale == 0).order_by(shards.c.id)
            numbers = self.connection.scalars(held.with_for_update()).all()
            self.connection.execute(update(shards).where(shards.c.id.in_(numbers)).values(stale=1))

    def insert_shards(self, new_shards: Sequence[WrittenShard], run_id: int) -> list[int]:
        """Record shards, inside a transaction that is open; their numbers."""
        return [
            self.connection.scalar(
                insert(shards)
                .values(name=name, rows=rows, bytes=size, digest=digest, run_id=run_id, stale=0)
                .returning(shards.c.id)
            )
            for name, rows, size, digest in new_shards
        ]

    def _delete(self, column: Column[Any], values: list[Any]) -> None:
        for start in range(0, len(values), MAX_QUERY_VALUES):
            self.connection.execute(
                column.table.delete().where(column.in_(values[start : start + MAX_QUERY_VALUES]))
            )


def track_is_unlinked() -> ColumnElement[bool]:
    """Of a track: that no song has it. One pass over all links, in whatever memory there is."""
    return tracks.c.id.in_(select(tracks.c.id).except_(select(links.c.track_id)))
