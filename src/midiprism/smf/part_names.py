"""Find the name of each part of a song among its texts, and read it."""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.row_types import ALL_CHANNELS, OUTPUT_TRACK, TEXT_EVENT
from midiprism.smf.kernel.scan import INSTRUMENT_NAME, PROGRAM_NAME, TRACK_NAME
from midiprism.smf.text.decode import (
    MAX_TEXT_BYTES,
    DecodedText,
    decode_certain,
    guess_text,
    guess_text_alone,
    read_as_latin_1,
)
from midiprism.smf.types import Problem

NAME_EVENTS = {TRACK_NAME: "track name", INSTRUMENT_NAME: "instrument name", PROGRAM_NAME: "program name"}
"""Meta events that name a part, the preferred first."""

MAX_GUESSES = 256
"""Most names of a song whose encoding is guessed, which takes up to some milliseconds."""
MAX_OTHER_TEXTS = 4
"""Most texts of a song that count besides the one that is read."""
_MAX_SEARCHED_TEXTS = 256

_TEXT_EVENT_STRUCT = struct.Struct(f"={len(TEXT_EVENT)}q")
"""A row of the kernel's texts: unpacks faster than NumPy does, and only as far as rows are needed."""
_KIND, _CHANNEL = (TEXT_EVENT.names.index(name) for name in ("kind", "channel"))
_NAMES_OF_SOUNDS = frozenset((INSTRUMENT_NAME, PROGRAM_NAME))

_PART_FIELDS = ("track", "channel", "note_count", "name_start", "name_size")
_PART_STRUCT = struct.Struct(
    "=" + "".join("q" if name in _PART_FIELDS else "8x" for name in OUTPUT_TRACK.names)
)
"""The fields of a row of the kernel's output tracks that choose its name."""

BytesAt = Callable[[int, int], bytes]

Part = tuple[int, int, int, int]
"""A split without its name: track number, channel (-1 where several), position and size of the track name."""


class NameChooser:
    """Chooses the text that names a part.

    Args:
        bytes_at: returns the bytes of the song at a position, of a size.
        texts: the kernel's rows of texts.
        parts: all splits of the song.
    """

    def __init__(self, bytes_at: BytesAt, texts: Any, parts: Sequence[Part]) -> None:
        self._spans: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._first_with_prefix: dict[int, tuple[int, int, int]] = {}
        for track, kind, channel, start, size in texts.tolist():
            if kind in NAME_EVENTS:
                self._spans.setdefault((track, channel, kind), (start, size))
                if kind == TRACK_NAME and channel != ALL_CHANNELS:
                    self._first_with_prefix.setdefault(track, (start, size, kind))
        self._part_counts = Counter(track for track, _, _, _ in parts)
        spans = {(start, size) for _, _, start, size in parts}
        names = {bytes_at(start, min(size, MAX_TEXT_BYTES)).strip() for start, size in spans}
        self._is_title = len(parts) > 1 and len(names) == 1 and names != {b""}

    def choose_own(self, part: Part) -> tuple[int, int, int]:
        """Return the same by the part's own texts, whatever the other parts are called."""
        track, channel, start, size = part
        own = (start, size, TRACK_NAME) if size > 0 else None
        return own or self._choose_other(track, channel) or (-1, 0, TRACK_NAME)

    def _choose_other(self, track: int, channel: int) -> tuple[int, int, int] | None:
        """Return the text that names a part without a track name."""
        if channel < 0:
            own = self._find(track, ALL_CHANNELS, (INSTRUMENT_NAME, PROGRAM_NAME))
            return own or self._first_with_prefix.get(track)
        behind_prefix = self._find(track, channel, NAME_EVENTS)
        return behind_prefix or self._find(track, ALL_CHANNELS, (INSTRUMENT_NAME, PROGRAM_NAME))

    def choose(self, part: Part) -> tuple[int, int, int]:
        """Return position and size of a part's name, and the type of its event; a size of 0 for none.

        The track name counts, unless all parts of the track or of the song have the same. Then a name behind
        the part's channel prefix is better; where all parts of the song have the same and the track is one
        part, so is the track's instrument or program name. Without a track name those count too.
        """
        track, channel, start, size = part
        own = (start, size, TRACK_NAME) if size > 0 else None
        is_divided = self._part_counts[track] > 1
        is_title = self._is_title and track in self._part_counts
        if own is not None and not is_divided and not is_title:
            return own
        if own is None:
            return self.choose_own(part)
        chosen = self._find(track, channel, NAME_EVENTS) if channel >= 0 else None
        if chosen is None and not is_divided:
            chosen = self._find(track, ALL_CHANNELS, (INSTRUMENT_NAME, PROGRAM_NAME))
        return chosen or own

    def _find(self, track: int, channel: int, kinds: Iterable[int]) -> tuple[int, int, int] | None:
        for kind in kinds:
            span = self._spans.get((track, channel, kind))
            if span is not None:
                return *span, kind
        return None


