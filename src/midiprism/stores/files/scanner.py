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
from midiprism.stores.files.layout import TRACKS_FOLDER

_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_CHUNK_BYTES = 1 << 20
_TRACK_PATH_DEPTH = 4  # tracks/FAMILY/xx/NAME
_DIGEST_FOLDER_NAME = re.compile(r"[0-9a-f]{2}")
_TRACK_FILE_NAME = re.compile(r".*-([0-9a-f]{64}|[0-9a-f]{32})\.mid", re.DOTALL)
_TEMPORARY_SUFFIX = ".tmp"


class FileStatus(NamedTuple):
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
    reason: str = ""


class ScannedEntry(NamedTuple):
    """Something below ``tracks`` that is no folder.

    Attributes:
        path: relative to the store's root, with ``/`` between its parts.
        kind: ``file``; ``temporary``, what an interrupted write left; ``other``, a link, say; ``folder``, one
            that cannot be read.
        number: the hex digits that its name ends with, where it is named and placed as a track's file is.
    """

    path: str
    kind: Literal["file", "temporary", "other", "folder"]
    digest_prefix: str = ""


class TrackScanner:
    """Looks at what is below ``root/tracks``.

    Args:
        root: the folder of the result.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._checked_folders: set[str] = set()

    def status_of(self, path: str) -> FileStatus:
        """What is at the path of a track; a file is read whole, in pieces."""
        if not _is_track_path(path):
            return FileStatus(
                "not_a_file", reason="The catalogue names a place for it that no track can have."
            )
        try:
            blocked = self._find_obstacle(path)
            if blocked is not None:
                return FileStatus(
                    "not_a_file", reason=f"{blocked} is in the way: it must be a folder, and no link."
                )
            return file_status(self._absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return FileStatus("missing", reason="It is not there.")
        except OSError as error:
            return FileStatus("unreadable", reason=f"It cannot be read: {error.strerror or error}.")

    def scan(
        self, enters_folder: Callable[[int], bool] = lambda _first: True
    ) -> Iterator[list[ScannedEntry]]:
        """Everything below ``tracks`` but folders, folder by folder; memory holds one folder's names.

        Args:
            wanted: of the folders that are named after the first byte of a digest, which to enter.
        """
        waiting = [TRACKS_FOLDER]
        while waiting:
            here = waiting.pop()
            depth = here.count("/") + 2  # of what is in it
            found: list[ScannedEntry] = []
            folders: list[str] = []
            try:
                if not stat.S_ISDIR(os.lstat(self._absolute(here)).st_mode):
                    yield [ScannedEntry(here, "other")]
                    continue
                with os.scandir(self._absolute(here)) as scan:
                    for entry in scan:
                        path = f"{here}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            number = (
                                _DIGEST_FOLDER_NAME.fullmatch(entry.name)
                                if depth == _TRACK_PATH_DEPTH - 1
                                else None
                            )
                            if number is None or enters_folder(int(entry.name, 16)):
                                folders.append(path)
                        else:
                            found.append(
                                _classify_entry(path, depth, regular=entry.is_file(follow_symlinks=False))
                            )
            except FileNotFoundError:
                continue
            except OSError:
                yield [ScannedEntry(here, "folder")]
                continue
            waiting.extend(sorted(folders, reverse=True))
            found.sort()
            yield found

    def remove_file(self, path: str) -> None:
        """Remove a file or a link below ``tracks``, itself and never what it leads to.

        Raises:
            StoreError: it cannot be removed.
        """
        self._require_inside(path)
        try:
            if self._find_obstacle(path) is None:
                os.unlink(self._absolute(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{path} cannot be removed: {error.strerror or error}.") from error

    def remove_obstacles(self, path: str) -> None:
        """Take away what keeps a track's file from being written: a folder at its place, with what is in it,
        a file that cannot be read, or a link or a file where a folder should be.

        Raises:
            StoreError: it cannot be taken away.
        """
        self._require_inside(path)
        try:
            while (blocked := self._find_obstacle(path)) is not None:
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

    def _find_obstacle(self, path: str) -> str | None:
        """The topmost folder of a path that is none; raises FileNotFoundError where one is missing."""
        folder = path.rpartition("/")[0]
        if folder in self._checked_folders:
            return None
        parts = folder.split("/")
        for count in range(1, len(parts) + 1):
            here = "/".join(parts[:count])
            if not stat.S_ISDIR(os.lstat(self._absolute(here)).st_mode):
                self._checked_folders.clear()
                return here
        if len(self._checked_folders) > 1 << 14:
            self._checked_folders.clear()
        self._checked_folders.add(folder)
        return None

    def _require_inside(self, path: str) -> None:
        parts = path.split("/")
        if parts[0] != TRACKS_FOLDER or any(part in ("", ".", "..") or os.sep in part for part in parts):
            raise StoreError(f"{path} is not below {TRACKS_FOLDER}.")

    def _absolute(self, path: str) -> str:
        return os.path.join(self._root, *path.split("/"))


def _is_track_path(path: str) -> bool:
    parts = path.split("/")
    return (
        len(parts) == _TRACK_PATH_DEPTH
        and "\0" not in path
        and not any(part in ("", ".", "..") or os.sep in part for part in parts)
    )


def _classify_entry(path: str, depth: int, *, regular: bool) -> ScannedEntry:
    if path.endswith(_TEMPORARY_SUFFIX):
        return ScannedEntry(path, "temporary")
    named = _TRACK_FILE_NAME.fullmatch(path) if depth == _TRACK_PATH_DEPTH else None
    return ScannedEntry(path, "file" if regular else "other", named[1] if named else "")


def file_status(path: str) -> FileStatus:
    """Size and digest of a regular file; what else there is, if it is none.

    Raises:
        OSError: nothing is there, or it cannot be read.
    """
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        kind = (
            "link" if stat.S_ISLNK(status.st_mode) else "folder" if stat.S_ISDIR(status.st_mode) else "thing"
        )
        return FileStatus("not_a_file", reason=f"A {kind} is in its place.")
    descriptor = os.open(path, _READ_FLAGS)
    try:
        data = os.read(descriptor, _CHUNK_BYTES)
        if len(data) < _CHUNK_BYTES:
            # A short read of a regular file is its end, but for a file system that is not local.
            more = os.read(descriptor, _CHUNK_BYTES)
            if not more:
                return FileStatus("file", len(data), blake3(data).digest())
            data += more
        size, hasher = len(data), blake3(data)
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            size += len(chunk)
            hasher.update(chunk)
        return FileStatus("file", size, hasher.digest())
    finally:
        os.close(descriptor)
