"""Connections to a PostgreSQL server: as libpq makes them, with retries, and behind a connection pooler."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.errors import translate_errors
from midiprism.errors import CatalogError
from midiprism.optional_packages import MissingPackageError

MAX_OUTAGE_SECONDS = 600.0
"""Longest time that a server may be away."""

_FIRST_PAUSE, _MAX_PAUSE = 0.05, 5.0
_CONNECT_TIMEOUT_SECONDS = 10

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_RETRYABLE_SQLSTATES = frozenset(
    {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available
    | {"53300", "53400", "57P01", "57P02", "57P03", "57P05"}  # too many clients; the server stops or starts
)

T = TypeVar("T")


def connect(address: PostgresAddress) -> Connection:
    """Return a connection whose statements find the catalog's tables.

    Raises:
        MissingPackageError: the driver is not installed.
        CatalogError: the server cannot be reached, or refuses us.
    """
    with translate_errors(str(address)):
        return _engine(address).connect()


def driver_connection(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.dbapi_connection


def reopen_if_broken(connection: Connection, address: PostgresAddress, *, read_only: bool) -> Connection:
    """Return a connection that works: the given one, or a new one to the same server.

    Raises:
        CatalogError: the server cannot be reached.
    """
    if not (connection.closed or connection.invalidated or driver_connection(connection).closed):
        return connection
    connection.close()
    reopened = connect(address)
    driver_connection(reopened).read_only = read_only
    return reopened


class ServerRetry:
    """Repeats work when a connection is lost, a server restarts, or transactions conflict.

    Args:
        address: of the server.
        stop: once true, waiting ends.
        on_wait: called once with a message when work waits.
    """

    def __init__(
        self,
        address: PostgresAddress,
        stop: Callable[[], bool] = lambda: False,
        on_wait: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._address = address
        self._stop = stop
        self._on_wait = on_wait

    def wait_with(self, stop: Callable[[], bool], on_wait: Callable[[str], None]) -> None:
        """Replace the callbacks."""
        self._stop, self._on_wait = stop, on_wait

    @contextmanager
    def stopping(self, stop: Callable[[], bool]) -> Iterator[None]:
        """Let another condition end waiting for a while."""
        before, self._stop = self._stop, stop
        try:
            yield
        finally:
            self._stop = before

    def run(self, work: Callable[[], T], reconnect: Callable[[], None]) -> T:
        """Return the result of ``work``, which is repeated after ``reconnect`` as long as that may help.

        Raises:
            CatalogError: repeating would not help, or the server was away for too long.
        """
        began, pause, has_reported, broken = time.monotonic(), _FIRST_PAUSE, False, False
        while True:
            try:
                with translate_errors(str(self._address)):
                    if broken:
                        reconnect()
                    return work()
            except CatalogError as error:
                if not is_transient(error) or self._stop() or time.monotonic() - began > MAX_OUTAGE_SECONDS:
                    raise
                if pause > 1 and not has_reported:
                    has_reported = True
                    self._on_wait(f"{error} Waiting for it ...")
            broken = True
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(_MAX_PAUSE, 2 * pause)

    def run_in_transaction(
        self, connection: Callable[[], Connection], work: Callable[[], T], reconnect: Callable[[], None]
    ) -> T:
        """Return the result of ``work`` in a transaction of its own, see ``run``.

        Args:
            connection: returns the connection to use, which ``reconnect`` may have replaced.
            work: what to do.
            reconnect: called before ``work`` is done again.
        """

        def run_once() -> T:
            with connection().begin():
                return work()

        return self.run(run_once, reconnect)


def is_transient(error: CatalogError) -> bool:
    """Return whether the error is temporary, such as a server that does not answer."""
    cause = error.__cause__
    if isinstance(cause, DBAPIError):
        cause = cause.orig
    import psycopg

    if not isinstance(cause, psycopg.Error):
        return False
    code = cause.sqlstate
    if code is None:  # it could not be reached, or the connection broke
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and not _is_permanent(
            cause
        )
    return code in _RETRYABLE_SQLSTATES or code.startswith("08")


def _is_permanent(cause: Exception) -> bool:
    """Return whether a connection was refused for a reason that waiting does not remove."""
    text = str(cause)
    return any(
        sign in text
        for sign in (
            "password authentication failed",
            "no password supplied",
            "does not exist",
            "no pg_hba.conf entry",
            "could not translate host name",
            "failed to resolve host",
            "invalid connection option",
            "invalid URI",
            "invalid sslmode",
            "server does not support SSL",
            "certificate verify failed",
            "definition of service",
        )
    )


def import_psycopg() -> Any:
    """Return the driver.

    Raises:
        MissingPackageError: it cannot be loaded.
    """
    try:
        import psycopg
    except ImportError as error:
        reason = f"it cannot be loaded ({error})"
        raise MissingPackageError("psycopg", "A catalog in PostgreSQL", reason) from error
    return psycopg


def _engine(address: PostgresAddress) -> Engine:
    psycopg = import_psycopg()

    def open_connection() -> Any:
        # Statements are not prepared: behind a pooler the next one may go to another server process.
        return psycopg.connect(
            address.url,
            prepare_threshold=None,
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            fallback_application_name="midiprism",
        )

    engine = create_engine(
        "postgresql+psycopg://",
        creator=open_connection,
        poolclass=NullPool,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,
    )
    return engine.execution_options(schema_translate_map={None: address.schema})
