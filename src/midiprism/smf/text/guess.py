"""The likeliest encoding of texts that are neither ASCII nor UTF-8."""

import codecs
from collections.abc import Iterable
from functools import lru_cache
from math import inf, log
from operator import add
from typing import NamedTuple
from unicodedata import normalize

from midiprism.smf.text.letter_model import GENERIC, letter_model, outline_text


class Reading(NamedTuple):
    """A way to read bytes.

    Attributes:
        encoding: name of a codec.
        language: whose words the text looks like, the best of this encoding.
        score: logarithm of the likelihood; -inf where the bytes are impossible.
    """

    encoding: str
    language: str
    score: float


class _Candidate(NamedTuple):
    """An encoding, how frequent it is in MIDI files, and the languages that are written in it."""

    encoding: str
    share: float
    languages: tuple[str, ...]


_WESTERN = ("German", "French", "Spanish", "Portuguese", "Italian", "Nordic")

CANDIDATES = (
    _Candidate("cp1252", 0.3, (*_WESTERN, GENERIC)),
    _Candidate("cp932", 0.2, ("Japanese",)),
    _Candidate("gbk", 0.1, ("Chinese",)),
    _Candidate("cp1251", 0.1, ("Russian", "Ukrainian", "Bulgarian")),
    _Candidate("cp949", 0.06, ("Korean",)),
    _Candidate("big5", 0.04, ("Chinese (traditional)",)),
    _Candidate("cp1250", 0.05, ("Polish", "Czech", "Hungarian")),
    _Candidate("cp1253", 0.03, ("Greek",)),
    _Candidate("cp1254", 0.03, ("Turkish",)),
    _Candidate("cp1258", 0.03, ("Vietnamese",)),
    _Candidate("cp437", 0.02, (*_WESTERN, GENERIC)),
    _Candidate("mac_roman", 0.02, (*_WESTERN, GENERIC)),
    _Candidate("koi8_r", 0.01, ("Russian",)),
    _Candidate("cp866", 0.01, ("Russian",)),
)
"""Encodings. Some give a meaning to every byte, so that every text can be read."""

_MAX_SCORED_BYTES = 48
"""Bytes of a text from which its likelihood is computed."""
_CERTAIN_ADVANTAGE = 10.0
"""With so much more weight than any other, a reading needs no other texts."""
_MAX_ADVANTAGE = 12.0
"""One text is evidence for another of at most this weight: a song may hold texts in two encodings."""


def decode_with(raw: bytes, encoding: str, *, is_whole: bool = True) -> str:
    """Return text, composed where an encoding writes marks apart from their letters.

    The last character of bytes that are not whole may be incomplete, and is then left out.

    Raises:
        UnicodeDecodeError: it is not in this encoding.
    """
    text = raw.decode(encoding) if is_whole else codecs.getincrementaldecoder(encoding)().decode(raw)
    return normalize("NFC", text) if encoding == "cp1258" else text


class Rivals(NamedTuple):
    """The readings of a text among which the other texts of its song decide.

    Attributes:
        likeliest: the one with the highest score, which it is without other texts.
        readings: that and all that other texts may make likelier.
        candidates: their indexes in ``CANDIDATES``.
    """

    likeliest: Reading
    readings: tuple[Reading, ...]
    candidates: tuple[int, ...]

    def likeliest_with(self, other_texts: Iterable[bytes]) -> Reading:
        """Return the likeliest reading, given the other texts of the song."""
        totals = [reading.score for reading in self.readings]
        for text in other_texts:
            totals = [*map(add, totals, _evidence(text, self.candidates))]
        return self.readings[totals.index(max(totals))]


def find_rivals(raw: bytes, is_whole: bool) -> Rivals:
    """Return the likeliest readings of a text by its own bytes."""
    readings = [_reading(raw, is_whole, index) for index in range(len(CANDIDATES))]
    likeliest = max(readings, key=lambda reading: reading.score)
    least = likeliest.score - _CERTAIN_ADVANTAGE
    candidates = tuple([index for index, reading in enumerate(readings) if reading.score >= least])
    return Rivals(likeliest, tuple([readings[index] for index in candidates]), candidates)


@lru_cache(16384)
def _evidence(text: bytes, candidates: tuple[int, ...]) -> tuple[float, ...]:
    """Return the weight that another text of the song adds to each of some candidates: 0 for the best."""
    start, is_whole = text[:_MAX_SCORED_BYTES], len(text) <= _MAX_SCORED_BYTES
    scores = [_reading(start, is_whole, candidate).score for candidate in candidates]
    best = max(scores)
    if best == -inf:
        return (0.0,) * len(scores)
    return tuple([max(score - best, -_MAX_ADVANTAGE) for score in scores])


def _reading(raw: bytes, is_whole: bool, candidate: int) -> Reading:
    encoding, share, languages = CANDIDATES[candidate]
    try:
        text = decode_with(raw, encoding, is_whole=is_whole)
        if len(raw) > _MAX_SCORED_BYTES:
            text = decode_with(raw[:_MAX_SCORED_BYTES], encoding, is_whole=False)
    except UnicodeDecodeError:
        return Reading(encoding, "", -inf)
    outline = outline_text(text)
    score, language = max((letter_model(name).log_likelihood(outline), name) for name in languages)
    return Reading(encoding, language, score + log(share / len(languages)))
