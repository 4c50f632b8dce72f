"""Reading the columns and rows of a Parquet file of songs.

Rows are decoded forward, a few at a time, because a writer may have put all rows into one row group, which
can be read from its beginning only.
"""

import json
from collections import deque
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from typing import Any, NamedTuple

from midiprism.errors import UsageError
from midiprism.optional_packages import MissingPackageError
from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.file_cache import OpenFile
from midiprism.sources.parquet_input import PyarrowInput, wrap_damage_errors
from midiprism.sources.parquet_sizes import MAX_DECODED_BYTES, rows_to_decode
from midiprism.sources.parquet_types import (
    BYTES_FIELD,
    can_name,
    holds_nested_bytes,
    is_text,
    may_hold_songs,
    struct_fields,
)
from midiprism.sources.parquet_values import begins_as_song, kept_bytes, kept_value, name_of, plain_cell
from midiprism.sources.source import UnreadableError

_ROWS_PER_BATCH = 16
_NAMES_PER_BATCH = 1_000
_RECENT_BATCHES = 4
_BUFFER_BYTES = 1 << 20
MAX_ROWS = 100_000_000
MAX_FACTS_CHARACTERS = 1 << 20
"""Most characters of the facts of a song."""

_MAX_UTF8_BYTES = 4


class ColumnRoles(NamedTuple):
    """The columns of a Parquet file that are read.

    Attributes:
        song_column: holds the bytes of songs, or structs with a field ``bytes``.
        name_column: names the songs; None to name them by their row numbers.
        kept_columns: their values are facts of a song.
    """

    song_column: str
    name_column: str | None = None
    kept_columns: tuple[str, ...] = ()


class SourceRow(NamedTuple):
    """A row.

    Attributes:
        data: bytes of the song, perhaps in the memory of the rows that were decoded with it.
        facts: values of the kept columns, as the text of a JSON object; None without such columns.
    """

    data: bytes | memoryview
    facts: str | None


def require_pyarrow() -> None:
    """Raise MissingPackageError unless pyarrow is installed."""
    if find_spec("pyarrow") is None:
        raise MissingPackageError("pyarrow", "Reading Parquet files")


