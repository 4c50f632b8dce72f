"""A Parquet file, open: which columns hold songs, what songs are called, and the rows themselves.

Rows are decoded forward, a few at a time. A writer may have put all of a file into one group of rows, which
can be read from its beginning only.
"""

import io
import json
import math
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from midiprism.errors import UsageError
from midiprism.library.opened import OpenFile
from midiprism.library.stream import DamagedError

_AT_ONCE = 16
_NAMES_AT_ONCE = 1_000
_LOOK_BACK = 4
_BUFFER = 1 << 20
MOST_ROWS = 100_000_000
MOST_FACTS = 1 << 20
"""Most characters of what is kept of a row."""

_FORM = "bytes"


class Columns(NamedTuple):
    """Which columns of a Parquet file are what.

    Attributes:
        song: holds bytes of songs, or structs with a field ``bytes``.
        name: names the songs; None where they have only the numbers of their rows.
        keep: what else is told of a song.
    """

    song: str
    name: str | None = None
    keep: tuple[str, ...] = ()


class Row(NamedTuple):
    """A row: the song's bytes, None for null, and a JSON object of what is kept of it."""

    data: bytes | None
    facts: str | None


def require_pyarrow() -> None:
    """Raises:
    UsageError: there is no pyarrow.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "Reading Parquet files needs pyarrow, which is not installed: pip install 'midiprism[parquet]'."
        ) from error


class Rows:
    """A Parquet file, open for reading rows.

    Raises:
        DamagedError: it is not a Parquet file.
        OSError: it cannot be opened.
        UnreadableError: it is not a regular file.
    """

    def __init__(self, path: bytes) -> None:
        import pyarrow.parquet

        self.file = OpenFile(path)
        with _damage():
            self._parquet = pyarrow.parquet.ParquetFile(_Raw(self.file), buffer_size=_BUFFER)
        groups = [self._parquet.metadata.row_group(number) for number in range(self._parquet.num_row_groups)]
        self._sizes = [group.num_rows for group in groups]
        if min(self._sizes, default=0) < 0 or self.count > MOST_ROWS:
            raise DamagedError(f"It says that it has more than {MOST_ROWS:,} rows.")
        self._ended: dict[int, int] = {}
        self._columns: tuple[str, tuple[str, ...]] = ("", ())
        self._recent: deque[tuple[int, Any]] = deque(maxlen=_LOOK_BACK)
        self._batches: Iterator[Any] = iter(())
        self._group = -1
        self._next = 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(self._sizes)

    def candidates(self) -> list[str]:
        """Columns that may hold songs."""
        return [field.name for field in self._parquet.schema_arrow if _holds_bytes(field.type)]

    def require(self, columns: Columns) -> None:
        """Raises:
        UsageError: there is no such column, or it cannot be what it is asked to be.
        """
        kinds: dict[str, Any] = {}
        for field in self._parquet.schema_arrow:
            kinds[field.name] = field.type
            for child in _children(field.type):
                kinds[f"{field.name}.{child.name}"] = child.type
        for name in (columns.song, columns.name, *columns.keep):
            if name is not None and name not in kinds:
                there = ", ".join(field.name for field in self._parquet.schema_arrow)
                raise UsageError(f"there is no column {name}: its columns are {there}")
        if columns.song not in self.candidates():
            there = ", ".join(self.candidates()) or "none"
            raise UsageError(f"column {columns.song} holds no bytes; those that do: {there}")
        if columns.name is not None and not _is_name(kinds[columns.name]):
            raise UsageError(
                f"column {columns.name} cannot name songs: it holds neither text nor whole numbers"
            )
        for name in columns.keep:
            if "binary" in str(kinds[name]):
                raise UsageError(f"column {name} cannot be kept: it holds bytes")

    def names(self, column: str) -> Iterator[str | None]:
        """What names the songs, row by row.

        Raises:
            DamagedError: the file is damaged.
        """
        with _damage():
            for batch in self._parquet.iter_batches(_NAMES_AT_ONCE, columns=[column], use_threads=False):
                for place in range(batch.num_rows):
                    try:
                        value = _cell(batch, column, place)
                    except UnicodeDecodeError:
                        value = None
                    yield None if value is None else str(value)

    def sizes(self, column: str) -> Iterator[int]:
        """About how many bytes each row's song has: the average of its group.

        Raises:
            DamagedError: the file is damaged.
        """
        for number, rows in enumerate(self._sizes):
            with _damage():
                group = self._parquet.metadata.row_group(number)
                chunks = [group.column(place) for place in range(group.num_columns)]
                size = sum(
                    chunk.total_uncompressed_size
                    for chunk in chunks
                    if chunk.path_in_schema in (column, f"{column}.{_FORM}")
                )
            for _ in range(rows):
                yield size // rows

    def row(self, number: int, columns: Columns) -> Row:
        """One row. It costs little where those before it were read.

        Raises:
            DamagedError: there is no such row, or the file is damaged.
        """
        batch, place = self._batch(number, columns)
        with _damage():
            value = _cell(batch, columns.song, place)
            if isinstance(value, dict):
                value = value[_FORM]
            if not columns.keep:
                return Row(value, None)
            kept = {name: _plain(_cell(batch, name, place)) for name in columns.keep}
            return Row(value, json.dumps(kept, default=str))

    def approach(self, number: int, columns: Columns) -> None:
        """Decode up to a row.

        Raises:
            DamagedError: there is no such row, or the file is damaged.
        """
        self._batch(number, columns)

    def _batch(self, number: int, columns: Columns) -> tuple[Any, int]:
        """The rows decoded together with this one, and its place among them."""
        wanted = columns.song, columns.keep
        if wanted != self._columns:
            self._columns, self._group = wanted, -1
            self._recent.clear()
        while True:
            for first, batch in self._recent:
                if first <= number < first + batch.num_rows:
                    return batch, number - first
            with _damage():
                self._decode(number, columns)

    def _decode(self, number: int, columns: Columns) -> None:
        group, first = self._group_of(number)
        if group != self._group or number < self._next:
            song = columns.song
            if _children(self._parquet.schema_arrow.field(song).type):
                song = f"{song}.{_FORM}"
            self._group, self._next = group, first
            self._batches = self._parquet.iter_batches(
                _AT_ONCE, row_groups=[group], columns=[song, *columns.keep], use_threads=False
            )
        batch = None
        if number < self._ended.get(group, number + 1):
            try:
                batch = next(self._batches, None)
            except OSError:  # of the disk, perhaps: another read may do
                self._group = -1
                raise
        if batch is None:
            self._ended.setdefault(group, self._next)
            raise DamagedError("It has fewer rows than it says.")
        self._recent.append((self._next, batch))
        self._next += batch.num_rows

    def _group_of(self, number: int) -> tuple[int, int]:
        first = 0
        for group, rows in enumerate(self._sizes):
            if number < first + rows:
                return group, first
            first += rows
        raise DamagedError("There is no such row.")


class _Raw(io.RawIOBase):
    """An open file, for pyarrow, whose own take only names that are text."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._file.size - self._position)
        data = self._file.read_at(self._position, left if size is None or size < 0 else min(size, left))
        self._position += len(data)
        return data


