"""The catalog in PostgreSQL, which several runs may write at once."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.commit_hook import CommitHook
from midiprism.catalog.commit_result import CommitResult
from midiprism.catalog.errors import NoCatalogError, translate_errors
from midiprism.catalog.late_facts import with_facts_of_later
from midiprism.catalog.leasing import LEASE_SECONDS, BatchLeases, LeaseResult
from midiprism.catalog.migrate import create_tables, is_empty, require_current_version
from midiprism.catalog.path_lookup import PATH_START, path_starts
from midiprism.catalog.postgres import leases as lease_queries
from midiprism.catalog.postgres.batch_state import PostgresTransaction
from midiprism.catalog.postgres.commit import BatchCommit
from midiprism.catalog.postgres.server import ServerRetry, connect, driver_connection, reopen_if_broken
from midiprism.catalog.queries.run_samples import count_connections
from midiprism.catalog.schema import MAX_INDEXED_PATH_BYTES, PATH_START_SQL, properties, runs, song_paths
from midiprism.catalog.song_facts import SongFacts
from midiprism.catalog.types import UpToDate
from midiprism.errors import CatalogError
from midiprism.records.batches import BatchRecord
from midiprism.stores.shard_sink import ShardSink, removing_on_error

T = TypeVar("T")

_STOP_CHECK_SECONDS = 0.1
_CREATE_TABLES_LOCK = 0x6D696469  # the advisory lock under which tables are made: "midi"


class PostgresCatalog(Catalog):
    """The catalog in a schema of a PostgreSQL database.

    A statement that fails for a temporary reason is repeated, see ``ServerRetry``.

    Args:
        address: of the schema.
        writable: whether the catalog may be written, and its tables be created.
        hooks: take part in each commit.
        lease_seconds: how long a lease lasts unless it is renewed.
        server_retry: repeats statements; None for one that waits until the server has been away for too long.
    """

    shared = True
    address: PostgresAddress

    def __init__(
        self,
        address: PostgresAddress,
        *,
        writable: bool,
        hooks: Sequence[CommitHook] = (),
        lease_seconds: float = LEASE_SECONDS,
        server_retry: ServerRetry | None = None,
    ) -> None:
        super().__init__(address, connect(address))
        self._writable = writable
        self._hooks = tuple(hooks)
        self._lease_seconds = lease_seconds
        self._server_retry = server_retry or ServerRetry(address)
        self._song_facts = SongFacts(self._select_by_keys)

    @classmethod
    def open(
        cls,
        address: PostgresAddress,
        *,
        writable: bool,
        hooks: Sequence[CommitHook] = (),
        lease_seconds: float = LEASE_SECONDS,
    ) -> "PostgresCatalog":
        """Open the catalog; for writing, create it where there is none.

        Raises:
            CatalogError: it is not a catalog, is of another version, or cannot be reached.
        """
        catalog = cls(address, writable=writable, hooks=hooks, lease_seconds=lease_seconds)
        try:
            with translate_errors(str(address)):
                catalog._prepare_tables()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @classmethod
    def open_when_available(
        cls, address: PostgresAddress, stop: Callable[[], bool], hooks: Sequence[CommitHook] = ()
    ) -> "PostgresCatalog":
        """Open a catalog that is known to be in order; wait for the server until ``stop`` is true."""
        retry = ServerRetry(address, stop)
        return retry.run(lambda: cls(address, writable=True, hooks=hooks, server_retry=retry), lambda: None)

    @property
    def worker_commit_address(self) -> PostgresAddress:
        return self.address

    def wait_for_server(self, stop: Callable[[], bool], on_wait: Callable[[str], None]) -> None:
        self._server_retry.wait_with(stop, on_wait)

    def _prepare_tables(self) -> None:
        connection, schema = self.connection, self.address.schema
        with connection.begin():
            if self._writable:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATE_TABLES_LOCK})
                if is_empty(connection, schema):
                    self._require_utf8()
                    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
                    create_tables(connection)
                    return
            try:
                require_current_version(connection, schema, self.path)
            except NoCatalogError as error:
                if not is_empty(connection, schema):
                    raise
                raise NoCatalogError(
                    f"{self.path} holds no catalog yet: `midiprism split` creates one."
                ) from error
        if not self._writable:
            driver_connection(connection).read_only = True

    def _require_utf8(self) -> None:
        encoding = driver_connection(self.connection).info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise CatalogError(
                f"{self.path} keeps text as {encoding}, which does not hold all names: make a database with "
                "ENCODING 'UTF8' TEMPLATE template0."
            )

    def run_in_transaction(self, work: Callable[[], T]) -> T:
        return self._server_retry.run_in_transaction(lambda: self.connection, work, self._reconnect)

    def _reconnect(self) -> None:
        self.connection = reopen_if_broken(self.connection, self.address, read_only=not self._writable)

    def begin_run(self, settings: Mapping[str, Any], now: str) -> int:
        def work() -> int:
            expired = runs.c.expires_at < func.now()
            self.connection.execute(
                update(runs).where(runs.c.state == "running", expired).values(state="cut off")
            )
            run_id: int = self.connection.scalar(
                insert(runs)
                .values(
                    started_at=now,
                    updated_at=now,
                    state="running",
                    settings=dict(settings),
                    totals={},
                    expires_at=lease_queries.expires_at(self._lease_seconds),
                )
                .returning(runs.c.id)
            )
            return run_id

        return self.run_in_transaction(work)

    def _renew_leases(self, run_id: int) -> None:
        lease_queries.renew(self.connection, run_id, self._lease_seconds)

    def server_status(self) -> tuple[float, dict[str, int]]:
        def work() -> tuple[float, dict[str, int]]:
            states = count_connections(self.connection)
            started = time.perf_counter()
            self.connection.execute(text("SELECT 1"))
            return time.perf_counter() - started, states

        return self.run_in_transaction(work)

    def end_run(self, run_id: int, state: str, totals: Mapping[str, Any], now: str) -> None:
        self.run_in_transaction(lambda: lease_queries.release_run(self.connection, run_id))
        super().end_run(run_id, state, totals, now)

    def lease(
        self,
        run_id: int,
        path_stats: Mapping[bytes, tuple[int, int]],
        up_to_date: UpToDate | None,
        *,
        redo: bool,
    ) -> LeaseResult:
        """Lease those of some paths that are still to be done and that no other run has leased.

        Args:
            run_id: of the run that asks.
            path_stats: size and time of each path as it was found.
            up_to_date: songs with which there is nothing to do; None for all that are known.
            redo: whether known songs are done again.
        """

        def work() -> LeaseResult:
            lease, leased = lease_queries.acquire(
                self.connection, self.address.schema, run_id, list(path_stats), self._lease_seconds
            )
            done: set[bytes] = set()
            if not redo:  # another run may have committed some since they were planned
                recorded = self._recorded_stats(leased, up_to_date)
                done = {path for path, stats in recorded.items() if path_stats[path] == stats}
            if done or not leased:
                lease_queries.release(self.connection, lease, list(done))
            return LeaseResult(
                lease if len(done) < len(leased) else None,
                frozenset(leased - done),
                len(done),
                len(path_stats) - len(leased),
            )

        return self.run_in_transaction(work)

    def _select_paths_from(self, first_path: bytes) -> Select[Any]:
        query = (
            super()._select_paths_from(first_path).where(first_path[:MAX_INDEXED_PATH_BYTES] <= PATH_START)
        )
        return query.order_by(None).order_by(PATH_START, song_paths.c.path)

    def leases_of_other_runs(self, run_id: int) -> set[int]:
        """Return the ids of the leases that other runs hold."""
        return self.run_in_transaction(lambda: lease_queries.leases_of_other_runs(self.connection, run_id))

    def batch_leases(self, run_id: int, up_to_date: UpToDate | None, *, redo: bool) -> BatchLeases:
        return BatchLeases(
            lambda path_stats: self.lease(run_id, path_stats, up_to_date, redo=redo),
            lambda: self.leases_of_other_runs(run_id),
        )

    def _recorded_stats(
        self, leased: Iterable[bytes], up_to_date: UpToDate | None
    ) -> dict[bytes, tuple[int | None, int | None]]:
        """Return size and time of those paths that have a song with which there is nothing to do."""
        paths = list(leased)
        table = f'"{self.address.schema}"'
        rows = driver_connection(self.connection).execute(
            f"SELECT p.path, p.size, p.mtime_ns, s.contract_version, s.outcome FROM {table}.song_paths p "  # noqa: S608
            f"JOIN {table}.songs s ON s.id = p.song_id WHERE {PATH_START_SQL} = ANY(%b) AND path = ANY(%b)",
            (path_starts(paths), paths),
        )
        return {
            path: (size, mtime_ns)
            for path, size, mtime_ns, contract_version, outcome in rows
            if up_to_date is None or up_to_date.includes(contract_version, outcome)
        }

    def active_runs(self, except_run: int | None = None) -> list[int]:
        return self.run_in_transaction(lambda: self._select_active_runs(except_run))

    def is_only_active_run(self, run_id: int | None) -> bool:
        # A run that begins now waits; of two runs that ask at once, only the second is alone.
        self.connection.execute(text(f'LOCK TABLE "{self.address.schema}".runs IN SHARE ROW EXCLUSIVE MODE'))
        self.connection.execute(update(runs).where(runs.c.id == run_id).values(expires_at=func.now()))
        return not self._select_active_runs(run_id)

    def _select_active_runs(self, except_run: int | None) -> list[int]:
        is_active = (runs.c.state == "running") & (runs.c.expires_at > func.clock_timestamp())
        run_ids = self.connection.scalars(select(runs.c.id).where(is_active).order_by(runs.c.id))
        return [run_id for run_id in run_ids if run_id != except_run]

    def _insert_property(self, key: str, value: str) -> None:
        statement = insert(properties).values(key=key, value=value)
        self.connection.execute(statement.on_conflict_do_nothing())

    @contextmanager
    def interruptible(self, stop: Callable[[], bool]) -> Iterator[None]:
        import psycopg

        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_STOP_CHECK_SECONDS):
                if stop():
                    with suppress(psycopg.Error, SQLAlchemyError):
                        driver_connection(self.connection).cancel()

        watcher = threading.Thread(target=watch, daemon=True)
        with self._server_retry.stopping(stop):
            watcher.start()
            try:
                yield
            finally:
                ended.set()
                watcher.join()

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        with super().read_transaction() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]:
        transaction = PostgresTransaction(self.address.schema, run_id, now, self._hooks, self._song_facts)
        batches = with_facts_of_later(batches)

        def work() -> list[CommitResult]:
            with removing_on_error(shard_sink):
                return [BatchCommit(self, transaction, batch, shard_sink).commit() for batch in batches]

        return self.run_in_transaction(work)

    def _select_by_keys(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], keys: Iterable[Any]
    ) -> list[Any]:
        names = ", ".join(column.name for column in columns)
        table = f'"{self.address.schema}".{key_column.table.name}'
        statement = f"SELECT {names} FROM {table} WHERE {key_column.name} = ANY(%b)"  # noqa: S608 - names of ours
        found: list[Any] = driver_connection(self.connection).execute(statement, (list(keys),)).fetchall()
        return found

    def select_by_ranges(
        self, columns: tuple[Column[Any], ...], key_column: Column[Any], ranges: Sequence[tuple[Any, Any]]
    ) -> list[Any]:
        names = ", ".join(f"t.{column.name}" for column in columns)
        table = f'"{self.address.schema}".{key_column.table.name}'
        # One search per range: as one condition, every row would be compared with the ends of all ranges.
        statement = (
            f"SELECT {names} FROM unnest(%s::bytea[], %s::bytea[]) AS r (low, high) "  # noqa: S608 - ours
            f"JOIN {table} t ON t.{key_column.name} BETWEEN r.low AND r.high"
        )
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        found: list[Any] = driver_connection(self.connection).execute(statement, (lows, highs)).fetchall()
        return found


def has_no_tables(address: PostgresAddress) -> bool:
    """Return whether the schema has no tables that could be a catalog.

    Raises:
        CatalogError: it cannot be reached.
    """
    with connect(address) as connection, translate_errors(str(address)):
        return is_empty(connection, address.schema)
