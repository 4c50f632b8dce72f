"""The columns of the Parquet files of a result, and the rows that fill them.

Names follow the habit of published sets of MIDI files. As GigaMIDI has ``md5`` and ``music``, a digest is a
string of hex digits under the name of its algorithm, and ``music`` the bytes of a whole MIDI file: what was
written to read that set reads this one. A string, since that is what people search for, join on and give
their files as names, and since every reader knows it; zstd brings it down to about the 32 bytes that it
says. As in MidiCaps, ``tempo`` is in quarter notes per minute and ``time_signature`` and keys are text such
as ``4/4`` and ``C# minor``; the name ``key_signature`` says that a key is what the file states, not what was
heard in it. No name is a keyword of SQL.
"""

from array import array
from collections import namedtuple
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from midiprism.errors import UsageError
from midiprism.records.fields import LINK_FIELDS, SONG_FIELDS, TRACK_FIELDS, Field, TrackRecord
from midiprism.stores.sharded import ColumnValues as ColumnValues

DIGEST_COLUMN = "blake3"
MUSIC_COLUMN = "music"

_ARRAY_TYPE_CODES = {"int16": "h", "int32": "i", "int64": "q", "float64": "d"}
"""Those of ``array``, by types of numbers."""

_MAX_DICTIONARY_VALUES = 1_000
"""Different values, of which a table is made by looking each up: more would not stay at hand."""


class ParquetColumn(NamedTuple):
    """A column of a Parquet file.

    Attributes:
        name: of the column.
        type: an Arrow type by its name; ``digest`` for a string of hex digits made of bytes.
        low_cardinality: whether few different values recur, so that a dictionary makes the column small.
        description: for the documentation.
    """

    name: str
    type: str
    low_cardinality: bool = False
    description: str = ""


def _columns_of(fields: Iterable[Field]) -> tuple[ParquetColumn, ...]:
    """Return the columns of the fields that have one in Parquet files."""
    return tuple(
        ParquetColumn(field.parquet_name, field.arrow_type, field.low_cardinality, field.description)
        for field in fields
        if field.parquet_name is not None
    )


TRACK_COLUMNS = (
    *_columns_of(TRACK_FIELDS),
    ParquetColumn(MUSIC_COLUMN, "binary", description="the track, a whole MIDI file"),
)

LINK_COLUMNS = (
    ParquetColumn("song_blake3", "digest", low_cardinality=True, description="BLAKE3 of the song's bytes"),
    ParquetColumn("position", "int32", description="0-based, among the tracks of the song"),
    *_columns_of(LINK_FIELDS),
    ParquetColumn("track_blake3", "digest", description="BLAKE3 of the track's bytes"),
)


def _row_class(columns: Iterable[ParquetColumn]) -> Any:
    """Return a class of named tuples with these columns."""
    return namedtuple("_row", [column.name for column in columns])


_TrackRow: Any = _row_class(TRACK_COLUMNS)
_LinkRow: Any = _row_class(LINK_COLUMNS)


class ParquetTrack(_TrackRow):  # type: ignore[misc]
    """A row of ``TRACK_COLUMNS``."""

    __slots__ = ()
    blake3: bytes
    size: int
    music: bytes


def track_row(track: TrackRecord, music: bytes) -> ParquetTrack:
    """Return a track with its bytes as a row."""
    facts = [getattr(track, field.name) for field in TRACK_FIELDS if field.parquet_name is not None]
    row: ParquetTrack = ParquetTrack._make((*facts, music))
    return row


class ParquetLink(_LinkRow):  # type: ignore[misc]
    """A row of ``LINK_COLUMNS``. The song's path, which may change, is in ``ParquetSong``."""

    __slots__ = ()


