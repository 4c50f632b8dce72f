"""The interface of a catalog, and the code that its implementations share.

A catalog knows songs, tracks, links and runs. Each batch of songs is recorded by one commit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Executable, Select, Table, func, insert, select, update

from midiprism.catalog.address import Address, PostgresAddress
from midiprism.catalog.bound_error import BoundCatalogError
from midiprism.catalog.commit_result import CommitResult
from midiprism.catalog.errors import translate_errors
from midiprism.catalog.leasing import BatchLeases
from midiprism.catalog.queries.run_samples import add_samples
from midiprism.catalog.rows import query_chunks, track_is_unlinked
from midiprism.catalog.schema import batches, properties, runs, shards, song_paths, songs, tracks
from midiprism.catalog.types import KnownPaths, KnownSong, TrackPathFields, UpToDate
from midiprism.errors import CommitHooksMismatchError
from midiprism.records.batches import BatchRecord
from midiprism.stores.shard_sink import ShardSink
from midiprism.stores.sharded import WrittenShard

T = TypeVar("T")

RESULT_KEY = "result"
HOOKS_KEY = "hooks"


class Catalog(ABC):
    """A catalog that is open.

    Attributes:
        address: where it is.
        connection: to its database.
        shared: whether several runs may write it at once; each then holds a lease on what it has planned.
    """

    shared = False

    def __init__(self, address: Address, connection: Connection) -> None:
        self.address = address
        self.connection = connection

    @property
    def path(self) -> str:
        """The address as it may be shown."""
        return str(self.address)

    @property
    def worker_commit_address(self) -> PostgresAddress | None:
        """Address at which workers commit their own batches; None where only one process may write."""
        return None

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def release_memory(self) -> None:  # noqa: B027 - a server has it elsewhere
        """Give up what is cached for further commits: none comes soon."""

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def wait_for_server(self, stop: Callable[[], bool], on_wait: Callable[[str], None]) -> None:
        """Let statements wait for a server that is away, where there is a server.

        Args:
            stop: once true, waiting ends.
            on_wait: called once with a message when a statement waits.
        """
        del stop, on_wait

    def run_in_transaction(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which is done in a transaction of its own.

        Raises:
            CatalogError: the database refused it. Nothing of it was recorded.
        """
        with translate_errors(self.path), self.connection.begin():
            return work()

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        """Open a snapshot of the catalog, which commits of others do not change.

        Raises:
            CatalogError: it cannot be read.
        """
        with translate_errors(self.path), self.connection.begin():
            yield self.connection

    def fetch_all(self, query: Executable) -> Sequence[Any]:
        """Return the rows of a query, in the transaction that is open or else in one of its own."""
        if self.connection.in_transaction():
            return self.connection.execute(query).fetchall()
        return self.run_in_transaction(lambda: self.connection.execute(query).fetchall())

    def fetch_value(self, query: Executable) -> Any:
        """Return the first value of a query's first row, see ``fetch_all``; None without rows."""
        rows = self.fetch_all(query)
        return rows[0][0] if rows else None

    @abstractmethod
    def interruptible(self, stop: Callable[[], bool]) -> AbstractContextManager[None]:
        """Return a context in which a long statement ends by a CatalogError once ``stop`` is true."""

    def known_paths(self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None) -> KnownPaths:
        """Return the known paths from ``first_path`` on, at most ``limit``, in the order of their bytes.

        Args:
            up_to_date: only paths of these songs; None for all.
        """
        query = self._select_paths_from(first_path).limit(limit)
        if up_to_date is not None:
            query = query.join(songs, songs.c.id == song_paths.c.song_id).where(
                songs.c.contract_version == up_to_date.contract_version,
                songs.c.outcome.not_in(up_to_date.retried_outcomes),
            )
        return {path: (size, mtime_ns) for path, size, mtime_ns in self.fetch_all(query)}

    def _select_paths_from(self, first_path: bytes) -> Select[Any]:
        path = song_paths.c.path
        return select(path, song_paths.c.size, song_paths.c.mtime_ns).where(path >= first_path).order_by(path)

    def oldest_contract_version(self) -> int | None:
        """Return the lowest version of the contract that a song was split by; None without any song."""
        oldest: int | None = self.fetch_value(select(func.min(songs.c.contract_version)))
        return oldest

    def known_songs(self, digests: Iterable[bytes]) -> dict[bytes, KnownSong]:
        """Return those of the songs with these digests that are known."""
        wanted = list(digests)
        return self.run_in_transaction(lambda: self.select_songs(wanted))

    def known_tracks(self, digests: Iterable[bytes]) -> set[bytes]:
        """Return those of these digests whose tracks are known."""
        wanted = list(digests)
        return self.run_in_transaction(lambda: set(self.select_track_ids(wanted)))

    def select_songs(self, digests: Iterable[bytes]) -> dict[bytes, KnownSong]:
        """Return the same as ``known_songs``, inside a transaction that is open."""
        row = songs.c
        columns = (row.digest, row.id, row.outcome, row.contract_version, row.run_id)
        rows = self._select_by_keys(columns, row.digest, digests)
        return {digest: KnownSong(*values) for digest, *values in rows}

    def select_track_ids(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Return the ids of the known tracks with these digests, inside a transaction that is open."""
        return dict(self._select_by_keys((tracks.c.digest, tracks.c.id), tracks.c.digest, digests))

    def storage_usage(self) -> tuple[int, int, int]:
        """Return the songs of all runs, the files written for them, and the bytes these take on disk."""
        query = select(*map(func.sum, (batches.c.songs, batches.c.files_written, batches.c.disk_bytes)))
        ((song_count, files, disk_bytes),) = self.fetch_all(query)
        return int(song_count or 0), int(files or 0), int(disk_bytes or 0)

    def local_disk_bytes(self) -> int:
        """Return the bytes that the catalog takes on the disk of the result; 0 where it is elsewhere."""
        return 0

    @abstractmethod
    def begin_run(self, settings: Mapping[str, Any], now: str) -> int:
        """Record that a run begins, and that earlier unfinished runs were cut off. Return its id."""

    def update_run(
        self,
        run_id: int,
        totals: Mapping[str, Any],
        now: str,
        samples: Sequence[Mapping[str, Any]] = (),
        dropped_times: Sequence[float] = (),
    ) -> None:
        """Record the totals of a run so far and its samples, see ``add_samples``."""

        def work() -> None:
            self.connection.execute(
                update(runs).where(runs.c.id == run_id).values(totals=dict(totals), updated_at=now)
            )
            add_samples(self.connection, run_id, samples, dropped_times)
            self._renew_leases(run_id)

        self.run_in_transaction(work)

    def end_run(self, run_id: int, state: str, totals: Mapping[str, Any], now: str) -> None:
        """Record how a run ended: ``done``, ``interrupted`` or ``stopped``, and its totals."""
        statement = update(runs).where(runs.c.id == run_id)
        statement = statement.values(state=state, totals=dict(totals), updated_at=now)
        self.run_in_transaction(lambda: self.connection.execute(statement))

    def last_run_ended_cleanly(self) -> bool:
        """Return whether there was a run, and the last one ended by itself: it left nothing half written."""
        state = self.fetch_value(select(runs.c.state).order_by(runs.c.id.desc()).limit(1))
        return state in ("done", "interrupted", "undone")

    def newest_run(self) -> int | None:
        """Return the id of the run that began last; None without any run."""
        newest: int | None = self.fetch_value(select(func.max(runs.c.id)))
        return newest

    def active_runs(self, except_run: int | None = None) -> list[int]:
        """Return the ids of the runs that are active by the clock of the database, without ``except_run``.

        Where one run at a time has the catalog, the lock on ``OUT`` says whether a run is active; then none
        is returned.
        """
        del except_run
        return []

    def is_only_active_run(self, run_id: int | None) -> bool:
        """Return whether no other run is active; none begins before the open transaction ends."""
        del run_id
        return True

    @contextmanager
    def exclusive(self, run_id: int | None) -> Iterator[bool]:
        """Open a transaction in which no run begins; yield whether no other run is active."""
        with translate_errors(self.path), self.connection.begin():
            yield self.is_only_active_run(run_id)

    def server_status(self) -> tuple[float, dict[str, int]]:
        """Return the server's response time in seconds and its connections by state; without one, 0."""
        return 0.0, {}

    def _renew_leases(self, run_id: int) -> None:
        """Record that a run is active, and keep its leases, where runs share a catalog."""
        del run_id

    @abstractmethod
    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]:
        """Record whole batches in one transaction: songs, paths, tracks and links.

        A song that got an outcome meanwhile keeps that outcome and its links.

        Args:
            run_id: of the run that commits.
            batches: with their columns.
            now: UTC, ISO 8601.
            shard_sink: writes new tracks and links; None where the tracks' files are durable already.

        Raises:
            CatalogError: nothing of them was recorded.
        """

    def prepare_commit(
        self, run_id: int, batches: Sequence[BatchRecord], shard_sink: ShardSink
    ) -> Callable[[], None] | None:
        """Return the work that can be done for these batches before their transaction begins; None for none.

        It may be done in a thread. The batches must be those of the next ``commit``.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        del run_id, batches, shard_sink
        return None

    def batch_leases(self, run_id: int, up_to_date: UpToDate | None, *, redo: bool) -> BatchLeases | None:
        """Return the leases of a run; None where it has the catalog to itself.

        Args:
            run_id: of the run.
            up_to_date: songs with which there is nothing to do; None for all that are known.
            redo: whether known songs are done again.
        """
        del run_id, up_to_date, redo
        return None

    def mark_shards_stale(self, song_ids: Sequence[int]) -> None:
        """Record that shards with links of these songs are out of date, inside a transaction that is open."""
        for part in query_chunks(song_ids):
            of_songs = select(songs.c.shard_id).where(songs.c.id.in_(part))
            # In one order, so that no two commits wait for one another.
            current = (
                select(shards.c.id)
                .where(shards.c.id.in_(of_songs), shards.c.stale == 0)
                .order_by(shards.c.id)
            )
            ids = self.connection.scalars(current.with_for_update()).all()
            self.connection.execute(update(shards).where(shards.c.id.in_(ids)).values(stale=1))

    def insert_shards(self, new_shards: Sequence[WrittenShard], run_id: int) -> list[int]:
        """Record shards, inside a transaction that is open. Return their ids."""
        return [
            self.connection.scalar(
                insert(shards)
                .values(
                    name=shard.name,
                    rows=shard.rows,
                    bytes=shard.size,
                    digest=shard.digest,
                    run_id=run_id,
                    stale=0,
                )
                .returning(shards.c.id)
            )
            for shard in new_shards
        ]

    def delete_unlinked_tracks(self, run_id: int | None = None) -> list[TrackPathFields]:
        """Delete the tracks that no song has any more, and return the fields of their files' paths.

        While another run is active, nothing is deleted: it may be about to link to them.

        Args:
            run_id: the run that calls this, which records nothing after it.
        """
        query = select(tracks.c.id, *(tracks.c[name] for name in TrackPathFields._fields))

        def work() -> list[TrackPathFields]:
            if not self.is_only_active_run(run_id):
                return []
            rows = self.connection.execute(query.where(track_is_unlinked())).fetchall()
            self._delete(tracks.c.id, [row.id for row in rows])
            return [TrackPathFields(*fields) for _, *fields in rows]

        return self.run_in_transaction(work)

    def reserve_ids(self, table: Table, highest_id: int) -> None:
        """Give no new row of ``table`` an id up to ``highest_id``: rows of lost songs still have them."""
        # Where the database assigns ids, it never assigns one again.
        del table, highest_id

    def bound_result(self) -> str | None:
        """Return the id of the catalog's result; None for a catalog in the result's folder."""
        result_id: str | None = self.fetch_value(
            select(properties.c.value).where(properties.c.key == RESULT_KEY)
        )
        return result_id

    def bind_result(self, result_id: str, out: str | None = None) -> None:
        """Record that the catalog belongs to this result, whose folder is ``out``.

        Raises:
            BoundCatalogError: it belongs to another.
        """
        bound = self.bound_result()
        if bound is None:
            self.run_in_transaction(lambda: self._insert_property(RESULT_KEY, result_id))
            bound = self.bound_result()
        if bound != result_id:
            raise self.bound_error(out)

    def bound_error(self, out: str | None = None, recorded: str | None = None) -> BoundCatalogError:
        """Return the error that the catalog belongs to another result than ``out``; see the error."""
        folder = runs.c.settings["out"].as_string()  # which only runs that split have
        latest = select(folder).where(folder.is_not(None)).order_by(runs.c.id.desc()).limit(1)
        options = self.address.cli_options if isinstance(self.address, PostgresAddress) else ""
        return BoundCatalogError(self.path, options, self.fetch_value(latest), out, recorded)

    def _insert_property(self, key: str, value: str) -> None:
        """Insert a property, unless another run has just inserted it."""
        self.connection.execute(insert(properties).values(key=key, value=value))

    def select_hook_names(self) -> frozenset[str]:
        """Return the names of the hooks that commits go through, inside a transaction that is open."""
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
                self._insert_property(HOOKS_KEY, " ".join(sorted(wanted)))
            return self.select_hook_names()

        bound = self.run_in_transaction(work)
        if bound != wanted:
            raise CommitHooksMismatchError(self.path, bound, wanted)

    @abstractmethod
    def _select_by_keys(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], keys: Iterable[Any]
    ) -> list[Any]:
        """Return these columns of the rows of the key's table with these keys."""

    @abstractmethod
    def select_by_ranges(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], ranges: Sequence[tuple[Any, Any]]
    ) -> list[Any]:
        """Return these columns of the rows with a key in a range, ends included, in an open transaction."""

    def _delete(self, column: Column[Any], values: Sequence[Any]) -> None:
        for part in query_chunks(values):
            self.connection.execute(column.table.delete().where(column.in_(part)))
