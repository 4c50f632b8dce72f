"""The path of a split: a function of its own bytes' facts, frozen with the naming rule."""

import re
from functools import lru_cache

from midiprism.stores.files.naming import safe_name

TRACKS_FOLDER = "tracks"
TRACK_SUFFIX = ".mid"
SHORT_DIGEST_DIGITS = 32
FULL_DIGEST_DIGITS = 64
MAX_STEM_BYTES = 80
"""Longest readable part of a file name, in bytes of UTF-8: a whole name then takes at most 149."""

_NOT_WORD = re.compile(r"[^a-z0-9]+")


@lru_cache(4096)  # tracks of a library have few names
def track_stem(name: str | None, instrument: str) -> str:
    """The readable part of a split's file name: its track name, or else its instrument, made safe."""
    return safe_name(name or "", MAX_STEM_BYTES) or safe_name(instrument, MAX_STEM_BYTES) or "track"


@lru_cache(64)
def family_folder(family: str) -> str:
    """Folder of an instrument family: ``Chromatic Percussion`` is in ``chromatic-percussion``."""
    return _NOT_WORD.sub("-", family.lower()).strip("-") or "other"


def track_path(family: str, stem: str, digest: bytes, digits: int = SHORT_DIGEST_DIGITS) -> str:
    """Path of a split, relative to the store's root."""
    number = digest.hex()
    return f"{TRACKS_FOLDER}/{family_folder(family)}/{number[:2]}/{stem}-{number[:digits]}{TRACK_SUFFIX}"
