"""Distinguish songs that are gone from songs that a walk did not look at."""

import os
import stat

from midiprism.sources.file_types import is_archive, is_parquet


def is_file_gone(path: bytes, *, enters_archives: bool) -> bool:
    """Return whether there is no song at a path that a walk of its folder did not yield.

    A file is there unless it is empty. What is inside an archive or a Parquet file was not looked at, unless
    the walk enters archives. What cannot be examined is not gone.

    Args:
        enters_archives: whether the walk yields the songs in archives inside folders.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        container = _nearest_existing(path)
        if is_archive(container):
            return enters_archives
        return not is_parquet(container)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_size == 0)


def _nearest_existing(path: bytes) -> bytes:
    """Return the nearest path above ``path`` that exists."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path
