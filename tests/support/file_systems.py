"""Stand-ins for file systems that the machine does not have, to be passed as a parameter."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

from midiprism.fs.file_system import FolderEntry, LocalFileSystem


class RespellingFileSystem(LocalFileSystem):
    """Finds names in any spelling, and lists them in one of its own, as NTFS, HFS+ or FAT may.

    The files themselves are on a local disk, under the names with which they were created.

    Args:
        root: the folder below which names are spelled so.
        spell: returns the spelling that is listed.
        numbers_by_path: whether a file has another number under each spelling, as with some file systems in
            user space.
    """

    def __init__(
        self, root: str | os.PathLike[str], spell: Callable[[str], str], *, numbers_by_path: bool = False
    ) -> None:
        self._root = os.path.realpath(root)
        self._spell = spell
        self._numbers_by_path = numbers_by_path

    def list_folder(self, path: str) -> list[FolderEntry]:
        real = self._find(path)
        entries = super().list_folder(real)
        if not self._is_inside(real):
            return entries
        return [entry._replace(name=self._spell(entry.name)) for entry in entries]

    def lstat(self, path: str) -> os.stat_result:
        status = super().lstat(self._find(path))
        if not self._numbers_by_path:
            return status
        values = list(status)
        values[1] = hash(os.path.basename(path)) & 0xFFFFFFFF
        return os.stat_result(values)

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        return super().open(self._find(path), flags, mode)

    def unlink(self, path: str) -> None:
        super().unlink(self._find(path))

    def link(self, path: str, new_path: str) -> None:
        super().link(self._find(path), self._find(new_path))

    def mkdir(self, path: str) -> None:
        super().mkdir(self._find(path))

    def remove_tree(self, path: str) -> None:
        super().remove_tree(self._find(path))

    def _is_inside(self, path: str) -> bool:
        return (path + os.sep).startswith(self._root + os.sep)

    def _find(self, path: str) -> str:
        """Return the path under which a file was created; the same path if there is none."""
        found = os.path.realpath(os.path.dirname(path)) if not self._is_inside(path) else self._root
        for part in os.path.relpath(os.path.abspath(path), found).split(os.sep):
            names = os.listdir(found) if os.path.isdir(found) else []
            matches = [name for name in names if _same(name, part)]
            found = os.path.join(found, part if part in names or not matches else matches[0])
        return found


def _same(name: str, other: str) -> bool:
    first, second = (normalize("NFC", it).upper() for it in (name, other))
    return first == second


def lower_case(name: str) -> str:
    """Return a name as NTFS lists it in its mode without case."""
    return name.lower()


def upper_case(name: str) -> str:
    """Return a name as FAT lists short names."""
    return name.upper()


def decomposed(name: str) -> str:
    """Return a name as HFS+ lists it."""
    return normalize("NFD", name)


class ExFatLikeFileSystem(RespellingFileSystem):
    """Keeps the spelling of names but not their case apart; has neither hard links nor permission bits."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        super().__init__(root, lambda name: name)

    def link(self, path: str, new_path: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), new_path)

    def lstat(self, path: str) -> os.stat_result:
        mode, *others = super().lstat(path)
        return os.stat_result((int(mode) | 0o777, *others))


class LimitedFileSystem(LocalFileSystem):
    """Lacks what it is told to lack.

    Args:
        longest_name: most bytes of a name.
        only_ascii: whether it refuses names with other characters.
        without_locks: whether locks keep nobody away.
        without_shared_memory: whether it maps no files.
    """

    def __init__(
        self,
        *,
        longest_name: int = 255,
        only_ascii: bool = False,
        without_locks: bool = False,
        without_shared_memory: bool = False,
    ) -> None:
        self._longest_name = longest_name
        self._only_ascii = only_ascii
        self._without_locks = without_locks
        self._without_shared_memory = without_shared_memory

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        name = Path(path).name
        if flags & os.O_CREAT and len(os.fsencode(name)) > self._longest_name:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
        if flags & os.O_CREAT and self._only_ascii and not name.isascii():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        return super().open(path, flags, mode)

    def try_lock(self, descriptor: int) -> bool:
        return True if self._without_locks else super().try_lock(descriptor)

    def map_shared(self, descriptor: int, data: bytes) -> None:
        if self._without_shared_memory:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        super().map_shared(descriptor, data)
