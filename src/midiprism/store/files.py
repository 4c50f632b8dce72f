"""One read-only ``.mid`` file per content, in a folder of its instrument family."""

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.store.durable import FLUSHED_WHEN_WRITTEN, Flusher
from midiprism.store.interface import Stored, stored_of
from midiprism.store.layout import FULL_DIGITS, ROOT, SHORT_DIGITS, SUFFIX, track_path, track_stem

_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC
_READ = os.O_RDONLY | _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0)
_READ_ONLY = 0o444
_TEMPORARY = ".tmp"
_BLOCK = 4096
_REMEMBERED = 32_768

# Another worker may be in the middle of writing the same content; one that last wrote longer ago has died.
_REREADS = 5
_PAUSE_SECONDS = 0.004
_WRITING_SECONDS = 2.0


class FileStore:
    """Splits as files below ``root/tracks``.

    Any number of workers may put the same content at once: creating a file exclusively decides who writes it.
    Links are not followed, neither at a file's place nor at a folder's.

    Args:
        root: the folder of the result, which exists.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._folders: set[str] = set()
        self._flusher = Flusher(self._root)
        self._recent: dict[bytes, Stored] = {}

    def __reduce__(self) -> tuple[type["FileStore"], tuple[str]]:
        return type(self), (self._root,)

    @property
    def block_size(self) -> int:
        try:
            return os.statvfs(self._root).f_frsize or 1
        except (AttributeError, OSError):  # Windows, or a root that is gone, which the next put will tell
            return _BLOCK

    @property
    def flushes_all(self) -> bool:
        return not self._flusher.remembers

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> Stored:
        recent = self._recent.get(digest)
        if recent is not None:
            return recent
        stem = track_stem(name, instrument)
        try:
            for digits in (SHORT_DIGITS, FULL_DIGITS):
                path = track_path(family, stem, digest, digits)
                new = self._put_at(path, data, digits)
                if new is not None:
                    if len(self._recent) >= _REMEMBERED:
                        self._recent.clear()
                    self._recent[digest] = stored_of((path, stem, digits, False))
                    return stored_of((path, stem, digits, new))
        except OSError as error:
            raise unwritable(self._root, error) from error
        raise StoreError(f"{path} holds another content of the same digest.")

    def get(self, path: str) -> bytes:
        try:
            data = _read(self._absolute(path))
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
        if data is None:
            raise StoreError(f"{path} is not a regular file.")
        return data

    def exists(self, path: str) -> bool:
        try:
            return stat.S_ISREG(os.lstat(self._absolute(path)).st_mode)
        except OSError:
            return False

    def holds(self, path: str, digest: bytes) -> bool:
        """Whether a content is at its path, whole; the next flush makes it durable then.

        Raises:
            StoreError: it cannot be told.
        """
        try:
            data = _read(self._absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
        whole = data is not None and blake3(data).digest() == digest
        if whole and self._flusher.remembers:
            self._flusher.note(self._absolute(path))
        return whole

    def put_at(self, path: str, data: bytes, cloned: Callable[[int], bool] | None = None) -> None:
        """Put a content at the path that it has in another store, in the place of whatever is there.

        Args:
            cloned: fills a new file, given its descriptor, without writing it; whether it could.

        Raises:
            StoreError: it cannot be written.
        """
        place = self._absolute(path)
        try:
            self._make_folder(os.path.dirname(place))
            try:
                _create(place, data, durable=FLUSHED_WHEN_WRITTEN, cloned=cloned)
            except FileExistsError:
                self._replace(place, data)
        except OSError as error:
            raise unwritable(self._root, error) from error
        if self._flusher.remembers:
            self._flusher.note(place)

    def path_of(self, family: str, stem: str, digest: bytes, digits: int) -> str:
        return track_path(family, stem, digest, digits)

    def remove(self, path: str) -> None:
        try:
            os.unlink(self._absolute(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise unwritable(self._root, error) from error

    def flush(self) -> None:
        try:
            self._flusher.flush()
        except OSError as error:
            raise unwritable(self._root, error) from error

    def walk(self) -> Iterator[str]:
        return (path for path in self._files() if path.endswith(SUFFIX))

    def sweep(self) -> int:
        swept = 0
        for path in self._files():
            if path.endswith(_TEMPORARY):
                os.unlink(self._absolute(path))
                swept += 1
        return swept

    def _put_at(self, path: str, data: bytes, digits: int) -> bool | None:
        """True if written, False if it was there, None if another content, whole, has this name."""
        place = self._root + os.sep + (path if os.sep == "/" else path.replace("/", os.sep))
        folder = place[: place.rindex(os.sep)]
        if folder not in self._folders:
            self._make_folder(folder)
        try:
            _create(place, data, durable=FLUSHED_WHEN_WRITTEN)
        except FileExistsError:
            new = self._meet(place, data, digits)
        else:
            new = True
        if self._flusher.remembers:
            self._flusher.note(place)
        return new

    def _meet(self, place: str, data: bytes, digits: int) -> bool | None:
        """What to make of a file that exists: see ``_put_at``."""
        for _ in range(_REREADS):
            there = _read(place)
            if there == data:
                return False
            if there is None:
                break
            number = os.path.basename(place)[-digits - len(SUFFIX) : -len(SUFFIX)]
            if digits < FULL_DIGITS and blake3(there).hexdigest()[:digits] == number:
                return None
            if time.time() - os.lstat(place).st_mtime > _WRITING_SECONDS:
                break
            time.sleep(_PAUSE_SECONDS)
        self._replace(place, data)
        return True

    def _replace(self, place: str, data: bytes) -> None:
        """Put whole bytes where a cut file, a link or something else stands in the way."""
        temporary = os.path.join(os.path.dirname(place), f".{secrets.token_hex(8)}{_TEMPORARY}")
        _create(temporary, data, durable=True)
        try:
            os.replace(temporary, place)
        except OSError:
            os.unlink(temporary)
            raise

    def _make_folder(self, folder: str) -> None:
        """Make a folder and those above it, below the root; one that is a link is refused."""
        if folder == self._root or folder in self._folders:
            return
        self._make_folder(os.path.dirname(folder))
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                raise StoreError(
                    f"{folder} is in the way: it must be a folder, and no link to one."
                ) from None
        if self._flusher.remembers:
            self._flusher.note_folder(os.path.dirname(folder))
        self._folders.add(folder)

    def _absolute(self, path: str) -> str:
        parts = path.split("/")
        if parts[0] != ROOT or any(part in ("", ".", "..") or os.sep in part for part in parts):
            raise StoreError(f"{path} is not the path of a track.")
        return os.path.join(self._root, *parts)

    def _files(self) -> Iterator[str]:
        waiting = [ROOT] if os.path.isdir(os.path.join(self._root, ROOT)) else []
        while waiting:
            here = waiting.pop()
            with os.scandir(os.path.join(self._root, *here.split("/"))) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
            yield from (f"{here}/{entry.name}" for entry in entries if entry.is_file(follow_symlinks=False))
            folders = [f"{here}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
            waiting.extend(reversed(folders))


def _create(place: str, data: bytes, *, durable: bool, cloned: Callable[[int], bool] | None = None) -> None:
    """Write a file that does not exist yet; what cannot be written whole is removed again."""
    descriptor = os.open(place, _CREATE, _READ_ONLY)
    try:
        try:
            if cloned is None or not cloned(descriptor):
                written = os.write(descriptor, data)
                while written < len(data):
                    written += os.write(descriptor, memoryview(data)[written:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        os.unlink(place)
        raise


def _read(place: str) -> bytes | None:
    """The bytes of a regular file; None for a link or anything else."""
    if not _NOFOLLOW and os.path.islink(place):
        return None
    try:
        descriptor = os.open(place, _READ)
    except OSError:
        if stat.S_ISREG(os.lstat(place).st_mode):
            raise
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read()


_WHAT_TO_DO = {
    errno.ENOSPC: "The disk is full, or has no room for more files (inodes): make room there",
    errno.EDQUOT: "Your quota on that disk is used up: make room there",
    errno.EROFS: "That disk is read-only: make it writable, or choose another folder for the result",
    errno.EACCES: "Permission is denied: make it writable for you, or choose another folder for the result",
    errno.ENAMETOOLONG: "The path is too long: choose a folder with a shorter one for the result",
}


def unwritable(root: str, error: OSError) -> StoreError:
    """What to say, and what to do, when the result in ``root`` cannot be written."""
    todo = _WHAT_TO_DO.get(error.errno or 0, f"{error.strerror or error}: see to that")
    return StoreError(
        f"{root} cannot be written. {todo}, and run the same command again. "
        "What was committed before is kept."
    )
