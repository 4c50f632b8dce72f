"""A store that keeps each track as a read-only ``.mid`` file, in a folder of its instrument family."""

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence, Set

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX, require_real_folder
from midiprism.fs.exclusive_create import create_file, read_regular_file
from midiprism.fs.fsync import FSYNC_ON_WRITE, Flusher
from midiprism.fs.path_text import NATIVE_IS_UTF8, native_path
from midiprism.fs.reflink import Reflinker
from midiprism.records.batches import BatchRecord
from midiprism.stores.errors import LostOrDamagedError, read_error, wrap_read_errors, write_error
from midiprism.stores.files.layout import (
    FULL_DIGEST_DIGITS,
    SHORT_DIGEST_DIGITS,
    TRACK_SUFFIX,
    TRACKS_FOLDER,
    track_path,
    track_stem,
)
from midiprism.stores.files.scanner import TrackScanner, is_below_tracks
from midiprism.stores.interface import StoreCapabilities, StoreOptions
from midiprism.stores.types import (
    CopyOutcome,
    EntryFilter,
    FileStatus,
    PrefixFilter,
    ScannedEntry,
    StoredTrack,
    TrackLocation,
    any_entry,
    any_prefix,
    make_stored_track,
)

_READ_ONLY_MODE = 0o444
_DEFAULT_BLOCK_SIZE = 4096
_MAX_RECENT_TRACKS = 32_768

# Another worker may be writing the same track just now. If the file was last changed longer ago, it has died.
_REREADS = 5
_REREAD_PAUSE_SECONDS = 0.004
_STALE_WRITE_SECONDS = 2.0


