"""Remove wrappers around a MIDI file (gzip, RIFF RMID, MacBinary, junk), and check its header."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from midiprism.errors import CorruptMidiError
from midiprism.smf import problems
from midiprism.smf.repair.edits import OffsetMap, Repair, RepairStep, apply_edits
from midiprism.smf.riff import find_riff_data, find_sound_bank, is_rmid
from midiprism.smf.types import Limits

MTHD_MAGIC = b"MThd"
KARAOKE_CHUNK = b"XFKM"
"""Type of the chunk for lyrics in Yamaha's XF format."""

GZIP_MAGIC = b"\x1f\x8b"
APPLE_DOUBLE_MAGIC = b"\0\5\x16\7"

HEADER_SIZE = 14
_HEADER_STRUCT = struct.Struct(">HHH")

MAX_WRAPPERS = 8
"""A limit, since a file may be made to contain itself without end."""

MACBINARY_HEADER_SIZE = 128
DECOMPRESS_CHUNK_SIZE = 16 << 10


class Header(NamedTuple):
    """The fields of an ``MThd`` chunk."""

    format: int
    track_count: int
    division: int


class Wrapper(NamedTuple):
    """A wrapper: its kind of problem, the number for the message, and its offset."""

    problem_kind: int
    number: int
    offset: int


@dataclass(slots=True)
class Unwrapped:
    """The bytes of a song from ``MThd`` on.

    Attributes:
        data: those bytes.
        base_offset: offset of ``MThd`` in the file, or in the bytes decompressed last.
        wrappers: every wrapper that was removed.
        repairs: what was repaired in ``data``, each with its offset in the file as ``position``.
    """

    data: bytes | memoryview
    base_offset: int = 0
    wrappers: Sequence[Wrapper] = ()
    repairs: Sequence[Repair] = ()
    _maps: Sequence[OffsetMap] = ()

    def add_wrapper(self, problem_kind: int, number: int, offset: int) -> None:
        """Note that a wrapper was found, or that it was damaged."""
        self.wrappers = (*self.wrappers, Wrapper(problem_kind, number, offset))

    def keep_slice(self, problem_kind: int, start: int, stop: int | None, *, number: int = 0) -> None:
        """Remove a wrapper around a part of the data."""
        self.add_wrapper(problem_kind, number, self.base_offset)
        self.data = memoryview(self.data)[start:stop]
        self.base_offset += start

    def apply_repairs(self, step: RepairStep) -> None:
        """Edit the song's bytes, and record the repairs."""
        located = [it._replace(position=self.file_offset(it.position)) for it in step.repairs]
        self.repairs = (*self.repairs, *located)
        if step.edits:
            self.data = apply_edits(bytes(self.data), step.edits)
            self._maps = (*self._maps, OffsetMap(step.edits))

    @property
    def track_count(self) -> int:
        """The number of tracks that the header states."""
        return self.data[10] << 8 | self.data[11]

    @property
    def was_repaired(self) -> bool:
        """True if a wrapper was damaged, or if a repair makes the outcome ``repaired``."""
        if not self.wrappers and not self.repairs:
            return False  # most songs
        kinds = [wrapper.problem_kind for wrapper in self.wrappers]
        kinds += [repair.problem_kind for repair in self.repairs]
        return any(problems.PROBLEM_KINDS[kind].repaired for kind in kinds)

    @property
    def lost_bytes(self) -> int | None:
        """The bytes that may hold music and were not understood; None where no music was lost."""
        for repair in self.repairs:
            if repair.problem_kind == problems.MUSIC_LOST:
                return int(repair.number)
        return None

    @property
    def is_dual_mode(self) -> bool:
        """True if the song repeats itself on channels 13 to 16, with drums on channel 16."""
        return bool(self.repairs) and any(it.problem_kind == problems.DUAL_MODE for it in self.repairs)

    def bytes_at(self, start: int, size: int) -> bytes:
        """Return the bytes at a position of the song; none for a size that is not positive."""
        return bytes(self.data[start : start + size]) if size > 0 else b""

    def file_offset(self, position: int) -> int:
        """Return the offset in the file of a position in the song's bytes."""
        for edited in reversed(self._maps):
            position = edited.before(position)
        return self.base_offset + position


def unwrap_song(data: bytes, limits: Limits) -> Unwrapped:
    """Return a song without its wrappings, and check its header.

    Raises:
        CorruptMidiError: it is no MIDI file, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    if type(data) is not bytes:
        data = bytes(memoryview(data))
    if data.startswith(MTHD_MAGIC) and len(data) <= limits.input_bytes:  # most songs
        unwrapped = Unwrapped(data)
    else:
        unwrapped = unwrap(data, limits.input_bytes)
    check_header(unwrapped)
    return unwrapped


def check_header(unwrapped: Unwrapped) -> None:
    """Refuse a header that gives ticks no meaning.

    Raises:
        CorruptMidiError: with code ``header`` or ``division``.
    """
    if len(unwrapped.data) < HEADER_SIZE:
        raise CorruptMidiError("header", "The file ends within its MThd header.", unwrapped.base_offset)
    if unwrapped.data[12] == unwrapped.data[13] == 0:
        raise CorruptMidiError(
            "division", "The header's division is 0: its ticks have no length.", unwrapped.base_offset + 12
        )


def read_header(unwrapped: Unwrapped) -> Header:
    """Return the fields of a song's header."""
    return Header(*_HEADER_STRUCT.unpack_from(unwrapped.data, 8))