class _damage:  # noqa: N801 - it is used like a function
    """What pyarrow raises on bytes that are no Parquet, as damage."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import pyarrow

        # What the disk says has a number; what pyarrow itself says of damaged bytes has none.
        if isinstance(error, OSError) and error.errno:
            return
        if isinstance(error, pyarrow.ArrowException | OSError | ValueError):
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DamagedError(f"It is damaged, or no Parquet file ({message}).") from error


def _children(kind: Any) -> list[Any]:
    """The fields of a struct, none for other types."""
    import pyarrow

    return [kind.field(number) for number in range(kind.num_fields)] if pyarrow.types.is_struct(kind) else []


def _holds_bytes(kind: Any) -> bool:
    return _is_binary(kind) or any(
        child.name == _FORM and _is_binary(child.type) for child in _children(kind)
    )


def _is_binary(kind: Any) -> bool:
    return str(kind) in ("binary", "large_binary", "binary_view")


def _is_name(kind: Any) -> bool:
    import pyarrow

    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    return pyarrow.types.is_integer(kind) or str(kind) in ("string", "large_string", "string_view")


def _cell(batch: Any, column: str, place: int) -> Any:
    """The value of a column, or of a field of a struct, which has a dot in its name."""
    number = batch.schema.get_field_index(column)
    if number >= 0:
        return batch.column(number)[place].as_py()
    outer, _, inner = column.rpartition(".")
    value = batch.column(batch.schema.get_field_index(outer))[place].as_py()
    return None if value is None else value[inner]


def _plain(value: Any) -> Any:
    """A value that JSON can say: what is no number becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
