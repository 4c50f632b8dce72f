"""Find the name of each part of a song among its texts, and read it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.row_types import ALL_CHANNELS
from midiprism.smf.kernel.scan import INSTRUMENT_NAME, PROGRAM_NAME, TRACK_NAME
from midiprism.smf.text.decode import (
    BLANK,
    MAX_TEXT_BYTES,
    DecodedText,
    decode_certain,
    guess_text,
    read_as_latin_1,
)
from midiprism.smf.types import Problem
from midiprism.smf.unwrap import Unwrapped

NAME_EVENTS = {TRACK_NAME: "track name", INSTRUMENT_NAME: "instrument name", PROGRAM_NAME: "program name"}
"""Meta events that name a part, the preferred first."""

MAX_GUESSES = 256
"""Most names of a song whose encoding is guessed, which takes up to some milliseconds."""
MAX_OTHER_TEXTS = 8
"""Most texts of a song that count besides the one that is read."""
_MAX_SEARCHED_TEXTS = 256

Part = tuple[int, int, int, int]
"""A split without its name: track number, channel (-1 where several), position and size of the track name."""


class NameChooser:
    """Chooses the text that names a part.

    Args:
        data: the bytes of the song.
        texts: the kernel's rows of texts.
        parts: all splits of the song.
    """

    def __init__(self, data: bytes | memoryview, texts: Any, parts: Sequence[Part]) -> None:
        self._spans: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._first_with_prefix: dict[int, tuple[int, int, int]] = {}
        for track, kind, channel, start, size in texts.tolist():
            if kind in NAME_EVENTS:
                self._spans.setdefault((track, channel, kind), (start, size))
                if kind == TRACK_NAME and channel != ALL_CHANNELS:
                    self._first_with_prefix.setdefault(track, (start, size, kind))
        self._part_counts = Counter(track for track, _, _, _ in parts)
        spans = {(start, size) for _, _, start, size in parts}
        names = {bytes(data[start : start + min(size, MAX_TEXT_BYTES)]).strip() for start, size in spans}
        self._is_title = len(parts) > 1 and len(names) == 1 and names != {b""}

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
        chosen = self._find(track, channel, NAME_EVENTS) if channel >= 0 else None
        if chosen is None and (own is None or not is_divided):
            chosen = self._find(track, ALL_CHANNELS, (INSTRUMENT_NAME, PROGRAM_NAME))
        if chosen is None and own is None and channel < 0:
            chosen = self._first_with_prefix.get(track)
        return chosen or own or (-1, 0, TRACK_NAME)

    def _find(self, track: int, channel: int, kinds: Iterable[int]) -> tuple[int, int, int] | None:
        for kind in kinds:
            span = self._spans.get((track, channel, kind))
            if span is not None:
                return *span, kind
        return None


class NameReader:
    """Reads the names of a song, and lists those whose encoding had to be guessed.

    Args:
        unwrapped: the song.
        texts: the kernel's rows of texts, or None.
        encoding: of all texts, if it is known.

    Attributes:
        problems: of the names that were read.
    """

    def __init__(self, unwrapped: Unwrapped, texts: Any, encoding: str | None) -> None:
        self.problems: list[Problem] = []
        self._unwrapped = unwrapped
        self._data = unwrapped.data
        self._texts = texts
        self._encoding = encoding
        self._other_texts: list[bytes] | None = None
        self._guesses = 0

    def read(self, start: int, size: int, track: int) -> DecodedText:
        """Return the name at a position of the song."""
        if size <= 0:
            return BLANK
        raw = bytes(self._data[start : start + size])
        return decode_certain(raw, self._encoding) or self._guess(raw, start, track)

    def _guess(self, raw: bytes, start: int, track: int) -> DecodedText:
        self._guesses += 1
        may_guess = self._guesses <= MAX_GUESSES
        decoded = guess_text(raw, self._evidence) if may_guess else read_as_latin_1(raw)
        offset = self._unwrapped.file_offset(start)
        self.problems.append(
            problems.make_problem(problems.TEXT_ENCODING, str(decoded.encoding), track, offset)
        )
        return decoded

    def _evidence(self) -> list[bytes]:
        """Return the first different texts of the song that say something about its encoding."""
        if self._other_texts is None:
            found: dict[bytes, None] = {}
            for _, _, _, start, size in self._texts[:_MAX_SEARCHED_TEXTS].tolist():
                raw = bytes(self._data[start : start + min(size, MAX_TEXT_BYTES)])
                if decode_certain(raw, None) is None:
                    found[raw] = None
                if len(found) > MAX_OTHER_TEXTS:
                    break
            self._other_texts = [*found]
        return self._other_texts
