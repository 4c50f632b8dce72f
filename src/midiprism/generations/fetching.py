"""Reads the songs of a chunk from their source into a pack on the local disk."""

import contextlib
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from blake3 import blake3

from midiprism.generations.containers import read_container
from midiprism.generations.listing import ListedSong, is_container, object_key
from midiprism.generations.song_pack import PackWriter
from midiprism.objects import (
    SMALL_READS,
    ObjectAccessError,
    ObjectChangedError,
    ObjectMissingError,
    ObjectStorage,
    ObjectStorageError,
    ReadRequest,
)
from midiprism.records.fields import ProblemRecord
from midiprism.sources import SongContent, UnreadableError
from midiprism.sources.folder import MAX_DIGESTED_RATIO, read_file

T = TypeVar("T")

SMALL_SONG_BYTES = 256 << 10
"""Most bytes of songs of which many are read at once."""
RANGE_BYTES = 16 << 20
_LARGE_FILE = "large"


class UnreadSong(NamedTuple):
    """A song of a chunk without bytes to split.

    Attributes:
        position: of the song in the chunk.
    """

    position: int
    outcome: str
    problem: ProblemRecord


class PathOfSong(NamedTuple):
    """A row of the table of paths.

    Attributes:
        position: of the song in the chunk; None for a container.
        container: key of the container that holds it; None for an object of its own.
    """

    listed: ListedSong
    position: int | None
    container: str | None


class SongFetcher:
    """Reads songs into a pack.

    Args:
        source: of the songs.
        pack: to write to.
        limit: most bytes of a song that are kept.

    Attributes:
        songs: in the order of the pack, which has all songs of a container in its place.
        paths: these songs with the keys of their containers, and before those of a container itself.
        unread: the songs that could not be read.
    """

    def __init__(self, source: ObjectStorage, pack: PackWriter, limit: int) -> None:
        self._source = source
        self._pack = pack
        self._limit = limit
        self._access_error: ObjectAccessError | None = None
        self.songs: list[ListedSong] = []
        self.paths: list[PathOfSong] = []
        self.unread: list[UnreadSong] = []

    def fetch(self, songs: Sequence[ListedSong], batch_songs: int) -> Iterator[list[int]]:
        """Read songs in their order, and yield the positions of those that are in the pack, in batches.

        Raises:
            ObjectStorageError: the store does not answer, or refuses to list the source.
        """
        positions: list[int] = []
        for song, content, container in self._read(songs):
            position = len(self.songs)
            self.songs.append(song)
            self.paths.append(PathOfSong(song, position, container))
            if isinstance(content, SongContent):
                self._pack.add(content)
                positions.append(position)
            else:
                self._pack.add(None)
                problem = ProblemRecord(content.code, str(content))
                self.unread.append(UnreadSong(position, "unreadable", problem))
            if len(positions) >= batch_songs:
                self._pack.flush()
                yield positions
                positions = []
        if positions:
            self._pack.flush()
            yield positions
        if self._access_error is not None:
            self._require_source(self._access_error)

    def _read(
        self, songs: Sequence[ListedSong]
    ) -> Iterator[tuple[ListedSong, SongContent | UnreadableError, str | None]]:
        requests = (ReadRequest(song.path, etag=song.etag) for song in songs if self._is_small(song))
        answers = self._source.read_many(requests, grouped=SMALL_READS)
        for song in songs:
            if is_container(song):
                yield from self._read_container(song)
                continue
            answer = next(answers) if self._is_small(song) else self._read_large(song)
            if isinstance(answer, ObjectStorageError) and answer.is_transient:
                self._require_source(answer)
                answer = self._read_large(song)
            if isinstance(answer, bytes):
                yield song, SongContent(answer, blake3(answer).digest(), len(answer), song.mtime_ns), None
            elif isinstance(answer, ObjectStorageError):
                yield song, self._unreadable(answer), None
            else:
                yield song, answer, None

    def _read_container(
        self, container: ListedSong
    ) -> Iterator[tuple[ListedSong, SongContent | UnreadableError, str | None]]:
        """Yield the songs of a container with its key; the container itself if the store does not give it."""
        first, key = len(self.paths), object_key(container)
        try:
            for listed, content in read_container(self._source, container, self._pack.folder, self._limit):
                yield listed, content, key
        except ObjectStorageError as error:  # as an object that could not be read, it is tried again
            yield container, self._unreadable(error), None
        else:
            self.paths.insert(first, PathOfSong(container, None, key))

    def _is_small(self, song: ListedSong) -> bool:
        return song.size <= min(SMALL_SONG_BYTES, self._limit) and not is_container(song)

    def _read_large(self, song: ListedSong) -> SongContent | UnreadableError | ObjectStorageError:
        """Read a song in ranges through a file, by the rules for files."""
        if song.size > MAX_DIGESTED_RATIO * self._limit:
            message = f"It has {song.size} bytes, far more than the limit of {self._limit}."
            return UnreadableError("song_size", message)
        path = os.path.join(self._pack.folder, _LARGE_FILE)
        starts = range(0, song.size, RANGE_BYTES)
        try:
            with open(path, "wb") as file:
                for start in starts:
                    end = min(start + RANGE_BYTES, song.size)
                    file.write(self._source.read(ReadRequest(song.path, start, end, song.etag)))
            return read_file(os.fsencode(path), self._limit)._replace(mtime_ns=song.mtime_ns)
        except (ObjectStorageError, UnreadableError) as error:
            return error

    def _unreadable(self, error: ObjectStorageError) -> UnreadableError:
        """Return an error as that of one song.

        Raises:
            ObjectStorageError: it is not about this song.
        """
        if isinstance(error, ObjectMissingError):
            return UnreadableError("vanished", "It is not there any more.")
        if isinstance(error, ObjectChangedError):
            return UnreadableError("changing", "It has changed since it was listed.")
        if isinstance(error, ObjectAccessError):
            self._access_error = error
            return UnreadableError("permission", "It cannot be read: access is refused.")
        self._require_source(error)
        return UnreadableError("io", "It cannot be read, though its source can be listed.")

    def _require_source(self, error: ObjectStorageError) -> None:
        """Raise an error of a read, unless the source can still be listed: then it is about one song.

        A song that can never be read must not keep its chunk open for ever. Credentials that have expired
        and a store that does not answer concern all songs.
        """
        try:
            next(self._source.list(), None)
        except ObjectStorageError:
            raise error from None


