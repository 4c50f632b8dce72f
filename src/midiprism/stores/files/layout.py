"""The path of a track's file: it depends only on what the track's bytes state, and never changes."""

import re
from functools import lru_cache

from midiprism.stores.files.naming import safe_name

TRACKS_FOLDER = "tracks"
TRACK_SUFFIX = ".mid"
SHORT_DIGEST_DIGITS = 32
FULL_DIGEST_DIGITS = 64
MAX_STEM_BYTES = 80
"""Most bytes, in UTF-8, of the readable part of a file name: a whole name then has at most 149."""

_NOT_WORD = re.compile(r"[^a-z0-9]+")


@lru_cache(4096)  # the tracks of a library have few different names
def track_stem(name: str | None, instrument: str) -> str:
    """Return the readable part of a track's file name: its name, or else its instrument, made safe."""
    return safe_name(name or "", MAX_STEM_BYTES) or safe_name(instrument, MAX_STEM_BYTES) or "track"


@lru_cache(64)
def family_folder(family: str) -> str:
    """Return the folder of an instrument family: ``chromatic-percussion`` for ``Chromatic Percussion``."""
    return _NOT_WORD.sub("-", family.lower()).strip("-") or "other"


def track_path(family: str, stem: str, digest: bytes, digits: int = SHORT_DIGEST_DIGITS) -> str:
    """Return the path of a track's file, relative to the store's root."""
    number = digest.hex()
    return f"{TRACKS_FOLDER}/{family_folder(family)}/{number[:2]}/{stem}-{number[:digits]}{TRACK_SUFFIX}"