class ParquetSong(NamedTuple):
    """A song, as the catalogue knows it at the end of a run.

    Attributes:
        blake3: digest of its bytes.
        path: where it is, below its source folder: of several places the bytewise smallest. None where all
            of them hold other songs now.
        path_bytes: the same as bytes, where they are not UTF-8.
        outcome: what became of it.
        format: as its header says; this and what follows is None where it could not be read as MIDI.
        num_tracks: ``MTrk`` chunks found, playing or not.
        track_count: its splits, each of which is a link.
        song_group: the same for versions and copies of a song. It may change when a library grows.
        fold: 0 to 9, the same for a whole group.
    """

    blake3: bytes
    path: str | None
    path_bytes: bytes | None
    size: int | None
    outcome: str
    format: int | None
    num_tracks: int | None
    ticks_per_quarter: int | None
    duration_ticks: int | None
    duration_seconds: float | None
    track_count: int
    song_group: str
    fold: int


_SONG_FIELD_COLUMNS = {column.name: column for column in _columns_of(SONG_FIELDS)}

SONG_COLUMNS = (
    _SONG_FIELD_COLUMNS[DIGEST_COLUMN],
    ParquetColumn("path", "string", description="below its source folder"),
    ParquetColumn("path_bytes", "binary", description="the same as bytes, where they are not UTF-8"),
    *(_SONG_FIELD_COLUMNS[name] for name in ("size", "outcome", "format", "num_tracks")),
    ParquetColumn("ticks_per_quarter", "int32", low_cardinality=True, description="as the header says"),
    *(_SONG_FIELD_COLUMNS[name] for name in ("duration_ticks", "duration_seconds")),
    ParquetColumn(
        "track_count", "int32", low_cardinality=True, description="its tracks, each of them a link"
    ),
    ParquetColumn("song_group", "string", description="the same for versions and copies of a song"),
    ParquetColumn("fold", "int16", low_cardinality=True, description="0 to 9, the same for a whole group"),
)


def path_text_and_bytes(path: bytes) -> tuple[str, bytes | None]:
    """A path as text, and as bytes where no text can say it; what is not UTF-8 is U+FFFD in the text."""
    try:
        return path.decode(), None
    except UnicodeDecodeError:
        return path.decode(errors="replace"), path


