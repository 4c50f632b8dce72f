"""The files of removed tracks, which wait in a folder of the result until they are put back or deleted."""

import contextlib
import os
import shutil
import stat
from collections.abc import Collection

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import fsync_folder, make_folder
from midiprism.fs.path_text import native_path

REMOVED_FOLDER = ".midiprism-removed"
"""Folder of a result. Inside it, files have the paths that they had in the result."""


class RemovedFiles:
    """Moves files of a result to the folder of removed files and back.

    Paths are relative to the result, with ``/`` between their parts.

    Args:
        out: the folder of the result.
    """

    def __init__(self, out: str) -> None:
        self._out = out
        self.folder = os.path.join(out, REMOVED_FOLDER)
        self._changed_folders: set[str] = set()

    def take(self, path: str) -> bool:
        """Move a file out of the store; return False if it is not there.

        Raises:
            StoreError: it cannot be moved.
        """
        return self._move(self._in(self._out, path), self._in(self.folder, path))

    def put_back(self, path: str) -> bool:
        """Move a file back into the store; return False if it is not in the folder.

        Raises:
            StoreError: it cannot be moved.
        """
        return self._move(self._in(self.folder, path), self._in(self._out, path))

    def flush(self) -> None:
        """Return when all moves would survive a power cut.

        Raises:
            StoreError: they would not.
        """
        folders, self._changed_folders = self._changed_folders, set()
        for folder in sorted(folders):
            try:
                fsync_folder(folder)
            except OSError as error:
                raise self._error(error) from error

    def delete_all(self) -> None:
        """Delete the folder with all files in it; of a link only itself.

        Raises:
            StoreError: it cannot be deleted.
        """
        try:
            if stat.S_ISDIR(os.lstat(self.folder).st_mode):
                shutil.rmtree(self.folder)
            else:
                os.unlink(self.folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._error(error) from error

    def delete_others(self, kept: Collection[str]) -> None:
        """Delete the files in the folder whose paths are not in ``kept``, and folders that are empty then.

        Raises:
            StoreError: one of them cannot be deleted.
        """
        kept_files = {self._in(self.folder, path) for path in kept}
        try:
            for folder, _, names in os.walk(self.folder, topdown=False):
                for path in {os.path.join(folder, name) for name in names} - kept_files:
                    os.unlink(path)
                self._remove_empty_folders(folder)
        except OSError as error:
            raise self._error(error) from error

    def copy_to(self, out: str) -> None:
        """Copy the folder to another result; an undo checks each file before it puts it back.

        Raises:
            StoreError: it cannot be copied.
        """
        if not os.path.isdir(self.folder) or os.path.islink(self.folder):
            return
        try:
            shutil.copytree(self.folder, os.path.join(out, REMOVED_FOLDER), symlinks=True, dirs_exist_ok=True)
        except OSError as error:
            raise StoreError(f"{out} cannot be written: {error}.") from error

    def _move(self, source: str, target: str) -> bool:
        try:
            if not stat.S_ISREG(os.lstat(source).st_mode):
                return False
            make_folder(self.folder)
            self._make_folders(os.path.dirname(target))
            os.replace(source, target)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._error(error) from error
        self._changed_folders |= {os.path.dirname(source), os.path.dirname(target)}
        if source.startswith(os.path.join(self.folder, "")):
            self._changed_folders.discard(os.path.dirname(source))
            self._remove_empty_folders(os.path.dirname(source))
        return True

    def _make_folders(self, folder: str) -> None:
        """Make a folder and those above it; their names are flushed with the next moves."""
        made, parent = [], folder
        while not os.path.isdir(parent):
            made.append(parent)
            parent = os.path.dirname(parent)
        os.makedirs(folder, exist_ok=True)
        self._changed_folders.update(map(os.path.dirname, made))

    def _remove_empty_folders(self, folder: str) -> None:
        with contextlib.suppress(OSError):  # it is not empty
            while folder.startswith(self.folder):
                os.rmdir(folder)
                folder = os.path.dirname(folder)

    def _in(self, root: str, path: str) -> str:
        return os.path.join(root, *map(native_path, path.split("/")))

    def _error(self, error: OSError) -> StoreError:
        return StoreError(f"{self._out} cannot be written: {error.strerror or error}.")
