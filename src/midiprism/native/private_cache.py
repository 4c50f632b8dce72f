"""The folder of compiled code, which only its user may write: loading it can run any code.

Numba unpickles what it finds there. So the folder is used only if it and all in it belong to the user, or to
root, who may do anything, and if nobody else can write to it.
"""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

_PRIVATE = 0o700
_GROUP_AND_OTHERS = 0o077
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
HAS_OWNERS = sys.platform != "win32"
"""False on Windows, where the folder of a user's caches is private already."""


def make_private_folder(folder: Path) -> str | None:
    """Make the folder, unless it is there, and return why it must not be used; None if it may be."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(_PRIVATE, exist_ok=True)
    except OSError as error:
        return f"{folder} cannot be made ({error.strerror or error})"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"{folder} cannot be written"
    return why_unsafe(folder)


def why_unsafe(folder: Path) -> str | None:
    """Return why code in the folder must not be loaded; None if nobody but its user can have written it.

    Raises:
        OSError: there is no such folder, or it cannot be read.
    """
    if not HAS_OWNERS:
        return None
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"anybody can replace what is in {parent}"
    status = folder.lstat()
    closed = status.st_mode & _GROUP_AND_OTHERS == 0
    for path, entry in ((folder, status), *_entries(folder)):
        if not (stat.S_ISDIR(entry.st_mode) or stat.S_ISREG(entry.st_mode)):
            return f"{path} is no regular file"
        if entry.st_uid not in (os.geteuid(), 0):
            return f"{path} belongs to another user"
        if entry.st_mode & _WRITABLE_BY_OTHERS and not closed:
            return f"other users can write to {path}"
    return None


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield everything below a folder with its status; links are not followed."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            yield path, path.lstat()