_POLL_SECONDS = 0.1


class ReadAhead(Generic[T]):
    """The values of an iterator that a thread runs ahead of who takes them.

    Args:
        values: may raise, which ``take`` does then.
        depth: most values that wait.

    Attributes:
        is_over: whether all values were taken.
    """

    def __init__(self, values: Iterator[T], depth: int) -> None:
        self.is_over = False
        self._values = values
        self._ready: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(depth)
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="midiprism-fetch", daemon=True)
        self._thread.start()

    def take(self, *, wait: bool) -> T | None:
        """Return the next value; None if none is ready, or they are over.

        Args:
            wait: whether to wait a moment for one.
        """
        try:
            item = self._ready.get(timeout=_POLL_SECONDS) if wait else self._ready.get_nowait()
        except queue.Empty:
            return None
        if isinstance(item, BaseException):
            raise item
        if item is None:
            self.is_over = True
            return None
        return item[0]

    def close(self) -> None:
        """End the thread."""
        self._is_closed.set()
        with contextlib.suppress(queue.Empty):
            while True:  # makes room, so that the thread does not wait for it
                self._ready.get_nowait()
        self._thread.join()

    def _run(self) -> None:
        try:
            for value in self._values:
                if not self._put((value,)):
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the values are used
            self._put(error)
        else:
            self._put(None)

    def _put(self, item: tuple[T] | BaseException | None) -> bool:
        """Hand a value over once there is room, and return whether more are wanted."""
        self._ready.put(item)
        return not self._is_closed.is_set()
