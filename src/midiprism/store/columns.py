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
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from midiprism.errors import UsageError

DIGEST = "blake3"
CONTENT = "music"

_CODES = {"int16": "h", "int32": "i", "int64": "q", "float64": "d"}
"""Those of ``array``, by types of numbers."""

_FEW = 1_000
"""Different values, of which a table is made by looking each up: more would not stay at hand."""


class Column(NamedTuple):
    """A column of a Parquet file.

    Attributes:
        name: of the column.
        type: an Arrow type by its name; ``digest`` for a string of hex digits made of bytes.
        few: whether few different values recur, so that a dictionary of them makes the column small.
    """

    name: str
    type: str
    few: bool = False


class TrackRow(NamedTuple):
    """A track: the facts of its bytes, and they.

    Attributes:
        blake3: digest of ``music``.
        name: its track name; text that UTF-8 can hold.
        instrument: as its own bytes state it.
        tempo: quarter notes per minute, as first stated; None where none is.
        tempo_count: tempo events.
        size: bytes of ``music``.
        music: a whole MIDI file.
    """

    blake3: bytes
    name: str | None
    instrument: str
    family: str
    channel: int | None
    program: int | None
    note_count: int
    lowest_pitch: int
    highest_pitch: int
    duration_ticks: int
    duration_seconds: float | None
    ticks_per_quarter: int | None
    tempo: float | None
    tempo_count: int
    time_signature: str | None
    key_signature: str | None
    size: int
    music: bytes


class LinkRow(NamedTuple):
    """A track of a song. Where the song is, which may change, stands in ``SongRow``.

    Attributes:
        song_blake3: digest of the song's bytes.
        position: 0-based, among the splits of the song.
        track_number: 0-based index of the ``MTrk``.
        parts: how many splits that was divided into.
        name: and the two that follow: as heard in that song.
        track_blake3: digest of the track's bytes.
    """

    song_blake3: bytes
    position: int
    track_number: int
    channel: int | None
    program: int | None
    parts: int
    name: str | None
    instrument: str
    family: str
    track_blake3: bytes


class SongRow(NamedTuple):
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


TRACK_COLUMNS = (
    Column(DIGEST, "digest"),
    Column("name", "string", few=True),
    Column("instrument", "string", few=True),
    Column("family", "string", few=True),
    Column("channel", "int16", few=True),
    Column("program", "int16", few=True),
    Column("note_count", "int32"),
    Column("lowest_pitch", "int16"),
    Column("highest_pitch", "int16"),
    Column("duration_ticks", "int64"),
    Column("duration_seconds", "float64"),
    Column("ticks_per_quarter", "int32", few=True),
    Column("tempo", "float64", few=True),
    Column("tempo_count", "int32", few=True),
    Column("time_signature", "string", few=True),
    Column("key_signature", "string", few=True),
    Column("size", "int32"),
    Column(CONTENT, "binary"),
)

LINK_COLUMNS = (
    Column("song_blake3", "digest", few=True),
    Column("position", "int32"),
    Column("track_number", "int32"),
    Column("channel", "int16", few=True),
    Column("program", "int16", few=True),
    Column("parts", "int32", few=True),
    Column("name", "string", few=True),
    Column("instrument", "string", few=True),
    Column("family", "string", few=True),
    Column("track_blake3", "digest"),
)

SONG_COLUMNS = (
    Column(DIGEST, "digest"),
    Column("path", "string"),
    Column("path_bytes", "binary"),
    Column("size", "int64"),
    Column("outcome", "string", few=True),
    Column("format", "int32", few=True),
    Column("num_tracks", "int32", few=True),
    Column("ticks_per_quarter", "int32", few=True),
    Column("duration_ticks", "int64"),
    Column("duration_seconds", "float64"),
    Column("track_count", "int32", few=True),
    Column("song_group", "string"),
    Column("fold", "int16", few=True),
)


Cells = Sequence[Sequence[Any]]
"""Values of rows, column by column, each as long as the others; nothing at all for no rows."""


def path_texts(path: bytes) -> tuple[str, bytes | None]:
    """A path as text, and as bytes where no text can say it; what is not UTF-8 is U+FFFD in the text."""
    try:
        return path.decode(), None
    except UnicodeDecodeError:
        return path.decode(errors="replace"), path


def load_arrow() -> Any:
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


def schema_of(columns: Sequence[Column], about: dict[str, str]) -> Any:
    """An Arrow schema of these columns; ``about`` is written into every file."""
    arrow = load_arrow()
    fields = [(it.name, getattr(arrow, "string" if it.type == "digest" else it.type)()) for it in columns]
    return arrow.schema(fields, metadata={f"midiprism.{key}": value for key, value in about.items()})


