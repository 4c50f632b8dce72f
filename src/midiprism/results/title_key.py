"""Reduces titles of songs to keys that versions and copies of a song share.

``Let It Be.mid``, ``let_it_be (2).kar`` and ``01 - LET IT BE [karaoke] v3.mid`` have the same key. Different
songs with the same name share a key too: that harms a data set less than copies of a song in different
parts of it.

A title that is only a number says nothing by itself: then the name of the song's folder is its title.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from unicodedata import normalize

_BETWEEN = "\0"  # names that are processed as one text; no path holds it
_SUFFIX = r"\.(?:mid|midi|kar|rmi|smf|gz)"
_SUFFIXES = re.compile(rf"{_SUFFIX}(?:{_SUFFIX})*(?:\n(?:{_SUFFIX})*)?(?=\0|\Z)")
_BRACKETED = re.compile(r"\([^()\0]*\)|\[[^][\0]*\]|\{[^{}\0]*\}|【[^【】\0]*】|<[^<>\0]*>")
_BRACKETS = re.compile(r"[][(){}【】<>]")
_DIACRITICS = re.compile(r"[\u0300-\u036f'’‘`´]")  # of Latin, Greek, Cyrillic; apostrophes go with them
_TRACK_NUMBER = re.compile(r"(?:\d{1,3}\s*[-._)]+\s*|0\d{1,2}\s+)(?=\D)")
# Marks of Indic scripts and Thai are no separators; spaces are, and need not be replaced by spaces.
_SEPARATORS = re.compile(r"[^\w\s\u0900-\u0eff\0]+")
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


def title_keys(song_paths: Sequence[str]) -> list[str | None]:
    """Return for each path the key that versions and copies of its song share.

    It is None if the title is too short or generic. Most steps are done for all titles at once.

    Args:
        song_paths: one or more, as text, with ``/`` between their parts; with suffixes or without.
    """
    names = normalize("NFC", _DIACRITICS.sub("", _last_names(song_paths)))  # marks of kana join their letters
    bare = _BRACKETED.sub(" ", names)
    pairs = zip(names.split(_BETWEEN), bare.split(_BETWEEN), strict=True)
    titles = [title if title == name else _without_brackets(name) for name, title in pairs]
    titles = [_without_number(title) if title[:1].isdecimal() else title for title in map(str.strip, titles)]
    distinct = dict.fromkeys(titles)
    words = _SEPARATORS.sub(" ", _BETWEEN.join(distinct).replace("_", " ")).split(_BETWEEN)
    keys = dict(zip(distinct, [_key_of_words(title.split()) for title in words], strict=True))
    return list(map(keys.__getitem__, titles))


def folder_title_keys(song_path: str) -> Iterator[tuple[str, str | None]]:
    """Yield the keys of a song without a title, each with the folder whose name it is, if any.

    If its title is only a number, they are the number in the nearest folder whose name distinguishes songs,
    and the name of that folder; a folder such as ``versions`` does not. Other songs have none.

    Args:
        song_path: as ``title_keys`` takes it, below the source folder.
    """
    words = _WORD.findall(_last_names([song_path]))
    number = "-".join(word.lstrip("0") or "0" for word in words if word.isdecimal())
    if not number or not all(word in VERSION_WORDS or _VERSION_WORD.fullmatch(word) for word in words):
        return
    folder = song_path.rpartition("/")[0]
    while folder and _names_no_song(folder):
        folder = folder.rpartition("/")[0]
    if folder:
        yield f"{folder}/{number}", None
        yield title_keys([folder])[0] or f"{folder}/", folder


def _last_names(paths: Sequence[str]) -> str:
    """Return the last names of paths as one text, in small letters, without suffixes."""
    names = _BETWEEN.join([path[path.rfind("/") + 1 :] for path in paths])
    return _SUFFIXES.sub("", normalize("NFKD", names).casefold())


def _names_no_song(folder: str) -> bool:
    """Return whether the name of a folder has only words that do not distinguish songs, and no number."""
    words = _WORD.findall(_last_names([folder]))
    return all(_is_generic(word) and not word.isdecimal() for word in words)


def _without_brackets(name: str) -> str:
    """Return a name without what is in brackets, which may be nested, unless nothing else is in it."""
    title = name
    while (less := _BRACKETED.sub(" ", title)) != title:
        title = less
    return title if _LETTER.search(title) else _BRACKETS.sub(" ", name)


def _without_number(title: str) -> str:
    """Return a title without the number of a track at its beginning."""
    number = _TRACK_NUMBER.match(title)
    return title[number.end() :] if number else title


def _key_of_words(words: list[str]) -> str | None:
    while len(words) > 1 and _is_version_word(words[-1], words[-2]):
        words.pop()
    if all(map(_is_generic, words)):
        return None
    title = "".join(words)
    if len(title) >= _MIN_LETTERS and title[:_MIN_LETTERS].isalpha():
        return title
    letters = sum(2 if ord(letter) >= _FIRST_WIDE_CODE_POINT else 1 for letter in title if letter.isalpha())
    return title if letters >= _MIN_LETTERS else None


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