def unwrap(data: bytes, max_bytes: int) -> Unwrapped:
    """Remove all wrappers.

    Raises:
        CorruptMidiError: there is no MIDI header, or the song has more than ``max_bytes`` bytes.
    """
    state = Unwrapped(data)
    for removed in range(MAX_WRAPPERS + 1):
        head = bytes(state.data[:12])
        is_plain = head.startswith(MTHD_MAGIC)
        if is_plain or not is_rmid(head):  # a container may also hold a sound bank of any size
            _check_size(len(state.data), max_bytes)
        if is_plain:
            return state
        if removed < MAX_WRAPPERS:
            _remove_wrapper(state, max_bytes)
    raise CorruptMidiError(
        "not_midi", f"The file is wrapped more than {MAX_WRAPPERS} times.", state.base_offset
    )


def _remove_wrapper(unwrapped: Unwrapped, max_bytes: int) -> None:
    data = unwrapped.data
    head = bytes(data[:12])
    if not head:
        raise CorruptMidiError("empty", "The file is empty.", unwrapped.base_offset)
    if head.startswith(GZIP_MAGIC):
        unpacked, whole = gunzip(data, max_bytes)
        unwrapped.add_wrapper(problems.GZIP, 0, unwrapped.base_offset)
        if not whole:
            unwrapped.add_wrapper(problems.GZIP_TRUNCATED, 0, unwrapped.base_offset)
        unwrapped.data, unwrapped.base_offset = unpacked, 0
        return
    if head.startswith(APPLE_DOUBLE_MAGIC):
        raise CorruptMidiError(
            "apple_double",
            "The file is an AppleDouble companion that holds no music; its song is the file without ._",
            unwrapped.base_offset,
        )
    if is_rmid(head):
        song = find_riff_data(data)
        if song is not None:
            bank = find_sound_bank(data, song)
            if bank is not None:
                size, start = bank.stop - bank.start, unwrapped.base_offset + bank.start
                unwrapped.add_wrapper(problems.SOUND_BANK, size, start)
            if song.size_is_wrong:
                unwrapped.add_wrapper(problems.RMID_SIZE, 0, unwrapped.base_offset + song.start - 4)
            unwrapped.keep_slice(problems.RMID, song.start, song.stop)
            return
    if (
        bytes(data[MACBINARY_HEADER_SIZE : MACBINARY_HEADER_SIZE + 4]) == MTHD_MAGIC
        and head[0] == 0
        and 0 < head[1] < 64
    ):
        size = int.from_bytes(data[83:87], "big")
        unwrapped.keep_slice(
            problems.MACBINARY, MACBINARY_HEADER_SIZE, MACBINARY_HEADER_SIZE + size if size else None
        )
        return
    start = bytes(data).find(MTHD_MAGIC)
    if start < 0:
        raise CorruptMidiError(
            "not_midi", "The file is no MIDI file: it has no MThd header.", unwrapped.base_offset
        )
    unwrapped.keep_slice(problems.JUNK_BEFORE_HEADER, start, None, number=start)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise CorruptMidiError(
            "song_size", f"The song has more than {max_bytes} bytes (limit: input_bytes).", max_bytes
        )


def gunzip(data: bytes | memoryview, max_bytes: int) -> tuple[bytes, bool]:
    """Decompress all members of gzip data; return the bytes, and whether the data was whole.

    Raises:
        CorruptMidiError: with code ``limit``, as soon as more than ``max_bytes`` bytes come out.
    """
    unpacked = bytearray()
    data = memoryview(data)
    at = 0
    whole = True
    while whole and data[at : at + 2] == GZIP_MAGIC:
        at, whole = _gunzip_member(data, at, unpacked, max_bytes)
    return bytes(unpacked), whole


def _gunzip_member(data: memoryview, at: int, unpacked: bytearray, max_bytes: int) -> tuple[int, bool]:
    """Decompress the member at a position onto ``unpacked``; return its end, and whether it was whole."""
    decompressor = zlib.decompressobj(wbits=31)
    step = DECOMPRESS_CHUNK_SIZE
    while at < len(data) and not decompressor.eof:
        before = decompressor.copy()
        piece: bytes | memoryview = data[at : at + step]
        try:
            while piece and not decompressor.eof:
                unpacked += decompressor.decompress(piece, max_bytes + 1 - len(unpacked))
                _check_size(len(unpacked), max_bytes)
                piece = decompressor.unconsumed_tail
        except zlib.error:
            if step == 1:
                return at, False
            # Continue byte by byte to keep all that can be decompressed before the damage.
            decompressor, step = before, 1
            continue
        at += step
    if not decompressor.eof:
        return at, False
    return min(at, len(data)) - len(decompressor.unused_data), True
