"""What really is in a store's folder: looking at single places, walking all of them, taking things away.

It believes nothing of a path that it is given, and never follows a link out of the store.
"""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.store.layout import ROOT

_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_CHUNK = 1 << 20
_DEPTH = 4  # tracks/FAMILY/xx/NAME
_NUMBERED = re.compile(r"[0-9a-f]{2}")
_NAMED = re.compile(r".*-([0-9a-f]{64}|[0-9a-f]{32})\.mid", re.DOTALL)
_TEMPORARY = ".tmp"


class Look(NamedTuple):
    """What is at a place.

    Attributes:
        state: a regular ``file``, ``missing``, ``not_a_file`` (a link, a folder, or one of them in the place
            of a folder above) or ``unreadable``.
        size: bytes of a file.
        digest: their BLAKE3.
        why: a sentence where it is no file.
    """

    state: Literal["file", "missing", "not_a_file", "unreadable"]
    size: int = 0
    digest: bytes = b""
    why: str = ""


class Entry(NamedTuple):
    """Something below ``tracks`` that is no folder.

    Attributes:
        path: relative to the store's root, with ``/`` between its parts.
        kind: ``file``; ``temporary``, what an interrupted write left; ``other``, a link, say; ``folder``, one
            that cannot be read.
        number: the hex digits that its name ends with, where it is named and placed as a track's file is.
    """

    path: str
    kind: Literal["file", "temporary", "other", "folder"]
    number: str = ""


class Survey:
    """Looks at what is below ``root/tracks``.

    Args:
        root: the folder of the result.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._sound: set[str] = set()

    def look(self, path: str) -> Look:
        """What is at the path of a track; a file is read whole, in pieces."""
        if not _is_place(path):
            return Look("not_a_file", why="The catalogue names a place for it that no track can have.")
        try:
            blocked = self._blocked(path)
            if blocked is not None:
                return Look("not_a_file", why=f"{blocked} is in the way: it must be a folder, and no link.")
            return look_at(self._absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return Look("missing", why="It is not there.")
        except OSError as error:
            return Look("unreadable", why=f"It cannot be read: {error.strerror or error}.")

    def entries(self, wanted: Callable[[int], bool] = lambda _first: True) -> Iterator[list[Entry]]:
        """Everything below ``tracks`` but folders, folder by folder; memory holds one folder's names.

        Args:
            wanted: of the folders that are named after the first byte of a digest, which to enter.
        """
        waiting = [ROOT]
        while waiting:
            here = waiting.pop()
            depth = here.count("/") + 2  # of what is in it
            found: list[Entry] = []
            folders: list[str] = []
            try:
                if not stat.S_ISDIR(os.lstat(self._absolute(here)).st_mode):
                    yield [Entry(here, "other")]
                    continue
                with os.scandir(self._absolute(here)) as scan:
                    for entry in scan:
                        path = f"{here}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            number = _NUMBERED.fullmatch(entry.name) if depth == _DEPTH - 1 else None
                            if number is None or wanted(int(entry.name, 16)):
                                folders.append(path)
                        else:
                            found.append(_entry(path, depth, regular=entry.is_file(follow_symlinks=False)))
            except FileNotFoundError:
                continue
            except OSError:
                yield [Entry(here, "folder")]
                continue
            waiting.extend(sorted(folders, reverse=True))
            found.sort()
            yield found

    def discard(self, path: str) -> None:
        """Remove a file or a link below ``tracks``, itself and never what it leads to.

        Raises:
            StoreError: it cannot be removed.
        """
        self._require_inside(path)
        try:
            if self._blocked(path) is None:
                os.unlink(self._absolute(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{path} cannot be removed: {error.strerror or error}.") from error

    def clear(self, path: str) -> None:
        """Take away what keeps a track's file from being written: a folder at its place, with what is in it,
        a file that cannot be read, or a link or a file where a folder should be.

        Raises:
            StoreError: it cannot be taken away.
        """
        self._require_inside(path)
        try:
            while (blocked := self._blocked(path)) is not None:
                os.unlink(self._absolute(blocked))
            place = self._absolute(path)
            if stat.S_ISDIR(os.lstat(place).st_mode):
                shutil.rmtree(place)
            else:
                os.unlink(place)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{path} cannot be cleared: {error.strerror or error}.") from error

    def _blocked(self, path: str) -> str | None:
        """The topmost folder of a path that is none; raises FileNotFoundError where one is missing."""
        folder = path.rpartition("/")[0]
        if folder in self._sound:
            return None
        parts = folder.split("/")
        for count in range(1, len(parts) + 1):
            here = "/".join(parts[:count])
            if not stat.S_ISDIR(os.lstat(self._absolute(here)).st_mode):
                self._sound.clear()
                return here
        if len(self._sound) > 1 << 14:
            self._sound.clear()
        self._sound.add(folder)
        return None

    def _require_inside(self, path: str) -> None:
        parts = path.split("/")
        if parts[0] != ROOT or any(part in ("", ".", "..") or os.sep in part for part in parts):
            raise StoreError(f"{path} is not below {ROOT}.")

    def _absolute(self, path: str) -> str:
        return os.path.join(self._root, *path.split("/"))


def _is_place(path: str) -> bool:
    parts = path.split("/")
    return (
        len(parts) == _DEPTH
        and "\0" not in path
        and not any(part in ("", ".", "..") or os.sep in part for part in parts)
    )


def _entry(path: str, depth: int, *, regular: bool) -> Entry:
    if path.endswith(_TEMPORARY):
        return Entry(path, "temporary")
    named = _NAMED.fullmatch(path) if depth == _DEPTH else None
    return Entry(path, "file" if regular else "other", named[1] if named else "")


def look_at(place: str) -> Look:
    """Size and digest of a regular file; what else there is, if it is none.

    Raises:
        OSError: nothing is there, or it cannot be read.
    """
    status = os.lstat(place)
    if not stat.S_ISREG(status.st_mode):
        kind = (
            "link" if stat.S_ISLNK(status.st_mode) else "folder" if stat.S_ISDIR(status.st_mode) else "thing"
        )
        return Look("not_a_file", why=f"A {kind} is in its place.")
    descriptor = os.open(place, _READ)
    try:
        data = os.read(descriptor, _CHUNK)
        if len(data) < _CHUNK:
            # A short read of a regular file is its end, but for a file system that is not local.
            more = os.read(descriptor, _CHUNK)
            if not more:
                return Look("file", len(data), blake3(data).digest())
            data += more
        size, hasher = len(data), blake3(data)
        while chunk := os.read(descriptor, _CHUNK):
            size += len(chunk)
            hasher.update(chunk)
        return Look("file", size, hasher.digest())
    finally:
        os.close(descriptor)
