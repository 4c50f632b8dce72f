"""Recognizing songs, archives and Parquet files by their names, and checking names of members."""

import os
import re

MIDI_SUFFIXES = (b".mid", b".midi", b".kar", b".rmi", b".smf")
"""Suffixes of MIDI files, in any case."""

ZIP_SUFFIXES = (b".zip",)
TAR_SUFFIXES = (b".tar",)
GZIP_SUFFIXES = (b".tar.gz", b".tgz")
BZIP2_SUFFIXES = (b".tar.bz2", b".tbz2", b".tbz")
XZ_SUFFIXES = (b".tar.xz", b".txz")
ARCHIVE_SUFFIXES = ZIP_SUFFIXES + TAR_SUFFIXES + GZIP_SUFFIXES + BZIP2_SUFFIXES + XZ_SUFFIXES
PARQUET_SUFFIXES = (b".parquet",)

MAX_NAME_BYTES = 1_024
"""Most bytes of a member's name, so that databases can index it together with the path of its archive."""

JUNK_FOLDER = b"__MACOSX"
"""Name of the folder in which macOS stores attributes of files when it makes an archive."""
JUNK_PREFIX = b"._"
"""Beginning of the names of the files with which macOS accompanies others."""
_JUNK_NAMES = frozenset((b".ds_store", b"thumbs.db", b"desktop.ini"))
_SEPARATOR = os.fsencode(os.sep)
_CONTAINER = re.compile(
    b"(?i)(?:%b)(?=%b)"
    % (b"|".join(map(re.escape, ARCHIVE_SUFFIXES + PARQUET_SUFFIXES)), re.escape(_SEPARATOR))
)
"""The end of the name of an archive or a Parquet file, within a path."""


def is_archive(path: bytes) -> bool:
    """Return True if a path has the name of an archive."""
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def is_parquet(path: bytes) -> bool:
    """Return True if a path has the name of a Parquet file."""
    return path.lower().endswith(PARQUET_SUFFIXES)


def is_midi_name(name: bytes) -> bool:
    """Return True if a file has the name of a MIDI file."""
    return name.lower().endswith(MIDI_SUFFIXES)


def is_junk_name(name: bytes) -> bool:
    """Return True for a file that macOS or Windows writes into folders of songs, by its name.

    Of the files whose names begin with ``._``, with which macOS accompanies others, only those are meant that
    would be taken for songs or archives.
    """
    if name.startswith(JUNK_PREFIX):
        return is_midi_name(name) or is_archive(name)
    return name.lower() in _JUNK_NAMES


def is_junk_member(path: bytes) -> bool:
    """Return True for a member of an archive that macOS or Windows made, by its name and folders."""
    *folders, name = path.split(b"/")
    return is_junk_name(name) or (JUNK_FOLDER in folders and (is_midi_name(name) or is_archive(name)))


def safe_member_name(name: bytes) -> bytes | None:
    """Return a member's name as the end of a path: ``./a//b.mid`` as ``a/b.mid``.

    Return None for a name that is unsafe: absolute, empty, too long, or with a part ``..`` or a NUL.
    """
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/") or b".." in parts or b"\0" in name or not parts or _has_drive(parts[0]):
        return None
    clean = b"/".join(parts)
    return clean if len(clean) <= MAX_NAME_BYTES else None


def container_paths(path: bytes) -> list[bytes]:
    """Return the beginnings of a path that are named like an archive or a Parquet file, shortest first."""
    return [path[: found.end()] for found in _CONTAINER.finditer(path)]


def source_of_song(path: bytes, root_length: int) -> bytes:
    """Return the source of a song: a folder, an archive or a Parquet file.

    Args:
        path: of the song.
        root_length: so many leading bytes of it are not part of the song's name.
    """
    root = path[:root_length].removesuffix(_SEPARATOR)
    # Of a row of a Parquet file, they also hold the column and the number of the row.
    return next((container for container in container_paths(root) if is_parquet(container)), root)


def _has_drive(part: bytes) -> bool:
    return len(part) == 2 and part[1:] == b":" and part[:1].isalpha()