class FileStore:
    """Keeps tracks as files below ``root/tracks``; see ``TrackStore``.

    Any number of workers may put the same track at once: creating a file exclusively decides which one writes
    it. Links are not followed, neither in the place of a file nor of a folder.

    Args:
        root: the folder of the result, which exists.
    """

    shards = None

    def __init__(self, root: str | os.PathLike[str], options: StoreOptions | None = None) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._options = options or StoreOptions()
        self._scanner = TrackScanner(self._root, self._options.file_system)
        self._known_folders: set[str] = set()
        self._flusher = Flusher(self._root)
        self._recent: dict[bytes, StoredTrack] = {}

    def __reduce__(self) -> tuple[type["FileStore"], tuple[str, StoreOptions]]:
        return type(self), (self._root, self._options)

    @property
    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities(
            flush_covers_all_writers=not self._flusher.needs_paths,
            tracks_are_files=True,
            block_size=_block_size(self._root),
            folders=(TRACKS_FOLDER,),
        )

    def close(self) -> None:
        pass

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        recent = self._recent.get(digest)
        if recent is not None:
            return recent
        stem = track_stem(name, instrument)
        try:
            return self._put(data, digest, stem, family)
        except StoreError:
            if not self._options.replaces_obstacles:
                raise
            path = track_path(family, stem, digest)
            if self._scanner.status_of(path).state not in ("not_a_file", "unreadable"):
                raise
            self._scanner.remove_obstacles(path)
            return self._put(data, digest, stem, family)

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:  # noqa: ARG002
        return {}

    def forget_taken(self) -> None:
        pass

    def commit_sink(self, run_id: int, batches: Sequence[BatchRecord]) -> None:  # noqa: ARG002
        return None

    def flush(self) -> None:
        try:
            self._flusher.flush()
        except OSError as error:
            raise write_error(self._root, error) from error

    def path_of(self, location: TrackLocation) -> str:
        return track_path(location.family, location.stem, location.digest, location.digest_digits)

    def local_path(self, location: TrackLocation) -> str:
        path = self.path_of(location)
        absolute = self._absolute(path)
        with wrap_read_errors(path):
            if not stat.S_ISREG(os.lstat(absolute).st_mode):
                raise StoreError("It is not a regular file.")
        return absolute

    def read(self, location: TrackLocation) -> bytes:
        path = self.path_of(location)
        with wrap_read_errors(path):
            data = read_regular_file(self._absolute(path))
        if data is None:
            raise StoreError(f"{path} is not a regular file.")
        return data

    def status_of(self, location: TrackLocation) -> FileStatus:
        return self._scanner.status_of(self.path_of(location))

    def scan(self, wants_prefix: PrefixFilter = any_prefix) -> Iterator[list[ScannedEntry]]:
        return self._scanner.scan(wants_prefix)

    def is_same_file(self, listed_path: str, path: str) -> bool:
        return self._scanner.is_same_file(listed_path, path)

    def entry_status(self, path: str) -> FileStatus:
        return self._scanner.entry_status(path)

    def delete(self, path: str) -> None:
        self._scanner.remove_file(path)

    def remove_temporary_files(self, may_remove: EntryFilter = any_entry) -> int:
        removed = 0
        for entries in self._scanner.scan():
            for entry in entries:
                if entry.kind == "temporary" and may_remove(entry):
                    self._scanner.remove_file(entry.path)
                    removed += 1
        return removed

    def copier_to(self, root: str) -> "FileCopier":
        return FileCopier(self._root, FileStore(root))

    def has_intact(self, path: str, digest: bytes) -> bool:
        """Return whether a track is whole at its path; then the next flush makes it durable.

        Raises:
            StoreError: it cannot be read.
        """
        absolute = self._absolute(path)
        try:
            data = read_regular_file(absolute)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise read_error(path, error) from error
        intact = data is not None and blake3(data).digest() == digest
        if intact and self._flusher.needs_paths:
            self._flusher.add_file(absolute)
        return intact

    def put_at(self, path: str, data: bytes, fill: Callable[[int], bool] | None = None) -> None:
        """Write a track at the path that it has in another store, replacing what is there.

        Args:
            fill: fills a new file by its descriptor without writing it, and returns whether it could.

        Raises:
            StoreError: it cannot be written.
        """
        absolute = self._absolute(path)
        try:
            self._make_folder(os.path.dirname(absolute))
            try:
                create_file(absolute, data, _READ_ONLY_MODE, durable=FSYNC_ON_WRITE, fill=fill)
            except FileExistsError:
                self._replace(absolute, data)
        except OSError as error:
            raise write_error(self._root, error) from error
        if self._flusher.needs_paths:
            self._flusher.add_file(absolute)

    def _put(self, data: bytes, digest: bytes, stem: str, family: str) -> StoredTrack:
        try:
            for digits in (SHORT_DIGEST_DIGITS, FULL_DIGEST_DIGITS):
                path = track_path(family, stem, digest, digits)
                new = self._create_at(path, data, digits)
                if new is not None:
                    if len(self._recent) >= _MAX_RECENT_TRACKS:
                        self._recent.clear()
                    self._recent[digest] = make_stored_track((path, stem, digits, False, False))
                    return make_stored_track((path, stem, digits, new, new))
        except OSError as error:
            raise write_error(self._root, error) from error
        raise StoreError(f"{path} holds another track with the same digest.")

    def _create_at(self, path: str, data: bytes, digits: int) -> bool | None:
        """Return True if the track was written, False if it was there, None if another has this name."""
        name = path if NATIVE_IS_UTF8 else native_path(path)
        absolute = self._root + os.sep + (name if os.sep == "/" else name.replace("/", os.sep))
        folder = absolute[: absolute.rindex(os.sep)]
        if folder not in self._known_folders:
            self._make_folder(folder)
        try:
            create_file(absolute, data, _READ_ONLY_MODE, durable=FSYNC_ON_WRITE)
        except FileExistsError:
            new = self._resolve_existing(absolute, data, digits)
        else:
            new = True
        if self._flusher.needs_paths:
            self._flusher.add_file(absolute)
        return new

    def _resolve_existing(self, absolute: str, data: bytes, digits: int) -> bool | None:
        """Decide about a file that exists, and return what ``_create_at`` returns."""
        for _ in range(_REREADS):
            existing = read_regular_file(absolute)
            if existing == data:
                return False
            if existing is None:
                break
            number = os.path.basename(absolute)[-digits - len(TRACK_SUFFIX) : -len(TRACK_SUFFIX)]
            if digits < FULL_DIGEST_DIGITS and blake3(existing).hexdigest()[:digits] == number:
                return None
            if time.time() - os.lstat(absolute).st_mtime > _STALE_WRITE_SECONDS:
                break
            time.sleep(_REREAD_PAUSE_SECONDS)
        self._replace(absolute, data)
        return True

    def _replace(self, absolute: str, data: bytes) -> None:
        """Write a whole file in the place of a file that was cut short, a link or anything else."""
        # A name of its own, since that of a track leaves no room to add to it.
        temporary = os.path.join(os.path.dirname(absolute), f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
        create_file(temporary, data, _READ_ONLY_MODE, durable=True)
        try:
            os.replace(temporary, absolute)
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
            require_real_folder(folder)
        if self._flusher.needs_paths:
            self._flusher.add_folder(os.path.dirname(folder))
        self._known_folders.add(folder)

    def _absolute(self, path: str) -> str:
        if not is_below_tracks(path):
            raise StoreError(f"{path} is not the path of a track.")
        return os.path.join(self._root, *native_path(path).split("/"))


class FileCopier:
    """Copies the tracks of one ``FileStore`` to another; see ``TrackCopier``.

    Args:
        source_root: the folder of the result that is copied.
        target_store: the store in the other folder.
    """

    def __init__(self, source_root: str, target_store: FileStore) -> None:
        self._source_root = source_root
        self._target_store = target_store
        self._reflinker = Reflinker()

    def copy(self, path: str, digest: bytes) -> CopyOutcome:
        if self._target_store.has_intact(path, digest):
            return "present"
        if not is_below_tracks(path):
            raise LostOrDamagedError(f"{path} is not the path of a track.")
        source = os.path.join(self._source_root, *native_path(path).split("/"))
        try:
            data = read_regular_file(source)
        except OSError as error:
            raise LostOrDamagedError(str(read_error(path, error))) from error
        if data is None or blake3(data).digest() != digest:
            raise LostOrDamagedError(f"{path} does not hold the bytes of its track.")
        shared = False

        def reflink(descriptor: int) -> bool:
            nonlocal shared
            shared = self._reflinker.reflink(source, descriptor)
            return shared

        self._target_store.put_at(path, data, reflink if self._reflinker.supported else None)
        return "shared" if shared else "copied"

    def copy_derived(self) -> None:
        pass

    def flush(self) -> None:
        self._target_store.flush()


def _block_size(root: str) -> int:
    try:
        return os.statvfs(root).f_frsize or 1
    except (AttributeError, OSError):  # Windows, or a missing root, which the next put reports
        return _DEFAULT_BLOCK_SIZE
