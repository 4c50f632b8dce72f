"""Reduces titles of songs to keys that versions and copies of a song share.

``Let It Be.mid``, ``let_it_be (2).kar`` and ``01 - LET IT BE [karaoke] v3.mid`` have the same key. Different
songs with the same name share a key too: that harms a data set less than copies of a song in different
parts of it.

A title that is only a number says nothing by itself: then the name of the song's folder is its title.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import normalize

_SUFFIX = re.compile(r"\.(?:mid|midi|kar|rmi|smf|gz)$")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^][]*\]|\{[^{}]*\}|【[^【】]*】|<[^<>]*>")
_BRACKETS = re.compile(r"[][(){}【】<>]")
_DIACRITICS = re.compile(r"[\u0300-\u036f'’‘`´]")  # of Latin, Greek, Cyrillic; apostrophes go with them
_TRACK_NUMBER = re.compile(r"(?:\d{1,3}\s*[-._)]+\s*|0\d{1,2}\s+)(?=\D)")
_SEPARATORS = re.compile(r"[^\w\u0900-\u0eff]+")  # marks of Indic scripts and Thai are no separators
_LETTER = re.compile(r"[^\W_]|[\u0900-\u0eff]")
_WORD = re.compile(r"[^\W_]+")
_VERSION_WORD = re.compile(r"\d+|v(?:er(?:sion)?)?\d*|\d+(?:st|nd|rd|th)|gm2?|gs|xg|mt32|sc55|sc88")


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


VERSION_WORDS = _word_set(
    """
    acoustic alt alternate alternative arr arranged arrangement backing bis clean complete copie copy cover
    demo edit edited extended fin final fixed format full improved inst instr instrumental kar karaoke kopie
    live long mid midi mix new old orig original piano playback redo remake remaster remastered remix
    reprise rev revised sequenced short solo studio take takes unplugged update updated variant variants ver
    version versions vocal vocals with without
    """
)
"""Words at the end of a title that distinguish versions and copies of a song."""

WORDS_BEFORE_NUMBER = _word_set(
    """
    and at bwv d hob hwv in k kv no nr number of op opus route rv to
    """
)
"""Words before a number that belongs to the title: ``Symphony No. 5``."""

GENERIC_WORDS = _word_set(
    """
    adagio allegro andante aria audio backup ballad band bass beat chorus clip concerto default demo drum
    drums etude example exercise file files fugue groove guitar intro invention jam jingle largo loop loops
    major melody menuet minor minuet moderato movement music musik nocturne noname none op organ outro part
    pattern piece prelude presto project riff rondo sample scherzo score seq sequence sonata sonatina song
    songs sound strings suite symphony synth temp test theme titel title tmp toccata track tracks tune
    unknown unnamed untitled valse variation verse waltz
    """
)
"""Words that do not name a song by themselves."""

_MIN_LETTERS = 4
_CACHE_SIZE = 10_000  # words: those at the ends of titles recur
_FIRST_WIDE_CODE_POINT = 0x2E80  # of scripts in which a letter is a syllable or a word


def title_keys(song_path: str) -> Iterator[tuple[str, str | None]]:
    """Yield the keys that versions and copies of a song share, each with the folder whose name it is, if any.

    That is the key of its title. If the title is only a number, it is the number in the nearest folder whose
    name distinguishes songs, and the name of that folder; a folder such as ``versions`` does not.

    Args:
        song_path: as ``title_key`` takes it, below the source folder.
    """
    key = title_key(song_path)
    if key is not None:
        yield key, None
        return
    words = _WORD.findall(_last_name(song_path))
    number = "-".join(word.lstrip("0") or "0" for word in words if word.isdecimal())
    if not number or not all(word in VERSION_WORDS or _VERSION_WORD.fullmatch(word) for word in words):
        return
    folder = song_path.rpartition("/")[0]
    while folder and _names_no_song(folder):
        folder = folder.rpartition("/")[0]
    if folder:
        yield f"{folder}/{number}", None
        yield title_key(folder) or f"{folder}/", folder


def title_key(song_path: str) -> str | None:
    """Return the key that versions and copies of a song share; None if its title is too short or generic.

    Args:
        song_path: as text, with ``/`` between its parts; with a suffix or without.
    """
    words = _words(_last_name(song_path))
    while len(words) > 1 and _is_version_word(words[-1], words[-2]):
        words.pop()
    if all(map(_is_generic, words)):
        return None
    title = "".join(words)
    if len(title) >= _MIN_LETTERS and title[:_MIN_LETTERS].isalpha():
        return title
    letters = sum(2 if ord(letter) >= _FIRST_WIDE_CODE_POINT else 1 for letter in title if letter.isalpha())
    return title if letters >= _MIN_LETTERS else None


def _last_name(path: str) -> str:
    """Return the last name of a path in small letters, without suffixes."""
    text = path[path.rfind("/") + 1 :]
    # Here and below, a quick test skips steps that would change nothing, as most do for most titles.
    text = (text if text.isascii() else normalize("NFKD", text)).casefold()
    while "." in text and (bare := _SUFFIX.sub("", text)) != text:
        text = bare
    return text


def _names_no_song(folder: str) -> bool:
    """Return whether the name of a folder has only words that do not distinguish songs, and no number."""
    words = _WORD.findall(_last_name(folder))
    return all(_is_generic(word) and not word.isdecimal() for word in words)


def _words(text: str) -> list[str]:
    if not text.isascii() or "'" in text or "`" in text:
        # Composed again, so that the marks of kana belong to their letters.
        text = normalize("NFC", _DIACRITICS.sub("", text))
    bare = text
    # Brackets may be nested.
    while _BRACKETS.search(bare) and (less := _BRACKETED.sub(" ", bare)) != bare:
        bare = less
    if bare != text and not _LETTER.search(bare):
        bare = _BRACKETS.sub(" ", text)
    bare = bare.strip()
    number = _TRACK_NUMBER.match(bare) if bare[:1].isdecimal() else None
    return _split_words(bare[number.end() :] if number else bare)


def _split_words(text: str) -> list[str]:
    """Return the words of a text, which separators divide."""
    words = text.replace("_", " ").replace("-", " ").split()
    if "".join(words).isalnum():  # there were no other separators
        return words
    return [word for word in _SEPARATORS.split(text.replace("_", " ")) if word]


@lru_cache(_CACHE_SIZE)
def _is_generic(word: str) -> bool:
    bare = word.rstrip("0123456789")
    return (
        bare in GENERIC_WORDS
        or bare in VERSION_WORDS
        or word in WORDS_BEFORE_NUMBER
        or _VERSION_WORD.fullmatch(word) is not None
    )


@lru_cache(_CACHE_SIZE)
def _is_version_word(word: str, previous: str) -> bool:
    """Return whether the last word of a title denotes a version, as a number does unless it is part of it."""
    if word.isdecimal():
        return previous not in WORDS_BEFORE_NUMBER
    return word in VERSION_WORDS or _VERSION_WORD.fullmatch(word) is not None
