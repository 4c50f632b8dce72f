"""Names: which files and members are songs, which files are archives, and what a member may be called."""

import os

MIDI_SUFFIXES = (b".mid", b".midi", b".kar", b".rmi", b".smf")
"""Names that end so, in any case, are taken for MIDI files."""

ZIP_SUFFIXES = (b".zip",)
TAR_SUFFIXES = (b".tar",)
GZIP_SUFFIXES = (b".tar.gz", b".tgz")
BZIP2_SUFFIXES = (b".tar.bz2", b".tbz2", b".tbz")
XZ_SUFFIXES = (b".tar.xz", b".txz")
ARCHIVE_SUFFIXES = ZIP_SUFFIXES + TAR_SUFFIXES + GZIP_SUFFIXES + BZIP2_SUFFIXES + XZ_SUFFIXES
PARQUET_SUFFIXES = (b".parquet",)

MAX_NAME_BYTES = 1_024
"""Most bytes of a member's name: what indexes of databases take with room for the archive's own path."""

_MACOS_RESOURCE_FOLDER = b"__MACOSX"
_SEPARATOR = os.fsencode(os.sep)


def is_archive(path: bytes) -> bool:
    """Whether a name is that of an archive."""
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def is_parquet(path: bytes) -> bool:
    """Whether a name is that of a Parquet file."""
    return path.lower().endswith(PARQUET_SUFFIXES)


def is_midi_name(name: bytes) -> bool:
    """Whether a member of an archive is taken for a MIDI file.

    What macOS adds to archives beside the songs, under their names, is not.
    """
    return name.lower().endswith(MIDI_SUFFIXES) and not name.startswith(_MACOS_RESOURCE_FOLDER + b"/")


def safe_member_name(name: bytes) -> bytes | None:
    """A member's name as the end of a path: ``./a//b.mid`` is ``a/b.mid``; None for one that leads elsewhere.

    That is one with a part ``..``, an absolute one, one with a NUL, an empty one and one that is too long.
    """
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/") or b".." in parts or b"\0" in name or not parts or _has_drive(parts[0]):
        return None
    clean = b"/".join(parts)
    return clean if len(clean) <= MAX_NAME_BYTES else None


def container_paths(path: bytes) -> list[bytes]:
    """The beginnings of a path that have the name of an archive or a Parquet file, the shortest first."""
    found = []
    end = path.find(_SEPARATOR, 1)
    while end >= 0:
        if is_archive(path[:end]) or is_parquet(path[:end]):
            found.append(path[:end])
        end = path.find(_SEPARATOR, end + 1)
    return found


def _has_drive(part: bytes) -> bool:
    return len(part) == 2 and part[1:] == b":" and part[:1].isalpha()
