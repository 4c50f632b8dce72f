"""What songs, artists and tracks are called, on disk and inside the files."""

from functools import lru_cache

import numpy as np

from midiprism.sample.rng import ByteArray, IntArray
from midiprism.sample.words import FAMILY_NAMES, GIVEN_NAMES, VERSION_LABELS, Language

_SONGS_PER_ARTIST = 24
_MIN_ARTISTS = 10


def family_title(language: Language, seed: int, family_number: int) -> str:
    """Title of a family: another for every family number."""
    first, second, third = language.title_words
    every = len(first) * len(second) * len(third)
    turn, place = divmod(family_number, every)
    place = (place * 40_507 + seed) % every
    place, index = divmod(place, len(third))
    words = (first[place // len(second)], second[place % len(second)], third[index])
    title = language.title_separator.join(words)
    return f"{title} No. {turn + 1}" if turn else title


def version_title(title: str, label_offset: int, version: int) -> str:
    """Title of a family's version; the first has none but the family's."""
    if version == 0:
        return title
    turn, place = divmod(version - 1, len(VERSION_LABELS))
    label = VERSION_LABELS[(place + label_offset) % len(VERSION_LABELS)]
    return f"{title} ({label} {turn + 1})" if turn else f"{title} ({label})"


def artist_name(seed: int, song_number: int, random_word: int) -> str:
    """Artist of a song, chosen by ``draw`` (32 bits) among as many as the songs before it call for."""
    among = _MIN_ARTISTS + song_number // _SONGS_PER_ARTIST
    index = (random_word * among) >> 32
    every = len(GIVEN_NAMES) * len(FAMILY_NAMES)
    turn, place = divmod(index, every)
    place = (place * 1_009 + seed) % every
    given, family = GIVEN_NAMES[place % len(GIVEN_NAMES)], FAMILY_NAMES[place // len(GIVEN_NAMES)]
    if turn == 0:
        return f"{given} {family}"
    letters = chr(65 + (turn - 1) % 26)
    return (
        f"{given} {letters}. {family}"
        if turn <= 26
        else f"{given} {letters}. {family} {(turn - 1) // 26 + 1}"
    )


def encode_text(text: str, encoding: str) -> bytes:
    """Text as a file holds it; what an old encoding lacks is written as people wrote it then."""
    if encoding in ("ascii", "latin-1"):
        text = text.replace("’", "'").replace("œ", "oe")
    return text.encode(encoding)


def meta_event(meta_type: int, text: bytes) -> bytes:
    """A meta event of at most 127 bytes, without its delta time."""
    return bytes((0xFF, meta_type, len(text))) + text


def pack_entries(entries: tuple[bytes, ...]) -> tuple[ByteArray, IntArray]:
    """Entries as one array, and where each begins (and the last ends)."""
    starts = np.zeros(len(entries) + 1, np.int64)
    np.cumsum([len(entry) for entry in entries], out=starts[1:])
    return np.frombuffer(b"".join(entries), np.uint8), starts


@lru_cache(maxsize=64)
def lyric_events(language: Language, encoding: str) -> tuple[bytes, ...]:
    """Lyric events of a language; a syllable that ends a word is followed by a space."""
    texts = (word[:-1] if word.endswith("-") else word + " " for word in language.syllables)
    return tuple(meta_event(0x05, encode_text(text, encoding)) for text in texts)
