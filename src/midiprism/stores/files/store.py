"""One read-only ``.mid`` file per content, in a folder of its instrument family."""

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.fsync import FSYNC_ON_WRITE, Flusher
from midiprism.stores.files.layout import (
    FULL_DIGEST_DIGITS,
    SHORT_DIGEST_DIGITS,
    TRACK_SUFFIX,
    TRACKS_FOLDER,
    track_path,
    track_stem,
)
from midiprism.stores.interface import StoredTrack, make_stored_track

_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC
_READ_FLAGS = os.O_RDONLY | _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0)
_READ_ONLY_MODE = 0o444
_TEMPORARY_SUFFIX = ".tmp"
_DEFAULT_BLOCK_SIZE = 4096
_MAX_RECENT_TRACKS = 32_768

# Another worker may be in the middle of writing the same content; one that last wrote longer ago has died.
_REREADS = 5
_REREAD_PAUSE_SECONDS = 0.004
_STALE_WRITE_SECONDS = 2.0


class FileStore:
    """Splits as files below ``root/tracks``.

    Any number of workers may put the same content at once: creating a file exclusively decides who writes it.
    Links are not followed, neither at a file's place nor at a folder's.

    Args:
        root: the folder of the result, which exists.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._known_folders: set[str] = set()
        self._flusher = Flusher(self._root)
        self._recent: dict[bytes, StoredTrack] = {}

    def __reduce__(self) -> tuple[type["FileStore"], tuple[str]]:
        return type(self), (self._root,)

    @property
    def block_size(self) -> int:
        try:
            return os.statvfs(self._root).f_frsize or 1
        except (AttributeError, OSError):  # Windows, or a root that is gone, which the next put will tell
            return _DEFAULT_BLOCK_SIZE

    @property
    def flush_covers_all_writers(self) -> bool:
        return not self._flusher.needs_paths

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        recent = self._recent.get(digest)
        if recent is not None:
            return recent
        stem = track_stem(name, instrument)
        try:
            for digits in (SHORT_DIGEST_DIGITS, FULL_DIGEST_DIGITS):
                path = track_path(family, stem, digest, digits)
                new = self._create_at(path, data, digits)
                if new is not None:
                    if len(self._recent) >= _MAX_RECENT_TRACKS:
                        self._recent.clear()
                    self._recent[digest] = make_stored_track((path, stem, digits, False))
                    return make_stored_track((path, stem, digits, new))
        except OSError as error:
            raise write_error(self._root, error) from error
        raise StoreError(f"{path} holds another content of the same digest.")

    def get(self, path: str) -> bytes:
        try:
            data = _read_file(self._absolute(path))
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

    def has_intact(self, path: str, digest: bytes) -> bool:
        """Whether a content is at its path, whole; the next flush makes it durable then.

        Raises:
            StoreError: it cannot be told.
        """
        try:
            data = _read_file(self._absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
        whole = data is not None and blake3(data).digest() == digest
        if whole and self._flusher.needs_paths:
            self._flusher.add_file(self._absolute(path))
        return whole

    def put_at(self, path: str, data: bytes, clone: Callable[[int], bool] | None = None) -> None:
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
                _create_file(place, data, durable=FSYNC_ON_WRITE, clone=clone)
            except FileExistsError:
                self._replace(place, data)
        except OSError as error:
            raise write_error(self._root, error) from error
        if self._flusher.needs_paths:
            self._flusher.add_file(place)

    def path_of(self, family: str, stem: str, digest: bytes, digits: int) -> str:
        return track_path(family, stem, digest, digits)

    def remove(self, path: str) -> None:
        try:
            os.unlink(self._absolute(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise write_error(self._root, error) from error

    def flush(self) -> None:
        try:
            self._flusher.flush()
        except OSError as error:
            raise write_error(self._root, error) from error

    def walk(self) -> Iterator[str]:
        return (path for path in self._walk_files() if path.endswith(TRACK_SUFFIX))

    def remove_temporary_files(self) -> int:
        swept = 0
        for path in self._walk_files():
            if path.endswith(_TEMPORARY_SUFFIX):
                os.unlink(self._absolute(path))
                swept += 1
        return swept

    def _create_at(self, path: str, data: bytes, digits: int) -> bool | None:
        """True if written, False if it was there, None if another content, whole, has this name."""
        place = self._root + os.sep + (path if os.sep == "/" else path.replace("/", os.sep))
        folder = place[: place.rindex(os.sep)]
        if folder not in self._known_folders:
            self._make_folder(folder)
        try:
            _create_file(place, data, durable=FSYNC_ON_WRITE)
        except FileExistsError:
            new = self._resolve_existing(place, data, digits)
        else:
            new = True
        if self._flusher.needs_paths:
            self._flusher.add_file(place)
        return new

    def _resolve_existing(self, absolute_path: str, data: bytes, digits: int) -> bool | None:
        """What to make of a file that exists: see ``_create_at``."""
        for _ in range(_REREADS):
            there = _read_file(absolute_path)
            if there == data:
                return False
            if there is None:
                break
            number = os.path.basename(absolute_path)[-digits - len(TRACK_SUFFIX) : -len(TRACK_SUFFIX)]
            if digits < FULL_DIGEST_DIGITS and blake3(there).hexdigest()[:digits] == number:
                return None
            if time.time() - os.lstat(absolute_path).st_mtime > _STALE_WRITE_SECONDS:
                break
            time.sleep(_REREAD_PAUSE_SECONDS)
        self._replace(absolute_path, data)
        return True

    def _replace(self, absolute_path: str, data: bytes) -> None:
        """Put whole bytes where a cut file, a link or something else stands in the way."""
        temporary = os.path.join(
            os.path.dirname(absolute_path), f".{secrets.token_hex(8)}{_TEMPORARY_SUFFIX}"
        )
        _create_file(temporary, data, durable=True)
        try:
            os.replace(temporary, absolute_path)
        except OSError:
            os.unlink(temporary)
            raise

    def _make_folder(self, folder: str) -> None:
        """Make a folder and those above it, below the root; one that is a link is refused."""
        if folder == self._root or folder in self._known_folders:
            return
        self._make_folder(os.path.dirname(folder))
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                raise StoreError(
                    f"{folder} is in the way: it must be a folder, and no link to one."
                ) from None
        if self._flusher.needs_paths:
            self._flusher.add_folder(os.path.dirname(folder))
        self._known_folders.add(folder)

    def _absolute(self, path: str) -> str:
        parts = path.split("/")
        if parts[0] != TRACKS_FOLDER or any(part in ("", ".", "..") or os.sep in part for part in parts):
            raise StoreError(f"{path} is not the path of a track.")
        return os.path.join(self._root, *parts)

    def _walk_files(self) -> Iterator[str]:
        waiting = [TRACKS_FOLDER] if os.path.isdir(os.path.join(self._root, TRACKS_FOLDER)) else []
        while waiting:
            here = waiting.pop()
            with os.scandir(os.path.join(self._root, *here.split("/"))) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
            yield from (f"{here}/{entry.name}" for entry in entries if entry.is_file(follow_symlinks=False))
            folders = [f"{here}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
            waiting.extend(reversed(folders))


def _create_file(
    absolute_path: str, data: bytes, *, durable: bool, clone: Callable[[int], bool] | None = None
) -> None:
    """Write a file that does not exist yet; what cannot be written whole is removed again."""
    descriptor = os.open(absolute_path, _CREATE_FLAGS, _READ_ONLY_MODE)
    try:
        try:
            if clone is None or not clone(descriptor):
                written = os.write(descriptor, data)
                while written < len(data):
                    written += os.write(descriptor, memoryview(data)[written:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        os.unlink(absolute_path)
        raise


def _read_file(absolute_path: str) -> bytes | None:
    """The bytes of a regular file; None for a link or anything else."""
    if not _NOFOLLOW and os.path.islink(absolute_path):
        return None
    try:
        descriptor = os.open(absolute_path, _READ_FLAGS)
    except OSError:
        if stat.S_ISREG(os.lstat(absolute_path).st_mode):
            raise
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read()


_ADVICE = {
    errno.ENOSPC: "The disk is full, or has no room for more files (inodes): make room there",
    errno.EDQUOT: "Your quota on that disk is used up: make room there",
    errno.EROFS: "That disk is read-only: make it writable, or choose another folder for the result",
    errno.EACCES: "Permission is denied: make it writable for you, or choose another folder for the result",
    errno.ENAMETOOLONG: "The path is too long: choose a folder with a shorter one for the result",
}


def write_error(root: str, error: OSError) -> StoreError:
    """What to say, and what to do, when the result in ``root`` cannot be written."""
    todo = _ADVICE.get(error.errno or 0, f"{error.strerror or error}: see to that")
    return StoreError(
        f"{root} cannot be written. {todo}, and run the same command again. "
        "What was committed before is kept."
    )
