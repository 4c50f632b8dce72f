"""Names of songs, artists and tracks, on disk and inside the files."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from midiprism.sample.rng import IntArray
from midiprism.sample.words import FAMILY_NAMES, GIVEN_NAMES, VERSION_LABELS, Language

_SONGS_PER_ARTIST = 24
_MIN_ARTISTS = 10


class PackedEntries(NamedTuple):
    """Entries of bytes as one array, and where each begins (and the last ends)."""

    data: Any
    starts: IntArray


def family_title(language: Language, seed: int, family_number: int) -> str:
    """Return the title of a family: another for every family number."""
    first, second, third = language.title_words
    count = len(first) * len(second) * len(third)
    turn, place = divmod(family_number, count)
    place = (place * 40_507 + seed) % count
    place, index = divmod(place, len(third))
    words = (first[place // len(second)], second[place % len(second)], third[index])
    title = language.title_separator.join(words)
    return f"{title} No. {turn + 1}" if turn else title


def version_title(title: str, label_offset: int, version: int) -> str:
    """Return the title of a family's version; the first has the family's title."""
    if version == 0:
        return title
    turn, place = divmod(version - 1, len(VERSION_LABELS))
    label = VERSION_LABELS[(place + label_offset) % len(VERSION_LABELS)]
    return f"{title} ({label} {turn + 1})" if turn else f"{title} ({label})"


def artist_name(seed: int, song_number: int, random_word: int) -> str:
    """Return the artist of a song, drawn by 32 random bits among more artists the more songs came before."""
    artist_count = _MIN_ARTISTS + song_number // _SONGS_PER_ARTIST
    index = (random_word * artist_count) >> 32
    name_count = len(GIVEN_NAMES) * len(FAMILY_NAMES)
    turn, place = divmod(index, name_count)
    place = (place * 1_009 + seed) % name_count
    given, family = GIVEN_NAMES[place % len(GIVEN_NAMES)], FAMILY_NAMES[place // len(GIVEN_NAMES)]
    if turn == 0:
        return f"{given} {family}"
    initial = chr(ord("A") + (turn - 1) % 26)
    suffix = "" if turn <= 26 else f" {(turn - 1) // 26 + 1}"
    return f"{given} {initial}. {family}{suffix}"


def encode_text(text: str, encoding: str) -> bytes:
    """Return text as a file holds it; characters that old encodings lack are replaced by plain ones."""
    if encoding in ("ascii", "latin-1"):
        text = text.replace("’", "'").replace("œ", "oe")
    return text.encode(encoding)


def meta_event(meta_type: int, text: bytes) -> bytes:
    """Return a meta event of at most 127 bytes, without its delta time."""
    return bytes((0xFF, meta_type, len(text))) + text


def pack_entries(entries: tuple[bytes, ...]) -> PackedEntries:
    """Return entries of bytes as one array."""
    starts = np.zeros(len(entries) + 1, np.int64)
    np.cumsum([len(entry) for entry in entries], out=starts[1:])
    return PackedEntries(np.frombuffer(b"".join(entries), np.uint8), starts)


@lru_cache(maxsize=64)
def lyric_events(language: Language, encoding: str) -> tuple[bytes, ...]:
    """Return the lyric events of a language; a syllable that ends a word is followed by a space."""
    texts = (word[:-1] if word.endswith("-") else word + " " for word in language.syllables)
    return tuple(meta_event(0x05, encode_text(text, encoding)) for text in texts)
