"""The likeliest encoding of texts that are neither ASCII nor UTF-8."""

import codecs
from collections.abc import Callable, Iterable
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
_CERTAIN_ADVANTAGE = 20.0
"""With so much more weight than any other, a reading needs no other texts."""
_MAX_ADVANTAGE = 12.0
"""One text is evidence for another of at most this weight: a song may hold texts in two encodings."""


@lru_cache(4096)
def decode_with(raw: bytes, encoding: str, *, is_whole: bool = True) -> str:
    """Return text, composed where an encoding writes marks apart from their letters.

    The last character of bytes that are not whole may be incomplete, and is then left out.

    Raises:
        UnicodeDecodeError: it is not in this encoding.
    """
    text = raw.decode(encoding) if is_whole else codecs.getincrementaldecoder(encoding)().decode(raw)
    return normalize("NFC", text) if encoding == "cp1258" else text


class _Readings(NamedTuple):
    """The reading of a text in each of ``CANDIDATES``.

    Attributes:
        all: the readings.
        scores: of each.
        evidence: weight of each for other texts of the song, at most 0.
        likeliest: the one with the highest score.
        advantage: of that over the second.
    """

    all: tuple[Reading, ...]
    scores: tuple[float, ...]
    evidence: tuple[float, ...]
    likeliest: Reading
    advantage: float


@lru_cache(4096)
def _readings(raw: bytes, is_whole: bool) -> _Readings:
    readings = tuple([_reading(raw, is_whole, candidate) for candidate in CANDIDATES])
    scores = tuple([reading.score for reading in readings])
    second, best = sorted(scores)[-2:]
    evidence = tuple([max(score - best, -_MAX_ADVANTAGE) if best > -inf else 0.0 for score in scores])
    return _Readings(readings, scores, evidence, readings[scores.index(best)], best - second)


def _reading(raw: bytes, is_whole: bool, candidate: _Candidate) -> Reading:
    encoding, languages = candidate.encoding, candidate.languages
    try:
        text = decode_with(raw, encoding, is_whole=is_whole)
        if len(raw) > _MAX_SCORED_BYTES:
            text = decode_with(raw[:_MAX_SCORED_BYTES], encoding, is_whole=False)
    except UnicodeDecodeError:
        return Reading(encoding, "", -inf)
    outline = outline_text(text)
    score, language = max((letter_model(name).log_likelihood(outline), name) for name in languages)
    return Reading(encoding, language, score + log(candidate.share / len(languages)))


def likeliest_reading(
    raw: bytes, other_texts: Callable[[], Iterable[bytes]], *, is_whole: bool = True
) -> tuple[Reading, bool]:
    """Return the likeliest reading, and whether it is that only with the other texts of the song."""
    own = _readings(raw, is_whole)
    if own.advantage > _CERTAIN_ADVANTAGE:
        return own.likeliest, False
    totals = own.scores
    for text in other_texts():
        if text != raw:
            other = _readings(text[:_MAX_SCORED_BYTES], len(text) <= _MAX_SCORED_BYTES)
            totals = tuple(map(add, totals, other.evidence))
    chosen = own.all[totals.index(max(totals))]
    return chosen, chosen is not own.likeliest
