"""Scans a store's folder, checks single files in it, and removes them.

It trusts no path that it is given, and never follows a link out of the store.
"""

import os
import re
import stat
from collections.abc import Iterator

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.fs.open_flags import READ_FLAGS
from midiprism.fs.path_text import native_path, text_of_native
from midiprism.fs.spelling import is_same_file
from midiprism.stores.files.layout import TRACKS_FOLDER
from midiprism.stores.types import FileStatus, PrefixFilter, ScannedEntry, any_prefix

_CHUNK_BYTES = 1 << 20
_TRACK_PATH_DEPTH = 4  # tracks/FAMILY/xx/NAME
# In any case, since a file system may list names in another spelling than they were created with.
_DIGEST_FOLDER_NAME = re.compile(r"[0-9a-f]{2}", re.IGNORECASE)
_TRACK_FILE_NAME = re.compile(r".*-([0-9a-f]{64}|[0-9a-f]{32})\.mid", re.DOTALL | re.IGNORECASE | re.ASCII)
_MAX_CHECKED_FOLDERS = 1 << 14


class TrackScanner:
    """Scans the files below ``root/tracks``.

    Args:
        root: the folder of the result.
        file_system: that holds it.
    """

    def __init__(self, root: str | os.PathLike[str], file_system: FileSystem = LOCAL_FILE_SYSTEM) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._file_system = file_system
        self._checked_folders: set[str] = set()

    def status_of(self, path: str) -> FileStatus:
        """Return what is at the path of a track; a file is read whole, in chunks."""
        if not _is_track_path(path):
            return FileStatus("not_a_file", reason="The catalog states a path that no track can have.")
        try:
            obstacle = self._find_obstacle(path)
            if obstacle is not None:
                return FileStatus(
                    "not_a_file", reason=f"{obstacle} is in the way: it must be a folder, and no link."
                )
            return file_status(self._absolute(path), self._file_system)
        except OSError as error:
            return failed_status(error)

    def entry_status(self, path: str) -> FileStatus:
        """Return what is at the path of an entry of ``scan``; a file is read whole, in chunks."""
        try:
            self._require_inside(path)
            return file_status(self._absolute(path), self._file_system)
        except StoreError as error:
            return FileStatus("not_a_file", reason=str(error))
        except OSError as error:
            return failed_status(error)

    def is_same_file(self, listed_path: str, path: str) -> bool:
        """Return whether an entry of ``scan`` is the file that ``path`` leads to."""
        if not is_below_tracks(path):
            return False
        return is_same_file(self._file_system, self._root, listed_path, path)

    def scan(self, wants_prefix: PrefixFilter = any_prefix) -> Iterator[list[ScannedEntry]]:
        """Return everything below ``tracks`` except folders, folder by folder.

        Memory holds the names of one folder at a time.

        Args:
            wants_prefix: which of the folders to enter that are named after the first byte of a digest.
        """
        pending = [TRACKS_FOLDER]
        while pending:
            folder = pending.pop()
            depth = folder.count("/") + 2  # of what is in it
            entries: list[ScannedEntry] = []
            subfolders: list[str] = []
            try:
                if not stat.S_ISDIR(self._file_system.lstat(self._absolute(folder)).st_mode):
                    yield [ScannedEntry(folder, "other")]
                    continue
                for name, is_folder, is_file in self._file_system.list_folder(self._absolute(folder)):
                    path = f"{folder}/{text_of_native(name)}"
                    if not is_folder:
                        entries.append(_classify_entry(path, depth, is_file=is_file))
                    elif (
                        depth != _TRACK_PATH_DEPTH - 1
                        or not _DIGEST_FOLDER_NAME.fullmatch(name)
                        or wants_prefix(int(name, 16))
                    ):
                        subfolders.append(path)
            except FileNotFoundError:
                continue
            except OSError:
                yield [ScannedEntry(folder, "folder")]
                continue
            pending.extend(sorted(subfolders, reverse=True))
            entries.sort()
            yield entries

    def remove_file(self, path: str) -> None:
        """Remove a file or a link below ``tracks``; of a link only itself.

        Raises:
            StoreError: it cannot be removed.
        """
        self._require_inside(path)
        try:
            if self._find_obstacle(path) is None:
                self._file_system.unlink(self._absolute(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{path} cannot be removed: {error.strerror or error}.") from error

    def remove_obstacles(self, path: str) -> None:
        """Remove everything that keeps a track's file from being written.

        That is a folder in its place, with all its content; a file that cannot be read; or a link or a file
        in the place of a folder.

        Raises:
            StoreError: it cannot be removed.
        """
        self._require_inside(path)
        try:
            while (obstacle := self._find_obstacle(path)) is not None:
                self._file_system.unlink(self._absolute(obstacle))
            absolute = self._absolute(path)
            if stat.S_ISDIR(self._file_system.lstat(absolute).st_mode):
                self._file_system.remove_tree(absolute)
            else:
                self._file_system.unlink(absolute)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{path} cannot be cleared: {error.strerror or error}.") from error

    def _find_obstacle(self, path: str) -> str | None:
        """Return the topmost of a path's folders that is not a folder; None if all are.

        Raises:
            FileNotFoundError: one of them is missing.
        """
        folder = path.rpartition("/")[0]
        if folder in self._checked_folders:
            return None
        parts = folder.split("/")
        for count in range(1, len(parts) + 1):
            ancestor = "/".join(parts[:count])
            if not stat.S_ISDIR(self._file_system.lstat(self._absolute(ancestor)).st_mode):
                self._checked_folders.clear()
                return ancestor
        if len(self._checked_folders) > _MAX_CHECKED_FOLDERS:
            self._checked_folders.clear()
        self._checked_folders.add(folder)
        return None

    def _require_inside(self, path: str) -> None:
        if not is_below_tracks(path):
            raise StoreError(f"{path} is not below {TRACKS_FOLDER}.")

    def _absolute(self, path: str) -> str:
        return os.path.join(self._root, *native_path(path).split("/"))


def is_below_tracks(path: str) -> bool:
    """Return whether a path leads to something below ``tracks`` and cannot lead out of it."""
    parts = path.split("/")
    return parts[0] == TRACKS_FOLDER and _are_plain_names(parts)


def _is_track_path(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == _TRACK_PATH_DEPTH and "\0" not in path and _are_plain_names(parts)


def _are_plain_names(parts: list[str]) -> bool:
    return not any(part in ("", ".", "..") or os.sep in part for part in parts)


def _classify_entry(path: str, depth: int, *, is_file: bool) -> ScannedEntry:
    if path.endswith(TEMPORARY_SUFFIX):
        return ScannedEntry(path, "temporary")
    name = _TRACK_FILE_NAME.fullmatch(path) if depth == _TRACK_PATH_DEPTH else None
    return ScannedEntry(path, "file" if is_file else "other", name[1].lower() if name else "")


def failed_status(error: OSError) -> FileStatus:
    """Return the status of a file whose size and digest could not be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileStatus("missing", reason="It is not there.")
    return FileStatus("unreadable", reason=f"It cannot be read: {error.strerror or error}.")


def file_status(path: str, file_system: FileSystem = LOCAL_FILE_SYSTEM) -> FileStatus:
    """Return the size and digest of a regular file, or what there is instead.

    Raises:
        OSError: nothing is there, or it cannot be read.
    """
    mode = file_system.lstat(path).st_mode
    if not stat.S_ISREG(mode):
        kind = "link" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "special file"
        return FileStatus("not_a_file", reason=f"A {kind} is in its place.")
    descriptor = file_system.open(path, READ_FLAGS)
    try:
        data = os.read(descriptor, _CHUNK_BYTES)
        if len(data) < _CHUNK_BYTES:
            # A short read of a regular file is its end, except on a file system that is not local.
            more = os.read(descriptor, _CHUNK_BYTES)
            if not more:
                return FileStatus("present", len(data), blake3(data).digest())
            data += more
        size, hasher = len(data), blake3(data)
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            size += len(chunk)
            hasher.update(chunk)
        return FileStatus("present", size, hasher.digest())
    finally:
        os.close(descriptor)
