"""Reading a library that another program keeps in PostgreSQL, without ever writing to it."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from sqlalchemy import text

from midiprism.adopt.db.foreign_schema import ForeignSchema, read_foreign_schema
from midiprism.adopt.errors import ForeignTablesError
from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.postgres.server import ServerRetry, connect, driver_connection, reopen_if_broken
from midiprism.fs.path_text import path_bytes

T = TypeVar("T")

_REQUIRED_COLUMNS = {
    "files": ("id", "filepath", "content_hash", "num_tracks", "file_size_bytes"),
    "track_splits": ("id", "parent_file_id", "split_file_id", "track_number"),
}
_PAGE_ROWS = 5_000


class ForeignFile(NamedTuple):
    """A row of ``files``.

    Attributes:
        id: of the row.
        path: as it is recorded, in the file system's bytes.
        content_hash: as it is recorded.
    """

    id: int
    path: bytes
    content_hash: bytes

    @classmethod
    def from_row(cls, file_id: int, path: str, content_hash: bytes) -> "ForeignFile":
        """Return the file of a row as the database has it."""
        return cls(file_id, path_bytes(path), bytes(content_hash))


class ForeignLink(NamedTuple):
    """A row of ``track_splits``.

    Attributes:
        song_id: id of the song's row in ``files``.
        track_number: as the other program counts.
        track_file: the track's row in ``files``; None if that row no longer exists.
    """

    song_id: int
    track_number: int
    track_file: ForeignFile | None


class ForeignLibrary:
    """The tables of the library. Each query is a short read-only transaction of its own.

    Args:
        address: of the database, and of the schema of midiprism's own tables.
        stop: once true, a server that is away is not waited for.

    Attributes:
        address: of the database.
        connection: to the database.
        schema: what the tables look like.

    Raises:
        CatalogError: the server cannot be reached.
    """

    def __init__(self, address: PostgresAddress, stop: Callable[[], bool] = lambda: False) -> None:
        self.address = address
        self.connection = connect(address)
        driver_connection(self.connection).read_only = True
        self._server_retry = ServerRetry(address, stop)
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
        """Return what ``work`` reads in a transaction; it runs again if the connection is lost."""
        return self._server_retry.run_in_transaction(lambda: self.connection, work, self._reconnect)

    def fetch_rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """Return the rows of a statement in which ``{files}`` and ``{links}`` stand for the two tables."""
        # A colon in the name of a schema does not begin a parameter.
        files, links = (
            self.schema.qualified_name(name).replace(":", "\\:") for name in ("files", "track_splits")
        )
        query = text(statement.format(files=files, links=links))
        return self.run_in_transaction(lambda: self.connection.execute(query, values).all())

    def require_tables(self) -> None:
        """Raise ForeignTablesError unless the tables have the columns that reading them needs."""
        missing = [
            f"{table}.{name}"
            for table, names in _REQUIRED_COLUMNS.items()
            for name in names
            if (table, name) not in self.schema.column_types
        ]
        if missing:
            raise ForeignTablesError(str(self.address), missing)

    def count_already_split(self) -> int:
        """Return the number of songs that have links."""
        (row,) = self.fetch_rows("SELECT count(DISTINCT parent_file_id) AS song_count FROM {links}")
        return int(row.song_count)

    def already_split_ids(self) -> Iterator[list[int]]:
        """Yield the ids of the songs that have links, in ascending order, page by page."""
        after: int | None = None
        while page := self.fetch_rows(
            "SELECT DISTINCT parent_file_id FROM {links} "
            "WHERE parent_file_id > COALESCE(CAST(:after AS bigint), -9223372036854775808) "
            "ORDER BY parent_file_id LIMIT :page",
            after=after,
            page=_PAGE_ROWS,
        ):
            ids = [row.parent_file_id for row in page]
            yield ids
            after = ids[-1]

    def songs(self, ids: Sequence[int]) -> dict[int, ForeignFile]:
        """Return the songs with these ids, by id; songs without a row are left out."""
        rows = self.fetch_rows(
            "SELECT id, filepath, content_hash FROM {files} WHERE id = ANY(:ids)", ids=list(ids)
        )
        return {row.id: ForeignFile.from_row(*row) for row in rows}

    def links(self, ids: Sequence[int]) -> dict[int, list[ForeignLink]]:
        """Return the links of these songs by song id, in the order of their track numbers."""
        links_by_song: dict[int, list[ForeignLink]] = {}
        for song_id, track_number, *file_row in self.fetch_rows(
            "SELECT l.parent_file_id, l.track_number, f.id, f.filepath, f.content_hash "
            "FROM {links} l LEFT JOIN {files} f ON f.id = l.split_file_id "
            "WHERE l.parent_file_id = ANY(:ids) ORDER BY l.parent_file_id, l.track_number, l.id",
            ids=list(ids),
        ):
            track_file = None if file_row[0] is None else ForeignFile.from_row(*file_row)
            links_by_song.setdefault(song_id, []).append(ForeignLink(song_id, track_number, track_file))
        return links_by_song

    def _reconnect(self) -> None:
        self.connection = reopen_if_broken(self.connection, self.address, read_only=True)
