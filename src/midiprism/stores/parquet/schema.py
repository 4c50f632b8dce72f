"""The columns of the Parquet files of a result, and the rows that fill them.

Names follow published sets of MIDI files. As in GigaMIDI, which has ``md5`` and ``music``, a digest is a
string of hex digits under the name of its algorithm, and ``music`` holds the bytes of a whole MIDI file: a
program that reads that set reads this one. Digests are strings because people search for them, join on them
and name files by them, and because every reader knows strings; zstd compresses one to about its 32 bytes. As
in MidiCaps, ``tempo`` is in quarter notes per minute and ``time_signature`` and keys are text such as ``4/4``
and ``C# minor``; the name ``key_signature`` says that the file states the key, and that it was not estimated
from the notes. No name is a keyword of SQL.
"""

from array import array
from collections import namedtuple
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from midiprism.optional_packages import MissingPackageError
from midiprism.records.batches import is_all_null
from midiprism.records.field import Field
from midiprism.records.fields import LINK_FIELDS, SONG_FIELDS, TRACK_FIELDS
from midiprism.records.track_record import TrackRecord
from midiprism.stores.sharded import ColumnValues as ColumnValues

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGEST_COLUMN = "blake3"
MUSIC_COLUMN = "music"

_ARRAY_TYPE_CODES = {"int16": "h", "int32": "i", "int64": "q", "float64": "d"}
"""Type codes of ``array``, by types of numbers."""

_SMPTE_FLAG = 0x8000

_MAX_DICTIONARY_VALUES = 1_000
"""Most distinct values of a column that is built by dictionary; more would not stay cached."""


class ParquetColumn(NamedTuple):
    """A column of a Parquet file.

    Attributes:
        name: of the column.
        type: an Arrow type by its name; ``digest`` for a string of hex digits made of bytes.
        low_cardinality: whether few different values recur, so that a dictionary makes the column small.
        description: for the documentation, and for readers of the files.
        added_later: whether files that the first version wrote lack it.
    """

    name: str
    type: str
    low_cardinality: bool = False
    description: str = ""
    added_later: bool = False


