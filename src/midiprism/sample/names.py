"""What songs, artists and tracks are called, on disk and inside the files."""

from functools import lru_cache

import numpy as np

from midiprism.sample.dice import Bytes, Ints
from midiprism.sample.words import FAMILY, GIVEN, VERSIONS, Language

_SONGS_PER_ARTIST = 24
_FIRST_ARTISTS = 10


def title_of(language: Language, seed: int, family: int) -> str:
    """Title of a family: another for every family number."""
    first, second, third = language.titles
    every = len(first) * len(second) * len(third)
    turn, place = divmod(family, every)
    place = (place * 40_507 + seed) % every
    place, index = divmod(place, len(third))
    words = (first[place // len(second)], second[place % len(second)], third[index])
    title = language.between.join(words)
    return f"{title} No. {turn + 1}" if turn else title


def version_of(title: str, shift: int, version: int) -> str:
    """Title of a family's version; the first has none but the family's."""
    if version == 0:
        return title
    turn, place = divmod(version - 1, len(VERSIONS))
    label = VERSIONS[(place + shift) % len(VERSIONS)]
    return f"{title} ({label} {turn + 1})" if turn else f"{title} ({label})"


def artist_of(seed: int, song: int, draw: int) -> str:
    """Artist of a song, chosen by ``draw`` (32 bits) among as many as the songs before it call for."""
    among = _FIRST_ARTISTS + song // _SONGS_PER_ARTIST
    index = (draw * among) >> 32
    every = len(GIVEN) * len(FAMILY)
    turn, place = divmod(index, every)
    place = (place * 1_009 + seed) % every
    given, family = GIVEN[place % len(GIVEN)], FAMILY[place // len(GIVEN)]
    if turn == 0:
        return f"{given} {family}"
    letters = chr(65 + (turn - 1) % 26)
    return (
        f"{given} {letters}. {family}"
        if turn <= 26
        else f"{given} {letters}. {family} {(turn - 1) // 26 + 1}"
    )


def encoded(text: str, encoding: str) -> bytes:
    """Text as a file holds it; what an old encoding lacks is written as people wrote it then."""
    if encoding in ("ascii", "latin-1"):
        text = text.replace("’", "'").replace("œ", "oe")
    return text.encode(encoding)


def meta(kind: int, text: bytes) -> bytes:
    """A meta event of at most 127 bytes, without its delta time."""
    return bytes((0xFF, kind, len(text))) + text


def pack(entries: tuple[bytes, ...]) -> tuple[Bytes, Ints]:
    """Entries as one array, and where each begins (and the last ends)."""
    starts = np.zeros(len(entries) + 1, np.int64)
    np.cumsum([len(entry) for entry in entries], out=starts[1:])
    return np.frombuffer(b"".join(entries), np.uint8), starts


@lru_cache(maxsize=64)
def lyrics(language: Language, encoding: str) -> tuple[bytes, ...]:
    """Lyric events of a language; a syllable that ends a word is followed by a space."""
    texts = (word[:-1] if word.endswith("-") else word + " " for word in language.syllables)
    return tuple(meta(0x05, encoded(text, encoding)) for text in texts)
