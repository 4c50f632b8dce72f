"""Tries what a file system can do, in a folder of its own that is removed again."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal
from unicodedata import normalize

from midiprism.fs.exclusive_create import write_all
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.fs.open_flags import CREATE_FLAGS, READ_FLAGS
from midiprism.fs.path_text import native_path, text_of_native

PROBE_PREFIX = ".midiprism-probe-"
"""Names of the folders in which file systems are tried begin with it."""

Spelling = Literal["sensitive", "preserved", "changed"]
"""``sensitive``: two spellings are two names; ``preserved``: they are one name, which is listed as it was
created; ``changed``: names are listed in another spelling than they were created with."""

_NAME_LENGTHS = (255, 200, 149, 143, 100, 60, 30, 8)
_UNICODE_NAMES = ("中", "文Ж♭", "\U0001d11e")  # those of tracks have any character of Unicode 3.2
_PAGE = bytes(range(256)) * 16
_REFUSALS = frozenset(
    {errno.EPERM, errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG, errno.EEXIST, errno.EMLINK, errno.EXDEV}
    | {
        getattr(errno, "ENOTSUP", errno.EOPNOTSUPP),
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.ENODEV,
        errno.ENOLCK,
    }
)
"""Errors that say what a file system cannot do. All others, such as a full disk, say nothing about that."""


@dataclass(frozen=True, slots=True)
class FileSystemTraits:
    """Traits of a file system.

    Attributes:
        case: what it does with the case of names.
        normalization: what it does with composed and decomposed characters.
        all_names: whether a name of any characters is kept, apart from other names.
        longest_name: most bytes of a name, as far as they were tried.
        hard_links: whether a file can have two names.
        read_only_bits: whether a file can be made read-only.
        shared_memory: whether a file can be mapped into shared memory.
        locks: whether a lock keeps others away.
    """

    case: Spelling
    normalization: Spelling
    all_names: bool
    longest_name: int
    hard_links: bool
    read_only_bits: bool
    shared_memory: bool
    locks: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the traits in terms of JSON."""
        return asdict(self)


def probe_file_system(folder: str, file_system: FileSystem = LOCAL_FILE_SYSTEM) -> FileSystemTraits:
    """Return what the file system of a folder can do.

    Args:
        folder: exists, and can be written.

    Raises:
        OSError: the folder cannot be written.
    """
    place = os.path.join(folder, PROBE_PREFIX + secrets.token_hex(8))
    file_system.mkdir(place)
    try:
        return _Probe(place, file_system).run()
    finally:
        with contextlib.suppress(OSError):
            file_system.remove_tree(place)


def remove_probe_folders(folder: str, file_system: FileSystem = LOCAL_FILE_SYSTEM) -> None:
    """Remove what probes left that were cut off; no other process may be trying the folder.

    Raises:
        OSError: it cannot be removed.
    """
    for entry in file_system.list_folder(folder):
        if entry.is_folder and entry.name.startswith(PROBE_PREFIX):
            file_system.remove_tree(os.path.join(folder, entry.name))


class _Probe:
    """Tries one file system in an empty folder."""

    def __init__(self, place: str, file_system: FileSystem) -> None:
        self._place = place
        self._file_system = file_system

    def run(self) -> FileSystemTraits:
        return FileSystemTraits(
            case=self._spelling("Case-Aa", "case-aa"),
            normalization=self._spelling("n\u00e9", normalize("NFD", "n\u00e9")),
            all_names=self._keeps_all_names(),
            longest_name=self._longest_name(),
            hard_links=self._links(),
            read_only_bits=self._keeps_read_only_bits(),
            shared_memory=self._shares_memory(),
            locks=self._locks(),
        )

    def _spelling(self, name: str, other: str) -> Spelling:
        if not self._create(name):
            return "changed"
        if name not in self._names():
            return "changed"
        return "preserved" if self._exists(other) else "sensitive"

    def _keeps_all_names(self) -> bool:
        return all(self._create(name) and self._exists(name) for name in _UNICODE_NAMES)

    def _longest_name(self) -> int:
        return next((length for length in _NAME_LENGTHS if self._create("n" * length)), 0)

    def _links(self) -> bool:
        self._create("linked")
        with _refusal(errno.EACCES) as refused:
            self._file_system.link(self._path("linked"), self._path("link"))
        return not refused

    def _keeps_read_only_bits(self) -> bool:
        self._create("read-only", 0o444)
        return not self._file_system.lstat(self._path("read-only")).st_mode & 0o222

    def _shares_memory(self) -> bool:
        self._create("mapped", data=bytes(len(_PAGE)))
        with self._opened("mapped", os.O_RDWR) as writing, self._opened("mapped", READ_FLAGS) as reading:
            with _refusal(errno.EACCES) as refused:
                self._file_system.map_shared(writing, _PAGE)
            return not refused and os.read(reading, len(_PAGE)) == _PAGE

    def _locks(self) -> bool:
        self._create("locked")
        with self._opened("locked", os.O_RDWR) as first, self._opened("locked", os.O_RDWR) as second:
            with _refusal() as refused:
                kept = self._file_system.try_lock(first) and not self._file_system.try_lock(second)
            return not refused and kept

    def _create(self, name: str, mode: int = 0o644, data: bytes = b"") -> bool:
        """Create a file, and return whether the file system accepts its name."""
        with _refusal() as refused:
            descriptor = self._file_system.open(self._path(name), CREATE_FLAGS, mode)
            try:
                write_all(descriptor, data)
            finally:
                os.close(descriptor)
        return not refused

    @contextlib.contextmanager
    def _opened(self, name: str, flags: int) -> Iterator[int]:
        descriptor = self._file_system.open(self._path(name), flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _exists(self, name: str) -> bool:
        try:
            self._file_system.lstat(self._path(name))
        except FileNotFoundError:
            return False
        return True

    def _names(self) -> set[str]:
        return {text_of_native(entry.name) for entry in self._file_system.list_folder(self._place)}

    def _path(self, name: str) -> str:
        return os.path.join(self._place, native_path(name))


@contextlib.contextmanager
def _refusal(*other_errors: int) -> Iterator[list[Exception]]:
    """Give a list that holds the error with which the file system refused what the block tried.

    Args:
        other_errors: numbers of further errors that are refusals here.

    Raises:
        OSError: it was no refusal: the disk is full, or fails.
    """
    refused: list[Exception] = []
    try:
        yield refused
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in (*_REFUSALS, *other_errors):
            raise
        refused.append(error)