def cells_of(rows: Iterable[tuple[Any, ...]]) -> Cells:
    """The cells of rows, column by column."""
    return list(zip(*rows, strict=True))


def count_of(cells: Cells) -> int:
    """How many rows they are."""
    return len(cells[0]) if cells else 0


def table_of(columns: Sequence[Column], schema: Any, cells: Cells, room: "Room | None" = None) -> Any:
    """An Arrow table.

    Args:
        columns: of the table.
        schema: of these columns.
        cells: of each column; contents may be anything that holds bytes.
        room: where contents are joined; then the table is to be let go of before another uses it.
    """
    arrow = load_arrow()
    arrays = [
        _array(arrow, column, field.type, values, room)
        for column, field, values in zip(columns, schema, cells or [()] * len(columns), strict=True)
    ]
    return arrow.Table.from_arrays(arrays, schema=schema)


class Room:
    """Memory in which contents are joined, used again and again: to get as much anew from the system each
    time takes longer than to fill it."""

    _KEPT_BYTES = 128 << 20

    def __init__(self) -> None:
        self._octets = BytesIO()

    def joined(self, cells: Sequence[Any]) -> memoryview:
        """The cells one behind the other, until the next call."""
        if len(self._octets.getbuffer()) > self._KEPT_BYTES:
            self._octets = BytesIO()
        try:
            return self._filled(cells)
        except BufferError:  # somebody holds what was in it: a BytesIO with a view out takes no write
            self._octets = BytesIO()
            return self._filled(cells)

    def _filled(self, cells: Sequence[Any]) -> memoryview:
        self._octets.seek(0)
        self._octets.writelines(cells)
        return self._octets.getbuffer()[: self._octets.tell()]


def _array(arrow: Any, column: Column, arrow_type: Any, cells: Sequence[Any], room: "Room | None") -> Any:
    """An Arrow array out of its buffers; ``arrow.array`` would load pandas first, where there is one."""
    if column.few and len(different := set(cells)) <= _FEW:
        # Each value once, and for every row which of them: that is less to do than every row's own bytes.
        values = _whole(arrow, column, arrow_type, list(different), None)
        places = {value: place for place, value in enumerate(different)}
        which = array("i", map(places.__getitem__, cells))
        indices = arrow.Array.from_buffers(arrow.int32(), len(cells), [None, arrow.py_buffer(which)])
        return values.take(indices)
    return _whole(arrow, column, arrow_type, cells, room)


def _whole(arrow: Any, column: Column, arrow_type: Any, cells: Sequence[Any], room: "Room | None") -> Any:
    """The array out of every row's own bytes."""
    kind = column.type
    try:
        buffers = _buffers(kind, cells, room if column.name == CONTENT else None)
        known = None
    except TypeError:  # a cell is None: to look for those first would take as long as all the rest
        if cells.count(None) == len(cells):
            return arrow.nulls(len(cells), arrow_type)
        there = np.array([cell is not None for cell in cells], bool)
        nothing: Any = {"string": "", "binary": b""}.get(kind, 0)
        cells = [nothing if cell is None else cell for cell in cells]
        buffers = _buffers(kind, cells, None)
        known = arrow.py_buffer(np.packbits(there, bitorder="little"))
    return arrow.Array.from_buffers(
        arrow_type, len(cells), [known, *(arrow.py_buffer(buffer) for buffer in buffers)]
    )


def _buffers(kind: str, cells: Sequence[Any], room: "Room | None") -> tuple[Any, ...]:
    """The offsets of texts or bytes and they, or numbers.

    Raises:
        TypeError: a cell is None.
    """
    if kind in _CODES:
        return (array(_CODES[kind], cells),)
    if kind == "digest":
        return _offsets([2 * len(cell) for cell in cells]), b"".join(cells).hex().encode()
    if kind == "string":
        joined = "".join(cells)
        if joined.isascii():
            return _offsets(map(len, cells)), joined.encode()
        cells = [cell.encode() for cell in cells]
    return _offsets(map(len, cells)), room.joined(cells) if room else b"".join(cells)


def _offsets(lengths: Iterable[int]) -> NDArray[np.int32]:
    each = array("i", lengths)
    offsets = np.zeros(len(each) + 1, np.int32)
    np.cumsum(each, out=offsets[1:])
    return offsets


def rows_of(columns: Sequence[Column], table: Any) -> list[tuple[Any, ...]]:
    """The rows of such a table, each with the values of its columns in their order."""
    cells = [table.column(column.name).to_pylist() for column in columns]
    for number, column in enumerate(columns):
        if column.type == "digest":
            cells[number] = [bytes.fromhex(digest) for digest in cells[number]]
    return list(zip(*cells, strict=True))