def choose_names(bytes_at: BytesAt, texts: Any, output_tracks: Any) -> NameChooser | None:
    """Return what chooses the names of a song's parts; None where each has its track name or none.

    Args:
        bytes_at: returns the bytes of the song at a position, of a size.
        texts: the kernel's rows of texts; None where there are none.
        output_tracks: the kernel's rows of splits.
    """
    if texts is None or not _may_rename(texts):
        return None
    rows = _PART_STRUCT.iter_unpack(output_tracks.tobytes())
    parts = [(track, channel, start, size) for track, channel, notes, start, size in rows if notes]
    return NameChooser(bytes_at, texts, parts)


def _may_rename(texts: Any) -> bool:
    """Return whether some of the kernel's rows of texts name a part otherwise than its track name does."""
    numbers = memoryview(texts.tobytes()).cast("q")  # a song may have hundreds of texts
    channels = numbers[_CHANNEL :: len(TEXT_EVENT)].tolist()
    kinds = numbers[_KIND :: len(TEXT_EVENT)].tolist()
    return channels.count(ALL_CHANNELS) < len(channels) or not _NAMES_OF_SOUNDS.isdisjoint(kinds)


@lru_cache(8192)  # the songs of a library have few different names
def read_certain_name(raw: bytes) -> tuple[str | None, str | None, str | None] | None:
    """Return what ``NameReader.read_with_own`` does for a name that is also the part's own.

    None where that depends on more than these bytes.
    """
    certain = decode_certain(raw, None) if len(raw) <= MAX_TEXT_BYTES else None
    return None if certain is None else (certain.text, certain.encoding, certain.text)


class NameReader:
    """Reads the names of a song, and lists those whose encoding had to be guessed.

    Args:
        bytes_at: returns the bytes of the song at a position, of a size.
        file_offset: returns the offset in the file of a position in the song.
        texts: the kernel's rows of the song's texts; None where there are none.
        encoding: of all texts, if it is known.

    Attributes:
        encoding: of all texts, None where it is not known.
        problems: of the names that were read.
    """

    def __init__(
        self, bytes_at: BytesAt, file_offset: Callable[[int], int], texts: Any, encoding: str | None
    ) -> None:
        self.problems: list[Problem] = []
        self._bytes_at = bytes_at
        self._file_offset = file_offset
        self._texts = texts
        self.encoding = encoding
        self._other_texts: list[bytes] | None = None
        self._guesses = self._own_guesses = 0

    def read(self, track: int, start: int, size: int) -> DecodedText:
        """Return the name of a track, whose bytes stand at a position of the song."""
        raw = self._bytes_at(start, size)
        return decode_certain(raw, self.encoding) or self._guess(raw, start, track)

    def read_with_own(
        self, track: int, start: int, size: int, own_start: int, own_size: int
    ) -> tuple[str | None, str | None, str | None]:
        """Return the name of a track, its encoding, and its own name, as in ``SplitTrack``.

        Args:
            track: number of the track.
            start: position of its name in the song.
            size: of its name in bytes.
            own_start: position of the name that its own bytes state.
            own_size: of that name in bytes.
        """
        name, encoding, _, _ = self.read(track, start, size)
        return name, encoding, self._read_own(self._bytes_at(own_start, own_size))

    def _read_own(self, raw: bytes) -> str | None:
        """Return a name as its own bytes suggest, without its song and a given encoding."""
        certain = decode_certain(raw, None)
        if certain is not None:
            return certain.text
        self._own_guesses += 1
        may_guess = self._own_guesses <= MAX_GUESSES
        return (guess_text_alone(raw) if may_guess else read_as_latin_1(raw)).text

    def _guess(self, raw: bytes, start: int, track: int) -> DecodedText:
        self._guesses += 1
        may_guess = self._guesses <= MAX_GUESSES
        decoded = guess_text(raw, self._evidence) if may_guess else read_as_latin_1(raw)
        offset = self._file_offset(start)
        self.problems.append(
            problems.make_problem(problems.TEXT_ENCODING, str(decoded.encoding), track, offset)
        )
        return decoded

    def _evidence(self) -> list[bytes]:
        if self._other_texts is None:
            self._other_texts = find_uncertain_texts(self._bytes_at, self._texts)
        return self._other_texts


def find_uncertain_texts(bytes_at: BytesAt, texts: Any) -> list[bytes]:
    """Return the first different texts of a song whose encoding is uncertain, from the kernel's rows."""
    found: dict[bytes, None] = {}
    for _, _, _, start, size in _TEXT_EVENT_STRUCT.iter_unpack(texts[:_MAX_SEARCHED_TEXTS].tobytes()):
        raw = bytes_at(start, min(size, MAX_TEXT_BYTES))
        if decode_certain(raw, None) is None:
            found[raw] = None
        if len(found) > MAX_OTHER_TEXTS:
            break
    return [*found]
