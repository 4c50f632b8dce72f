"""The folder in which a probe works: it is removed at the end, and what a killed one has left by the next."""

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
    """A new folder in ``folder``, which is removed with all that is in it, however the block ends.

    Raises:
        StoreError: it cannot be made, or not be removed.
    """
    remove_leftovers(folder)
    made = folder
    try:
        with contextlib.ExitStack() as stack:
            made = _make_locked(folder, stack)
            stack.callback(shutil.rmtree, made, ignore_errors=True)
            yield made
    finally:
        _remove_if_left(made, folder)
    if made != folder and os.path.exists(made):
        raise StoreError(f"{made} could not be removed: remove it.")


def remove_leftovers(folder: str) -> list[str]:
    """Remove what probes that were killed have left in a folder, as far as it is ours; what that was."""
    swept = []
    for name in _leftovers(folder):
        place = os.path.join(folder, name)
        with contextlib.suppress(StoreError):  # a probe that is on holds it
            with lock_exclusive(place):
                shutil.rmtree(place, ignore_errors=True)
            _remove_if_left(place, folder)
            swept.append(place)
    return swept


def _make_locked(folder: str, stack: contextlib.ExitStack) -> str:
    """A new folder that is held until the stack is closed."""
    for _ in range(_ATTEMPTS):
        try:
            made = tempfile.mkdtemp(prefix=TEMP_DIR_PREFIX, dir=folder)
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error
        try:
            stack.enter_context(lock_exclusive(made))
        except StoreError:
            if os.path.exists(made):
                shutil.rmtree(made, ignore_errors=True)
                raise
            continue  # another probe took it for left behind before it was locked
        if os.path.exists(os.path.join(made, LOCK_FILE)):
            return made
    raise StoreError(f"{folder} cannot be measured: other probes begin there all the time.")


def _remove_if_left(path: str, folder: str) -> None:
    """Windows removes no file that is open, as that of the lock was."""
    if path != folder and os.path.exists(path):
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
    """Whether it is a folder, no link to one, and ours: where all may write, all may use the name."""
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and (not hasattr(os, "getuid") or facts.st_uid == os.getuid())