class ParquetRows:
    """A Parquet file that is open for reading rows.

    Attributes:
        file: the open file.

    Raises:
        DamagedError: it is not a Parquet file.
        OSError: it cannot be opened.
        UnreadableError: it is not a regular file.
    """

    def __init__(self, path: bytes) -> None:
        import pyarrow.parquet

        self.file = OpenFile(path)
        with wrap_damage_errors():
            self._parquet = pyarrow.parquet.ParquetFile(PyarrowInput(self.file), buffer_size=_BUFFER_BYTES)
            numbers = range(self._parquet.num_row_groups)
            self._group_row_counts = [self._parquet.metadata.row_group(number).num_rows for number in numbers]
        if min(self._group_row_counts, default=0) < 0 or self.row_count > MAX_ROWS:
            raise DamagedError(f"It says that it has more than {MAX_ROWS:,} rows.")
        self._group_ends: dict[int, int] = {}
        self._decoded_columns: tuple[str, tuple[str, ...]] = ("", ())
        self._recent_batches: deque[tuple[int, Any]] = deque(maxlen=_RECENT_BATCHES)
        self._batches: Iterator[Any] = iter(())
        self._current_group = -1
        self._next_row = 0

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return sum(self._group_row_counts)

    def song_column_candidates(self, excluded: tuple[str, ...] = ()) -> list[str]:
        """Return the names of the columns that may hold songs: those of bytes, or else of bytes as text.

        Args:
            excluded: columns that hold something else.

        Raises:
            DamagedError: the file is damaged.
        """
        fields = [field for field in self._parquet.schema_arrow if field.name not in excluded]
        of_bytes = [field.name for field in fields if may_hold_songs(field.type)]
        return of_bytes or [field.name for field in fields if self._holds_songs_as_text(field)]

    def require_columns(self, column_roles: ColumnRoles) -> None:
        """Raise UsageError unless the columns exist and have types that fit their roles.

        Raises:
            DamagedError: the file is damaged.
        """
        types: dict[str, Any] = {}
        for field in self._parquet.schema_arrow:
            types[field.name] = field.type
            for child in struct_fields(field.type):
                types[f"{field.name}.{child.name}"] = child.type
        song_column, name_column, kept_columns = column_roles
        for name in (song_column, name_column, *kept_columns):
            if name is not None and name not in types:
                names = ", ".join(field.name for field in self._parquet.schema_arrow)
                raise UsageError(f"there is no column {name}: its columns are {names}")
        self._require_song_column(song_column)
        if name_column is not None and (name_column == song_column or not can_name(types[name_column])):
            raise UsageError(
                f"column {name_column} cannot name songs: "
                "it holds neither text nor whole numbers nor the bytes of an id"
            )
        for name in kept_columns:
            if name == song_column or holds_nested_bytes(types[name]):
                raise UsageError(
                    f"column {name} cannot be kept: it holds songs, or bytes in lists or structs"
                )

    def _require_song_column(self, name: str) -> None:
        schema = self._parquet.schema_arrow
        place = schema.get_field_index(name)  # -1 for a field of a struct
        if place < 0 or not (
            may_hold_songs(schema.field(place).type) or self._holds_songs_as_text(schema.field(place))
        ):
            candidates = ", ".join(self.song_column_candidates()) or "none"
            raise UsageError(f"column {name} holds no bytes; those that do: {candidates}")

    def _holds_songs_as_text(self, field: Any) -> bool:
        """Return whether a column is one of text, and one of its first values begins as a MIDI file does."""
        if not is_text(field.type) or not self._parquet.num_row_groups:
            return False
        with wrap_damage_errors():
            group = self._parquet.metadata.row_group(0)
            most = rows_to_decode(self.file, group, (field.name,), _ROWS_PER_BATCH)
            batches = self._parquet.iter_batches(
                most, row_groups=[0], columns=[field.name], use_threads=False
            )
            return any(
                begins_as_song(_cell(batch, field.name, place))
                for batch in islice(batches, 1)
                for place in range(batch.num_rows)
            )

    def song_names(self, column: str) -> Iterator[str | None]:
        """Yield the songs' names, row by row; None for no name.

        Raises:
            DamagedError: the file is damaged.
        """
        for number in range(self._parquet.num_row_groups):
            with wrap_damage_errors():
                group = self._parquet.metadata.row_group(number)
                most = rows_to_decode(self.file, group, (column,), _NAMES_PER_BATCH)
                for batch in self._parquet.iter_batches(
                    most, row_groups=[number], columns=[column], use_threads=False
                ):
                    for place in range(batch.num_rows):
                        yield name_of(_cell(batch, column, place))

    def estimated_sizes(self, column: str) -> Iterator[int]:
        """Yield the approximate size of each row's song in bytes: the average of its row group.

        Raises:
            DamagedError: the file is damaged.
        """
        for number, rows in enumerate(self._group_row_counts):
            with wrap_damage_errors():
                group = self._parquet.metadata.row_group(number)
                chunks = [group.column(place) for place in range(group.num_columns)]
                size = sum(
                    chunk.total_uncompressed_size
                    for chunk in chunks
                    if chunk.path_in_schema in (column, f"{column}.{BYTES_FIELD}")
                )
            for _ in range(rows):
                yield max(0, size // rows)

    def read_row(self, row_number: int, column_roles: ColumnRoles) -> SourceRow:
        """Read a row, which is fast if the rows before it were read.

        Raises:
            DamagedError: there is no such row, or the file is damaged.
            UnreadableError: the columns to keep have too many characters.
        """
        batch, index = self._batch_with_row(row_number, column_roles)
        with wrap_damage_errors():
            cell = _cell(batch, column_roles.song_column, index)
            if cell.is_valid and struct_fields(cell.type):
                cell = plain_cell(cell[BYTES_FIELD])
            data = memoryview(cell.as_buffer() if cell.is_valid else b"")
            if not column_roles.kept_columns:
                return SourceRow(data, None)
            kept = column_roles.kept_columns
            _require_few_characters(kept_bytes(batch, index, kept) // _MAX_UTF8_BYTES)
            text = json.dumps({name: kept_value(_cell(batch, name, index)) for name in kept}, default=str)
        _require_few_characters(len(text))
        return SourceRow(data, text)

    def seek(self, row_number: int, column_roles: ColumnRoles) -> None:
        """Decode up to a row.

        Raises:
            DamagedError: there is no such row, or the file is damaged.
        """
        self._batch_with_row(row_number, column_roles)

    def _batch_with_row(self, row_number: int, column_roles: ColumnRoles) -> "_RowInBatch":
        """Return the rows that are decoded together with a row, and its index among them."""
        columns = column_roles.song_column, column_roles.kept_columns
        if columns != self._decoded_columns:
            self._decoded_columns, self._current_group = columns, -1
            self._recent_batches.clear()
        while True:
            for first, batch in self._recent_batches:
                if first <= row_number < first + batch.num_rows:
                    return _RowInBatch(batch, row_number - first)
            with wrap_damage_errors():
                self._decode(row_number, column_roles)

    def _decode(self, row_number: int, column_roles: ColumnRoles) -> None:
        group, first_row = self._group_with_row(row_number)
        if group != self._current_group or row_number < self._next_row:
            song = column_roles.song_column
            if struct_fields(self._parquet.schema_arrow.field(song).type):
                song = f"{song}.{BYTES_FIELD}"
            self._current_group, self._next_row = group, first_row
            columns = (song, *column_roles.kept_columns)
            metadata = self._parquet.metadata.row_group(group)
            self._batches = self._parquet.iter_batches(
                rows_to_decode(self.file, metadata, columns, _ROWS_PER_BATCH),
                row_groups=[group],
                columns=list(columns),
                use_threads=False,
            )
        batch = None
        if row_number < self._group_ends.get(group, row_number + 1):
            try:
                batch = next(self._batches, None)
            except OSError:  # perhaps of the disk: another attempt may succeed
                self._current_group = -1
                raise
        if batch is None:
            self._group_ends.setdefault(group, self._next_row)
            raise DamagedError("It has fewer rows than it says.")
        self._recent_batches.append((self._next_row, batch))
        while (
            len(self._recent_batches) > 1
            and sum(recent.nbytes for _, recent in self._recent_batches) > MAX_DECODED_BYTES
        ):
            self._recent_batches.popleft()
        self._next_row += batch.num_rows

    def _group_with_row(self, row_number: int) -> "_RowGroup":
        first_row = 0
        for group, row_count in enumerate(self._group_row_counts):
            if row_number < first_row + row_count:
                return _RowGroup(group, first_row)
            first_row += row_count
        raise DamagedError("There is no such row.")


class _RowInBatch(NamedTuple):
    """A batch of decoded rows, and the index of a row in it."""

    batch: Any
    row_index: int


class _RowGroup(NamedTuple):
    """A row group of the file, and the number of its first row."""

    number: int
    first_row: int


def _cell(batch: Any, column: str, row_index: int) -> Any:
    """Return a value of a column as a scalar of pyarrow, or of a field of a struct, whose name has a dot."""
    column_index = batch.schema.get_field_index(column)
    if column_index >= 0:
        return plain_cell(batch.column(column_index)[row_index])
    outer, _, inner = column.rpartition(".")
    cell = batch.column(batch.schema.get_field_index(outer))[row_index]
    return plain_cell(cell[inner]) if cell.is_valid else cell


def _require_few_characters(count: int) -> None:
    """Raise UnreadableError if the columns to keep have too many characters or bytes."""
    if count > MAX_FACTS_CHARACTERS:
        raise UnreadableError(
            "limit", f"The columns to keep have more than {MAX_FACTS_CHARACTERS:,} characters."
        )