def import_pyarrow() -> Any:
    """The package ``pyarrow``, with its Parquet.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs the package pyarrow, which is not installed: "
            "install it with: pip install 'midiprism[parquet]'"
        ) from error
    return pyarrow


def make_schema(columns: Sequence[ParquetColumn], metadata: dict[str, str]) -> Any:
    """An Arrow schema of these columns; ``about`` is written into every file."""
    arrow = import_pyarrow()
    fields = [(it.name, getattr(arrow, "string" if it.type == "digest" else it.type)()) for it in columns]
    return arrow.schema(fields, metadata={f"midiprism.{key}": value for key, value in metadata.items()})


def rows_to_columns(rows: Iterable[tuple[Any, ...]]) -> ColumnValues:
    """Return the values of named tuples, column by column."""
    columns = list(zip(*(listed := list(rows)), strict=True))
    return dict(zip(listed[0]._fields, columns, strict=True)) if columns else {}  # type: ignore[attr-defined]


def count_rows(column_values: ColumnValues) -> int:
    """Return how many rows these are the values of."""
    return len(next(iter(column_values.values()), ()))


def make_table(
    columns: Sequence[ParquetColumn],
    schema: Any,
    column_values: ColumnValues,
    join_buffer: "JoinBuffer | None" = None,
) -> Any:
    """An Arrow table.

    Args:
        columns: of the table.
        schema: of these columns.
        cells: of each column; contents may be anything that holds bytes.
        room: where contents are joined; then the table is to be let go of before another uses it.
    """
    arrow = import_pyarrow()
    arrays = [
        _make_array(arrow, column, field.type, column_values.get(column.name, ()), join_buffer)
        for column, field in zip(columns, schema, strict=True)
    ]
    return arrow.Table.from_arrays(arrays, schema=schema)


class JoinBuffer:
    """Memory in which contents are joined, used again and again: to get as much anew from the system each
    time takes longer than to fill it."""

    _MAX_KEPT_BYTES = 128 << 20

    def __init__(self) -> None:
        self._buffer = BytesIO()

    def join(self, parts: Sequence[Any]) -> memoryview:
        """The cells one behind the other, until the next call."""
        if len(self._buffer.getbuffer()) > self._MAX_KEPT_BYTES:
            self._buffer = BytesIO()
        try:
            return self._fill(parts)
        except BufferError:  # somebody holds what was in it: a BytesIO with a view out takes no write
            self._buffer = BytesIO()
            return self._fill(parts)

    def _fill(self, parts: Sequence[Any]) -> memoryview:
        self._buffer.seek(0)
        self._buffer.writelines(parts)
        return self._buffer.getbuffer()[: self._buffer.tell()]


def _make_array(
    arrow: Any, column: ParquetColumn, arrow_type: Any, cells: Sequence[Any], join_buffer: "JoinBuffer | None"
) -> Any:
    """An Arrow array out of its buffers; ``arrow.array`` would load pandas first, where there is one."""
    if column.low_cardinality and len(different := set(cells)) <= _MAX_DICTIONARY_VALUES:
        # Each value once, and for every row which of them: that is less to do than every row's own bytes.
        values = _make_plain_array(arrow, column, arrow_type, list(different), None)
        places = {value: place for place, value in enumerate(different)}
        which = array("i", map(places.__getitem__, cells))
        indices = arrow.Array.from_buffers(arrow.int32(), len(cells), [None, arrow.py_buffer(which)])
        return values.take(indices)
    return _make_plain_array(arrow, column, arrow_type, cells, join_buffer)


def _make_plain_array(
    arrow: Any, column: ParquetColumn, arrow_type: Any, cells: Sequence[Any], join_buffer: "JoinBuffer | None"
) -> Any:
    """The array out of every row's own bytes."""
    kind = column.type
    try:
        buffers = _make_buffers(kind, cells, join_buffer if column.name == MUSIC_COLUMN else None)
        known = None
    except TypeError:  # a cell is None: to look for those first would take as long as all the rest
        if cells.count(None) == len(cells):
            return arrow.nulls(len(cells), arrow_type)
        there = np.array([cell is not None for cell in cells], bool)
        nothing: Any = {"string": "", "binary": b""}.get(kind, 0)
        cells = [nothing if cell is None else cell for cell in cells]
        buffers = _make_buffers(kind, cells, None)
        known = arrow.py_buffer(np.packbits(there, bitorder="little"))
    return arrow.Array.from_buffers(
        arrow_type, len(cells), [known, *(arrow.py_buffer(buffer) for buffer in buffers)]
    )


def _make_buffers(kind: str, cells: Sequence[Any], join_buffer: "JoinBuffer | None") -> tuple[Any, ...]:
    """The offsets of texts or bytes and they, or numbers.

    Raises:
        TypeError: a cell is None.
    """
    if kind in _ARRAY_TYPE_CODES:
        return (array(_ARRAY_TYPE_CODES[kind], cells),)
    if kind == "digest":
        return _make_offsets([2 * len(cell) for cell in cells]), b"".join(cells).hex().encode()
    if kind == "string":
        joined = "".join(cells)
        if joined.isascii():
            return _make_offsets(map(len, cells)), joined.encode()
        cells = [cell.encode() for cell in cells]
    return _make_offsets(map(len, cells)), join_buffer.join(cells) if join_buffer else b"".join(cells)


def _make_offsets(lengths: Iterable[int]) -> NDArray[np.int32]:
    each = array("i", lengths)
    offsets = np.zeros(len(each) + 1, np.int32)
    np.cumsum(each, out=offsets[1:])
    return offsets


def table_to_rows(columns: Sequence[ParquetColumn], table: Any) -> list[tuple[Any, ...]]:
    """The rows of such a table, each with the values of its columns in their order."""
    cells = [table.column(column.name).to_pylist() for column in columns]
    for number, column in enumerate(columns):
        if column.type == "digest":
            cells[number] = [bytes.fromhex(digest) for digest in cells[number]]
    return list(zip(*cells, strict=True))
