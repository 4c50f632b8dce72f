"""The folder of what derives from a catalog: segments, which never change, and a file that names them.

``current`` names the segments of the newest generation. It is replaced at once, and last: a process that is
killed before leaves files that nothing names. A reader keeps the segments that it has mapped, also after they
were removed.
"""

import os
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from typing import TypeVar

from midiprism.errors import DamagedIndexError
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX
from midiprism.results.lock import LOCK_FILE

T = TypeVar("T")

SEGMENT_SUFFIX = ".columns"
_CURRENT = "current"
_OPEN_ATTEMPTS = 5


def current_file(folder: str) -> str:
    """Return the path of the file that names the segments of a folder."""
    return os.path.join(folder, _CURRENT)


def read_newest(folder: str, read: Callable[[str], T], nothing: T) -> T:
    """Return the newest generation in a folder.

    Args:
        read: reads it; it may raise what damaged files cause.
        nothing: to return if there is none that can be read.
    """
    for _ in range(_OPEN_ATTEMPTS):
        try:
            return read(folder)
        except FileNotFoundError:
            # Another process has replaced it between its two files.
            if not os.path.exists(current_file(folder)):
                return nothing
        except (OSError, DamagedIndexError, KeyError, TypeError, ValueError):
            return nothing
    return nothing


def remove_unnamed(folder: str, named: Iterable[str]) -> None:
    """Remove the files that the newest generation does not name, while no other process writes the folder.

    Args:
        named: names of the files of its segments.
    """
    _remove(folder, {_CURRENT, LOCK_FILE, *named})


def remove_segments(folder: str) -> bool:
    """Remove all generations of a folder, and return whether nothing is left in its place.

    Other files in it are left.
    """
    if os.path.isdir(folder) and not os.path.islink(folder):
        _remove(folder, ())
        with suppress(OSError):
            os.rmdir(folder)
    return not os.path.lexists(folder)


def _remove(folder: str, kept: Container[str]) -> None:
    for name in os.listdir(folder):
        is_own = name in (_CURRENT, LOCK_FILE) or name.endswith((SEGMENT_SUFFIX, TEMPORARY_SUFFIX))
        if is_own and name not in kept:
            with suppress(OSError):  # a reader on Windows has it open: the next update removes it
                os.unlink(os.path.join(folder, name))
