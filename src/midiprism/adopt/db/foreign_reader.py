"""Reading a library that another program keeps in PostgreSQL, and never writing to it."""

import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from sqlalchemy import text

from midiprism.adopt.db.foreign_schema import ForeignSchema, read_foreign_schema
from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.postgres.server import ServerRetry, connect, driver_connection
from midiprism.errors import CatalogError

T = TypeVar("T")

_REQUIRED_COLUMNS = {
    "files": ("id", "filepath", "content_hash", "num_tracks", "file_size_bytes"),
    "track_splits": ("id", "parent_file_id", "split_file_id", "track_number"),
}
_PAGE_ROWS = 5_000


class ForeignFile(NamedTuple):
    """A row of ``files``.

    Attributes:
        path: as it is recorded, in the file system's bytes.
        content_hash: what their database says of its content.
    """

    id: int
    path: bytes
    content_hash: bytes


class ForeignLink(NamedTuple):
    """A row of ``links``.

    Attributes:
        track_number: as the other program counts.
        file: the split's row; None where it is gone.
    """

    song_id: int
    track_number: int
    track_file: ForeignFile | None


class ForeignLibrary:
    """Their tables. Every question is a read-only transaction of its own, so that none lasts for hours.

    Args:
        address: of the database, and of the schema of our own tables.
        stop: once true, a server that is away is not waited for.

    Raises:
        CatalogError: the server cannot be reached.
    """

    def __init__(self, address: PostgresAddress, stop: Callable[[], bool] = lambda: False) -> None:
        self.address = address
        self._server_retry = ServerRetry(address, stop)
        self._connect()
        self.schema: ForeignSchema = self.run_in_transaction(
            lambda: read_foreign_schema(self.connection, address.schema)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def run_in_transaction(self, work: Callable[[], T]) -> T:
        """What ``work`` reads in a transaction of its own, once more where the connection is lost."""

        def once() -> T:
            with self.connection.begin():
                return work()

        return self._server_retry.run(once, self._reconnect)

    def fetch_rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """The rows that a statement gives, in which ``{files}`` and ``{links}`` are their tables."""
        # A colon in the name of a schema begins no parameter.
        files, links = (
            self.schema.qualified_name(name).replace(":", "\\:") for name in ("files", "track_splits")
        )
        wanted = text(statement.format(files=files, links=links))
        return self.run_in_transaction(lambda: self.connection.execute(wanted, values).all())

    def require_tables(self) -> None:
        """Raise CatalogError unless there is what reading the library needs."""
        faults = [
            f"{table}.{name}"
            for table, names in _REQUIRED_COLUMNS.items()
            for name in names
            if (table, name) not in self.schema.column_types
        ]
        if faults:
            raise CatalogError(
                f"{self.address} holds no library of the shape that midiprism knows ({', '.join(faults)} "
                "missing): `midiprism catalog check` says what is wanted."
            )

    def count_already_split(self) -> int:
        """How many songs have links."""
        (row,) = self.fetch_rows("SELECT count(DISTINCT parent_file_id) FROM {links}")
        return int(row[0])

    def already_split_ids(self) -> Iterator[list[int]]:
        """Ids of the songs that have links, ascending, page by page."""
        after: int | None = None
        while page := self.fetch_rows(
            "SELECT DISTINCT parent_file_id FROM {links} "
            "WHERE parent_file_id > COALESCE(CAST(:after AS bigint), -9223372036854775808) "
            "ORDER BY parent_file_id LIMIT :page",
            after=after,
            page=_PAGE_ROWS,
        ):
            yield [row[0] for row in page]
            after = page[-1][0]

    def songs(self, ids: Sequence[int]) -> dict[int, ForeignFile]:
        """Those of these songs that have a row."""
        rows = self.fetch_rows(
            "SELECT id, filepath, content_hash FROM {files} WHERE id = ANY(:ids)", ids=list(ids)
        )
        return {row.id: make_foreign_file(*row) for row in rows}

    def links(self, ids: Sequence[int]) -> dict[int, list[ForeignLink]]:
        """The links of these songs, in the order of their track numbers."""
        found: dict[int, list[ForeignLink]] = {}
        for song, number, *file in self.fetch_rows(
            "SELECT l.parent_file_id, l.track_number, f.id, f.filepath, f.content_hash "
            "FROM {links} l LEFT JOIN {files} f ON f.id = l.split_file_id "
            "WHERE l.parent_file_id = ANY(:ids) ORDER BY l.parent_file_id, l.track_number, l.id",
            ids=list(ids),
        ):
            split = None if file[0] is None else make_foreign_file(*file)
            found.setdefault(song, []).append(ForeignLink(song, number, split))
        return found

    def _connect(self) -> None:
        self.connection = connect(self.address)
        driver_connection(self.connection).read_only = True

    def _reconnect(self) -> None:
        if self.connection.closed or self.connection.invalidated or driver_connection(self.connection).closed:
            self.connection.close()
            self._connect()


def make_foreign_file(file_id: int, path: str, content_hash: bytes) -> ForeignFile:
    """A row as a value."""
    return ForeignFile(file_id, os.fsencode(path), bytes(content_hash))