def _columns_of(fields: Iterable[Field]) -> tuple[ParquetColumn, ...]:
    """Return the columns of the fields that have one in Parquet files."""
    return tuple(
        ParquetColumn(
            field.parquet_name,
            field.arrow_type,
            field.low_cardinality,
            field.description,
            field.added_later,
        )
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
    """A song as the catalog knows it at the end of a run.

    Attributes:
        blake3: digest of its bytes.
        path: path below its source folder; of several, the bytewise smallest. None where all of them hold
            other songs now.
        path_bytes: the same as bytes, where they are not UTF-8.
        outcome: one of ``OUTCOMES``.
        format: as its header says; this and what follows is None where it could not be read as MIDI.
        num_tracks: ``MTrk`` chunks found, playing or not.
        lost_bytes: bytes that may hold music and were not understood; None where damage has cost no music.
        track_count: its splits, each of which is a link.
        song_group: the same for versions and copies of a song. It may change when a library grows.
        fold: 0 to 9, the same for a whole group.
        source: the folder, archive or Parquet file that it comes from.
        source_metadata: what the source says of it, as a JSON object.
        song_key: estimated from all its tracks but drums, such as ``D minor``; None where it was not.
        song_key_strength: correlation of its notes with that key, 0 to 1.
        other_source_metadata: what the source says of it at other paths, where that differs, as a JSON array.
        similar_song_group: number of its group of songs that share similar tracks; None where it is in none.
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
    lost_bytes: int | None
    track_count: int
    song_group: str
    fold: int
    source: str | None
    source_metadata: str | None
    song_key: str | None
    song_key_strength: float | None
    other_source_metadata: str | None = None
    similar_song_group: int | None = None


_SONG_FIELD_COLUMNS = {column.name: column for column in _columns_of(SONG_FIELDS)}

SONG_COLUMNS = (
    _SONG_FIELD_COLUMNS[DIGEST_COLUMN],
    ParquetColumn("path", "string", description="below its source folder"),
    ParquetColumn("path_bytes", "binary", description="the same as bytes, where they are not UTF-8"),
    *(_SONG_FIELD_COLUMNS[name] for name in ("size", "outcome", "format", "num_tracks")),
    ParquetColumn("ticks_per_quarter", "int32", low_cardinality=True, description="as the header says"),
    *(_SONG_FIELD_COLUMNS[name] for name in ("duration_ticks", "duration_seconds", "lost_bytes")),
    ParquetColumn(
        "track_count", "int32", low_cardinality=True, description="its tracks, each of them a link"
    ),
    ParquetColumn("song_group", "string", description="the same for versions and copies of a song"),
    ParquetColumn("fold", "int16", low_cardinality=True, description="0 to 9, the same for a whole group"),
    ParquetColumn(
        "source",
        "string",
        low_cardinality=True,
        description="path of the folder, archive or Parquet file that it comes from",
    ),
    ParquetColumn("source_metadata", "string", description="columns kept by --keep, as a JSON object"),
    *(_SONG_FIELD_COLUMNS[name] for name in ("song_key", "song_key_strength")),
    ParquetColumn(
        "other_source_metadata",
        "string",
        description="the same at other paths of the song, where it differs, as a JSON array",
    ),
    ParquetColumn(
        "similar_song_group",
        "int64",
        description="group of songs that share similar tracks; null for a song that is in none",
        added_later=True,
    ),
)


def path_text_and_bytes(path: bytes) -> tuple[str, bytes | None]:
    """Return a path as text (U+FFFD replaces bytes that are not UTF-8), and as bytes if it is not UTF-8."""
    try:
        return path.decode(), None
    except UnicodeDecodeError:
        return path.decode(errors="replace"), path


def ticks_per_quarter(division: int | None) -> int | None:
    """Return the ticks per quarter note that a header states; None if it counts in frames or states none."""
    return None if division is None or division <= 0 or division & _SMPTE_FLAG else division


def import_pyarrow() -> Any:
    """Return the package ``pyarrow``, with its module ``parquet`` loaded.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("pyarrow", "Parquet") from error
    return pyarrow


def are_columns(names: Sequence[str], columns: Sequence[ParquetColumn]) -> bool:
    """Return whether a file with columns of these names has these columns, or those of an older version."""
    present = set(names)
    expected = [it.name for it in columns if it.name in present or not it.added_later]
    return list(names) == expected


def make_schema(columns: Sequence[ParquetColumn], metadata: dict[str, str]) -> Any:
    """Return an Arrow schema of these columns, with their descriptions, and ``metadata`` of the files."""
    arrow = import_pyarrow()
    fields = [
        arrow.field(
            it.name,
            getattr(arrow, "string" if it.type == "digest" else it.type)(),
            metadata={"description": it.description},
        )
        for it in columns
    ]
    return arrow.schema(fields, metadata={f"midiprism.{key}": value for key, value in metadata.items()})


def rows_to_columns(rows: Iterable[tuple[Any, ...]]) -> ColumnValues:
    """Return the values of named tuples, column by column."""
    columns = list(zip(*(listed := list(rows)), strict=True))
    return dict(zip(listed[0]._fields, columns, strict=True)) if columns else {}  # type: ignore[attr-defined]


def count_rows(column_values: ColumnValues) -> int:
    """Return the number of rows that these values make."""
    return len(next(iter(column_values.values()), ()))


def make_table(
    columns: Sequence[ParquetColumn],
    schema: Any,
    column_values: ColumnValues,
    join_buffer: "JoinBuffer | None" = None,
) -> Any:
    """Return an Arrow table.

    Args:
        columns: of the table.
        schema: of these columns.
        column_values: of each column; bytes may be any bytes-like objects.
        join_buffer: memory in which ``music`` is joined; the table must be released before the next use.
    """
    arrow = import_pyarrow()
    arrays = [
        _make_array(arrow, column, field.type, column_values.get(column.name, ()), join_buffer)
        for column, field in zip(columns, schema, strict=True)
    ]
    return arrow.Table.from_arrays(arrays, schema=schema)


class JoinBuffer:
    """A reused buffer to join tracks in: allocating so much memory takes longer than filling it."""

    _MAX_KEPT_BYTES = 128 << 20

    def __init__(self) -> None:
        self._buffer = BytesIO()

    def join(self, parts: Sequence[Any]) -> memoryview:
        """Return the parts joined, in memory that the next call overwrites."""
        if len(self._buffer.getbuffer()) > self._MAX_KEPT_BYTES:
            self._buffer = BytesIO()
        try:
            return self._fill(parts)
        except BufferError:  # an earlier view is in use, and blocks writing
            self._buffer = BytesIO()
            return self._fill(parts)

    def _fill(self, parts: Sequence[Any]) -> memoryview:
        self._buffer.seek(0)
        self._buffer.writelines(parts)
        return self._buffer.getbuffer()[: self._buffer.tell()]


def _make_array(
    arrow: Any, column: ParquetColumn, arrow_type: Any, cells: Sequence[Any], join_buffer: "JoinBuffer | None"
) -> Any:
    """Return an Arrow array made of buffers; ``arrow.array`` would load pandas first, if it is installed."""
    if is_all_null(cells):
        return arrow.nulls(len(cells), arrow_type)
    is_text = column.type not in _ARRAY_TYPE_CODES
    if is_text and column.low_cardinality and len(distinct := set(cells)) <= _MAX_DICTIONARY_VALUES:
        # Encoding each distinct value once, and a code per row, is faster than encoding every row's bytes.
        values = _make_plain_array(arrow, column, arrow_type, list(distinct), None)
        codes = {value: code for code, value in enumerate(distinct)}
        row_codes = _int32_array(map(codes.__getitem__, cells), len(cells))
        indices = arrow.Array.from_buffers(arrow.int32(), len(cells), [None, arrow.py_buffer(row_codes)])
        return values.take(indices)
    return _make_plain_array(arrow, column, arrow_type, cells, join_buffer)


def _make_plain_array(
    arrow: Any, column: ParquetColumn, arrow_type: Any, cells: Sequence[Any], join_buffer: "JoinBuffer | None"
) -> Any:
    """Return the array, with the bytes of every row encoded."""
    kind = column.type
    try:
        buffers = _make_buffers(kind, cells, join_buffer if column.name == MUSIC_COLUMN else None)
        validity = None
    except TypeError:  # a cell is None; searching for None first would double the time
        import numpy as np

        is_present = np.array([cell is not None for cell in cells], bool)
        placeholder: Any = {"string": "", "binary": b""}.get(kind, 0)
        cells = [placeholder if cell is None else cell for cell in cells]
        buffers = _make_buffers(kind, cells, None)
        validity = arrow.py_buffer(np.packbits(is_present, bitorder="little"))
    return arrow.Array.from_buffers(
        arrow_type, len(cells), [validity, *(arrow.py_buffer(buffer) for buffer in buffers)]
    )


def _make_buffers(kind: str, cells: Sequence[Any], join_buffer: "JoinBuffer | None") -> tuple[Any, ...]:
    """Return the buffers of an array: offsets and bytes of texts or binary values, or numbers.

    Raises:
        TypeError: a cell is None.
    """
    if kind in _ARRAY_TYPE_CODES:
        return (array(_ARRAY_TYPE_CODES[kind], cells),)
    if kind == "digest":
        return 2 * _make_offsets(cells), b"".join(cells).hex().encode()
    if kind == "string":
        joined = "".join(cells)
        if joined.isascii():
            return _make_offsets(cells), joined.encode()
        cells = [cell.encode() for cell in cells]
    return _make_offsets(cells), join_buffer.join(cells) if join_buffer else b"".join(cells)


def _make_offsets(cells: Sequence[Any]) -> "NDArray[np.int32]":
    """Return where each cell begins among all of them, and where the last one ends."""
    import numpy as np  # later than this module, which every command loads

    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum(_int32_array(map(len, cells), len(cells)), out=offsets[1:])
    return offsets


def _int32_array(numbers: Iterable[int], count: int) -> "NDArray[np.int32]":
    """Return so many numbers as an array. ``array.array`` takes half as long again."""
    import numpy as np

    return np.fromiter(numbers, np.int32, count)


def table_to_rows(columns: Sequence[ParquetColumn], table: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a table, each with the values of its columns in their order."""
    present = set(table.column_names)
    cells: list[list[Any]] = [
        table.column(column.name).to_pylist() if column.name in present else [None] * len(table)
        for column in columns
    ]
    for number, column in enumerate(columns):
        if column.type == "digest":
            cells[number] = [bytes.fromhex(digest) for digest in cells[number]]
    return list(zip(*cells, strict=True))
