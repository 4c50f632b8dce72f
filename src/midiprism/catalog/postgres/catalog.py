"""The catalogue in PostgreSQL: several runs may write it at once."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.catalog import RESULT_KEY, Catalog, CommitResult, UpToDate
from midiprism.catalog.commit_hook import CommitHook
from midiprism.catalog.errors import NoCatalogError, translate_errors
from midiprism.catalog.migrate import create_tables, is_empty, require_current_version
from midiprism.catalog.postgres import leases as lease_queries
from midiprism.catalog.postgres.commit import BatchCommit
from midiprism.catalog.postgres.leases import LeaseResult
from midiprism.catalog.postgres.server import ServerRetry, connect, driver_connection, reopen_if_broken
from midiprism.catalog.queries.run_samples import count_connections
from midiprism.catalog.schema import properties, runs
from midiprism.errors import CatalogError
from midiprism.records.batches import BatchRecord
from midiprism.stores.shard_sink import ShardSink

T = TypeVar("T")

_STOP_CHECK_SECONDS = 0.1
_CREATE_TABLES_LOCK = 0x6D696469  # the advisory lock under which tables are made: "midi"


class PostgresCatalog(Catalog):
    """See the module. A statement that fails for a passing reason is done again, see ``ServerRetry``.

    Args:
        address: where it is.
        writing: whether tables are made where there are none.

        hooks: take part in each commit.
    """

    shared = True
    address: PostgresAddress

    def __init__(self, address: PostgresAddress, *, writable: bool, hooks: Sequence[CommitHook] = ()) -> None:
        super().__init__(address, connect(address))
        self._writable = writable
        self.server_retry = ServerRetry(address)
        self.hooks = tuple(hooks)

    @classmethod
    def open(
        cls, address: PostgresAddress, *, writable: bool, hooks: Sequence[CommitHook] = ()
    ) -> "PostgresCatalog":
        """Open it; for writing, make it where there is none.

        Raises:
            CatalogError: it is not one, is of another version, or cannot be reached.
        """
        catalog = cls(address, writable=writable, hooks=hooks)
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
        """One that is known to be in order; the server is waited for until ``stop`` is true."""
        patience = ServerRetry(address, stop)
        catalog = patience.run(lambda: cls(address, writable=True, hooks=hooks), lambda: None)
        catalog.server_retry = patience
        return catalog

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
                    f"{self.path} holds no catalogue yet: `midiprism split` with this --database makes one."
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
        return self.server_retry.run_in_transaction(lambda: self.connection, work, self._reconnect)

    def _reconnect(self) -> None:
        self.connection = reopen_if_broken(self.connection, self.address, read_only=not self._writable)

    def begin_run(self, settings: Mapping[str, Any], now: str) -> int:
        def work() -> int:
            gone = runs.c.expires_at < func.now()
            self.connection.execute(
                update(runs).where(runs.c.state == "running", gone).values(state="cut off")
            )
            number: int = self.connection.scalar(
                insert(runs)
                .values(
                    started_at=now,
                    updated_at=now,
                    state="running",
                    settings=dict(settings),
                    totals={},
                    expires_at=lease_queries.expires_at(self.lease_seconds),
                )
                .returning(runs.c.id)
            )
            return number

        return self.run_in_transaction(work)

    def _renew_leases(self, run_id: int) -> None:
        lease_queries.renew(self.connection, run_id, self.lease_seconds)

    def server_status(self) -> tuple[float, dict[str, int]]:
        def work() -> tuple[float, dict[str, int]]:
            states = count_connections(self.connection)
            began = time.perf_counter()
            self.connection.execute(text("SELECT 1"))
            return time.perf_counter() - began, states

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
        """Hold what of these paths is still to be done, and nobody else holds.

        Args:
            wanted: size and time of each as it was found.
            settled: those with which there is nothing to do; None for all that are known.
            redo: do also what is known.
        """

        def work() -> LeaseResult:
            lease, won = lease_queries.acquire(
                self.connection, self.address.schema, run_id, list(path_stats), self.lease_seconds
            )
            # Known by now: another run may have committed them since they were planned.
            done = (
                set()
                if redo
                else {p for p, at in self._known_among(won, up_to_date).items() if path_stats[p] == at}
            )
            if done or not won:
                lease_queries.release(self.connection, lease, list(done))
            return LeaseResult(
                lease if len(done) < len(won) else None,
                frozenset(won - done),
                len(done),
                len(path_stats) - len(won),
            )

        return self.run_in_transaction(work)

    def leases_of_other_runs(self, run_id: int) -> set[int]:
        """Numbers of the leases that other runs hold."""
        return self.run_in_transaction(lambda: lease_queries.leases_of_other_runs(self.connection, run_id))

    def _known_among(self, paths: Iterable[bytes], up_to_date: UpToDate | None) -> dict[bytes, Any]:
        table = f'"{self.address.schema}"'
        found = driver_connection(self.connection).execute(
            f"SELECT p.path, p.size, p.mtime_ns, s.contract_version, s.outcome FROM {table}.song_paths p "  # noqa: S608
            f"JOIN {table}.songs s ON s.id = p.song_id WHERE p.path = ANY(%b)",
            (list(paths),),
        )
        return {
            path: (size, mtime_ns)
            for path, size, mtime_ns, contract, outcome in found
            if up_to_date is None
            or (contract == up_to_date.contract_version and outcome not in up_to_date.retried_outcomes)
        }

    def active_runs(self, except_run: int | None = None) -> list[int]:
        return self.run_in_transaction(lambda: self._select_active_runs(except_run))

    def is_only_active_run(self, run_id: int | None) -> bool:
        # Whoever begins a run waits; and of two runs that come to this at once the second finds itself alone.
        self.connection.execute(text(f'LOCK TABLE "{self.address.schema}".runs IN SHARE ROW EXCLUSIVE MODE'))
        self.connection.execute(update(runs).where(runs.c.id == run_id).values(expires_at=func.now()))
        return not self._select_active_runs(run_id)

    def _select_active_runs(self, except_run: int | None) -> list[int]:
        living = runs.c.expires_at > func.clock_timestamp()
        wanted = select(runs.c.id).where(runs.c.state == "running", living)
        return [
            number for number in self.connection.scalars(wanted.order_by(runs.c.id)) if number != except_run
        ]

    def _insert_bound_result(self, result_id: str) -> None:
        statement = insert(properties).values(key=RESULT_KEY, value=result_id)
        self.connection.execute(statement.on_conflict_do_nothing())

    @contextmanager
    def interruptible(self, stop: Callable[[], bool]) -> Iterator[None]:
        import psycopg

        ended, before = threading.Event(), self.server_retry.stop

        def watch() -> None:
            while not ended.wait(_STOP_CHECK_SECONDS):
                if stop():
                    with suppress(psycopg.Error, SQLAlchemyError):
                        driver_connection(self.connection).cancel()

        watching = threading.Thread(target=watch, daemon=True)
        self.server_retry.stop = stop
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()
            self.server_retry.stop = before

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        with super().read_transaction() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]:
        def work() -> list[CommitResult]:
            with shard_sink.remove_on_error() if shard_sink else nullcontext():
                return [BatchCommit(self, run_id, batch, now, shard_sink).commit() for batch in batches]

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
        # Sought range by range: as one condition, the ends of all would be compared with every row.
        statement = (
            f"SELECT {names} FROM unnest(%s::bytea[], %s::bytea[]) AS r (low, high) "  # noqa: S608 - ours
            f"JOIN {table} t ON t.{key_column.name} BETWEEN r.low AND r.high"
        )
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        found: list[Any] = driver_connection(self.connection).execute(statement, (lows, highs)).fetchall()
        return found


def has_no_tables(address: PostgresAddress) -> bool:
    """Whether nothing is there yet that could be a catalogue.

    Raises:
        CatalogError: it cannot be reached.
    """
    with connect(address) as connection, translate_errors(str(address)):
        return is_empty(connection, address.schema)
