"""A temporary folder for a probe, removed at its end; the next probe removes what a killed one left."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator

from midiprism.errors import StoreError
from midiprism.results.lock import LOCK_FILE, lock_exclusive

TEMP_DIR_PREFIX = ".midiprism-probe-"

_ATTEMPTS = 5


@contextlib.contextmanager
def temp_dir(folder: str) -> Iterator[str]:
    """Create a folder in ``folder`` for the block, and remove it with its contents however the block ends.

    Raises:
        StoreError: the folder cannot be created or removed.
    """
    remove_leftovers(folder)
    created: str | None = None
    try:
        with contextlib.ExitStack() as stack:
            created = _create_locked(folder, stack)
            stack.callback(shutil.rmtree, created, ignore_errors=True)
            yield created
    finally:
        if created is not None:
            _remove_remains(created)
    if os.path.exists(created):
        raise StoreError(f"{created} could not be removed: remove it.")


def remove_leftovers(folder: str) -> list[str]:
    """Remove the folders that killed probes of this user left in a folder, and return their paths."""
    removed = []
    for name in _leftovers(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(StoreError):  # a running probe holds the lock
            with lock_exclusive(path):
                shutil.rmtree(path, ignore_errors=True)
            _remove_remains(path)
            removed.append(path)
    return removed


def _create_locked(folder: str, stack: contextlib.ExitStack) -> str:
    """Create a folder that stays locked until the stack is closed."""
    for _ in range(_ATTEMPTS):
        try:
            created = tempfile.mkdtemp(prefix=TEMP_DIR_PREFIX, dir=folder)
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error
        try:
            stack.enter_context(lock_exclusive(created))
        except StoreError:
            if os.path.exists(created):
                shutil.rmtree(created, ignore_errors=True)
                raise
            continue  # another probe removed it as a leftover before it was locked
        if os.path.exists(os.path.join(created, LOCK_FILE)):
            return created
    raise StoreError(f"{folder} cannot be measured: other probes keep starting there.")


def _remove_remains(path: str) -> None:
    """Remove what is left after unlocking: Windows does not remove the file of the lock while it is open."""
    if os.path.exists(path):
        shutil.rmtree(path, ignore_errors=True)


def _leftovers(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.name.startswith(TEMP_DIR_PREFIX) and _is_own_folder(entry)
            )
    except OSError:
        return []


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder of this user and not a link: others may use the name as well."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())
