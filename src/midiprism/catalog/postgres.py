"""The catalogue in PostgreSQL: several runs may write it at once."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from midiprism.catalog import leases as held
from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.bridge import Bridge
from midiprism.catalog.catalog import RESULT, Catalog, Committed, Settled
from midiprism.catalog.errors import translated
from midiprism.catalog.keeper import Keeper
from midiprism.catalog.leases import Leased
from midiprism.catalog.migrate import NoCatalogError, is_empty, make_tables, require_head
from midiprism.catalog.postgres_commit import BatchCommit
from midiprism.catalog.postgres_server import Patience, connected, driver
from midiprism.catalog.records import BatchRecord
from midiprism.catalog.samples import connections
from midiprism.catalog.schema import properties, runs
from midiprism.errors import CatalogError

T = TypeVar("T")

_LOOK_SECONDS = 0.1
_MAKING = 0x6D696469  # the advisory lock under which tables are made: "midi"


class PostgresCatalog(Catalog):
    """See the module. A statement that fails for a passing reason is done again, see ``Patience``.

    Args:
        address: where it is.
        writing: whether tables are made where there are none.

    Attributes:
        bridge: to a library that was taken over, which each commit fills too.
    """

    shared = True
    address: PostgresAddress

    def __init__(self, address: PostgresAddress, *, writing: bool) -> None:
        super().__init__(address, connected(address))
        self._writing = writing
        self.patience = Patience(address)
        self.bridge: Bridge | None = None

    @classmethod
    def open(cls, address: PostgresAddress, *, writing: bool) -> "PostgresCatalog":
        """Open it; for writing, make it where there is none.

        Raises:
            CatalogError: it is not one, is of another version, or cannot be reached.
        """
        catalog = cls(address, writing=writing)
        try:
            with translated(str(address)):
                catalog._prepare()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @classmethod
    def waiting(cls, address: PostgresAddress, stop: Callable[[], bool]) -> "PostgresCatalog":
        """One that is known to be in order; the server is waited for until ``stop`` is true."""
        patience = Patience(address, stop)
        catalog = patience.keep_trying(lambda: cls(address, writing=True), lambda: None)
        catalog.patience = patience
        return catalog

    def _prepare(self) -> None:
        connection, schema = self.connection, self.address.schema
        with connection.begin():
            if self._writing:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING})
                if is_empty(connection, schema):
                    self._require_unicode()
                    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
                    make_tables(connection)
                    return
            try:
                require_head(connection, schema, self.path, f" {self.address.options}")
            except NoCatalogError as error:
                if not is_empty(connection, schema):
                    raise
                raise NoCatalogError(
                    f"{self.path} holds no catalogue yet: `midiprism split` with this --database makes one."
                ) from error
        if not self._writing:
            driver(connection).read_only = True

    def _require_unicode(self) -> None:
        encoding = driver(self.connection).info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise CatalogError(
                f"{self.path} keeps text as {encoding}, which does not hold all names: make a database with "
                "ENCODING 'UTF8' TEMPLATE template0."
            )

    def do(self, work: Callable[[], T]) -> T:
        def once() -> T:
            with self.connection.begin():
                return work()

        return self.patience.keep_trying(once, self._reconnect)

    def _reconnect(self) -> None:
        if self.connection.closed or self.connection.invalidated or driver(self.connection).closed:
            self.connection.close()
            self.connection = connected(self.address)
            driver(self.connection).read_only = not self._writing

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
                    expires_at=held.until(self.lease_seconds),
                )
                .returning(runs.c.id)
            )
            return number

        return self.do(work)

    def _renew(self, run_id: int) -> None:
        held.renew(self.connection, run_id, self.lease_seconds)

    def standing(self) -> tuple[float, dict[str, int]]:
        def work() -> tuple[float, dict[str, int]]:
            states = connections(self.connection)
            began = time.perf_counter()
            self.connection.execute(text("SELECT 1"))
            return time.perf_counter() - began, states

        return self.do(work)

    def end_run(self, run_id: int, state: str, totals: Mapping[str, Any], now: str) -> None:
        self.do(lambda: held.drop_run(self.connection, run_id))
        super().end_run(run_id, state, totals, now)

    def lease(
        self,
        run_id: int,
        wanted: Mapping[bytes, tuple[int, int]],
        settled: Settled | None,
        *,
        redo: bool,
    ) -> Leased:
        """Hold what of these paths is still to be done, and nobody else holds.

        Args:
            wanted: size and time of each as it was found.
            settled: those with which there is nothing to do; None for all that are known.
            redo: do also what is known.
        """

        def work() -> Leased:
            lease, won = held.take(
                self.connection, self.address.schema, run_id, list(wanted), self.lease_seconds
            )
            # Known by now: another run may have committed them since they were planned.
            done = set() if redo else {p for p, at in self._known_of(won, settled).items() if wanted[p] == at}
            if done or not won:
                held.release(self.connection, lease, list(done))
            return Leased(
                lease if len(done) < len(won) else None,
                frozenset(won - done),
                len(done),
                len(wanted) - len(won),
            )

        return self.do(work)

    def held_by_others(self, run_id: int) -> set[int]:
        """Numbers of the leases that other runs hold."""
        return self.do(lambda: held.held_by_others(self.connection, run_id))

    def _known_of(self, paths: Iterable[bytes], settled: Settled | None) -> dict[bytes, Any]:
        table = f'"{self.address.schema}"'
        found = driver(self.connection).execute(
            f"SELECT p.path, p.size, p.mtime_ns, s.contract, s.outcome FROM {table}.parent_paths p "  # noqa: S608
            f"JOIN {table}.parents s ON s.id = p.parent_id WHERE p.path = ANY(%b)",
            (list(paths),),
        )
        return {
            path: (size, mtime_ns)
            for path, size, mtime_ns, contract, outcome in found
            if settled is None or (contract == settled.contract and outcome not in settled.not_outcomes)
        }

    def runs_on(self, but: int | None = None) -> list[int]:
        return self.do(lambda: self._on(but))

    def only_run(self, run_id: int | None) -> bool:
        # Whoever begins a run waits; and of two runs that come to this at once the second finds itself alone.
        self.connection.execute(text(f'LOCK TABLE "{self.address.schema}".runs IN SHARE ROW EXCLUSIVE MODE'))
        self.connection.execute(update(runs).where(runs.c.id == run_id).values(expires_at=func.now()))
        return not self._on(run_id)

    def _on(self, but: int | None) -> list[int]:
        living = runs.c.expires_at > func.clock_timestamp()
        wanted = select(runs.c.id).where(runs.c.state == "running", living)
        return [number for number in self.connection.scalars(wanted.order_by(runs.c.id)) if number != but]

    def _put_result(self, result: str) -> None:
        statement = insert(properties).values(key=RESULT, value=result)
        self.connection.execute(statement.on_conflict_do_nothing())

    @contextmanager
    def ended_by(self, stop: Callable[[], bool]) -> Iterator[None]:
        import psycopg

        ended, before = threading.Event(), self.patience.stop

        def watch() -> None:
            while not ended.wait(_LOOK_SECONDS):
                if stop():
                    with suppress(psycopg.Error, SQLAlchemyError):
                        driver(self.connection).cancel()

        watching = threading.Thread(target=watch, daemon=True)
        self.patience.stop = stop
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()
            self.patience.stop = before

    @contextmanager
    def view(self) -> Iterator[Connection]:
        with super().view() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection

    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, keeper: Keeper | None = None
    ) -> list[Committed]:
        def work() -> list[Committed]:
            with keeper.attempt() if keeper else nullcontext():
                return [BatchCommit(self, run_id, batch, now, keeper).all() for batch in batches]

        return self.do(work)

    def _look_up(
        self, columns: tuple[Column[Any], ...], key: Column[Any], values: Iterable[Any]
    ) -> list[Any]:
        names = ", ".join(column.name for column in columns)
        table = f'"{self.address.schema}".{key.table.name}'
        statement = f"SELECT {names} FROM {table} WHERE {key.name} = ANY(%b)"  # noqa: S608 - names of ours
        found: list[Any] = driver(self.connection).execute(statement, (list(values),)).fetchall()
        return found

    def rows_between(
        self, columns: tuple[Column[Any], ...], key: Column[Any], ranges: Sequence[tuple[Any, Any]]
    ) -> list[Any]:
        names = ", ".join(f"t.{column.name}" for column in columns)
        table = f'"{self.address.schema}".{key.table.name}'
        # Sought range by range: as one condition, the ends of all would be compared with every row.
        statement = (
            f"SELECT {names} FROM unnest(%s::bytea[], %s::bytea[]) AS r (low, high) "  # noqa: S608 - ours
            f"JOIN {table} t ON t.{key.name} BETWEEN r.low AND r.high"
        )
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        found: list[Any] = driver(self.connection).execute(statement, (lows, highs)).fetchall()
        return found


def has_no_tables(address: PostgresAddress) -> bool:
    """Whether nothing is there yet that could be a catalogue.

    Raises:
        CatalogError: it cannot be reached.
    """
    with connected(address) as connection, translated(str(address)):
        return is_empty(connection, address.schema)
