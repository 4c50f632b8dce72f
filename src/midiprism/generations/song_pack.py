"""The songs of a chunk in a file on the local disk, from which workers read them.

``songs.bin`` has the bytes of all songs, one after the other, and ``songs.index`` a row of 64 bytes for each.
Both are kept in object storage until the generation is committed, so that pass C splits the bytes that pass A
has split, whatever became of the songs meanwhile. In pass C, ``first-tracks`` beside them has the digests of
the tracks that are wanted.
"""

import os
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from typing import NamedTuple

from midiprism.generations.digests import DIGEST_BYTES
from midiprism.generations.local_folder import open_kept_file
from midiprism.sources import SongContent, SongRef, Source, UnreadableError
from midiprism.sources.source import MemberLocation, Notice

DATA_FILE, INDEX_FILE, FIRST_TRACKS_FILE = "songs.bin", "songs.index", "first-tracks"

_ROW = struct.Struct("<qqqq32s")
ROW_BYTES = _ROW.size
_NO_DATA = -1
_NOT_READ = -2


class PackedSong(NamedTuple):
    """A row of the index of a pack.

    Attributes:
        start: byte of the pack at which the song begins; negative for a song without bytes.
        length: bytes of it in the pack, which lacks the sound bank of a song.
        size: bytes of the song.
        mtime_ns: time at which it was put, in nanoseconds since 1970.
        digest: BLAKE3 of the whole song.
    """

    start: int
    length: int
    size: int
    mtime_ns: int
    digest: bytes

    @property
    def was_read(self) -> bool:
        """True if its bytes were read, though perhaps not kept since there are too many."""
        return self.start != _NOT_READ

    @property
    def has_data(self) -> bool:
        return self.start >= 0

    @property
    def end(self) -> int:
        return self.start + self.length


def decode_index(data: bytes) -> list[PackedSong]:
    """Return the rows of an index."""
    return [PackedSong(*row) for row in _ROW.iter_unpack(data[: len(data) // ROW_BYTES * ROW_BYTES])]


class PackWriter:
    """Writes songs to a pack in a folder, in the order of the plan."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._data = open_kept_file(os.path.join(folder, DATA_FILE))
        self._index = open(os.path.join(folder, INDEX_FILE), "wb")  # noqa: SIM115 - closed by ``close``
        self.songs: list[PackedSong] = []
        self._size = 0

    def add(self, content: SongContent | None) -> None:
        """Add a song, or None for one that could not be read."""
        if content is None:
            song = PackedSong(_NOT_READ, 0, 0, 0, b"")
        elif content.data is None:
            song = PackedSong(_NO_DATA, 0, content.size, content.mtime_ns, content.digest)
        else:
            length = len(content.data)
            song = PackedSong(self._size, length, content.size, content.mtime_ns, content.digest)
            self._data.write(content.data)
            self._size += length
        self._index.write(_ROW.pack(*song))
        self.songs.append(song)

    def flush(self) -> None:
        """Let workers read what was added."""
        self._data.flush()
        self._index.flush()

    def close(self) -> None:
        self._data.close()
        self._index.close()


def part_ranges(songs: Sequence[PackedSong], max_bytes: int) -> Iterator[tuple[int, int]]:
    """Divide the bytes of a pack between songs into parts of ``max_bytes``, unless a song has more."""
    start = end = 0
    for song in songs:
        if not song.has_data:
            continue
        if song.end - start > max_bytes and end > start:
            yield start, end
            start = end
        end = song.end
    if end > start:
        yield start, end


def song_ref(folder: str, position: int, path: str, size: int, mtime_ns: int) -> SongRef:
    """Return a song of the pack in a folder. Its path is the folder's with the song's key."""
    root = os.path.join(os.fsencode(folder), b"")
    return SongRef(root + path.encode(), len(root), size, mtime_ns, MemberLocation(len(root), position))


def key_of(path: bytes, root_length: int) -> str:
    """Return the key of a song by the path and the length of its root that ``song_ref`` gave."""
    return path[root_length:].decode()


class PackSource(Source):
    """Reads the songs of packs, of one after the other; any thread may. It can be pickled for workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder = b""
        self._files: tuple[FileIO, FileIO] | None = None
        self._first_tracks: frozenset[bytes] = frozenset()

    def __reduce__(self) -> tuple[type["PackSource"], tuple[()]]:
        return type(self), ()

    @property
    def source_paths(self) -> Sequence[bytes]:
        return ()

    @property
    def first_tracks(self) -> frozenset[bytes]:
        """Leading bytes of the digests of the tracks that the chunk is the first to have, as far as known."""
        return self._first_tracks

    def walk(self) -> Iterator[SongRef | Notice]:
        return iter(())  # the plan has its songs

    def running_count(self) -> Iterator[int]:
        yield 0

    def missing_paths(self) -> list[bytes]:
        return []

    def seek(self, song_ref: SongRef) -> None:
        """Open the pack of a batch."""
        with self._lock:
            self._open(song_ref)

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        del limit  # the pack has no song beyond it
        assert song_ref.member is not None
        with self._lock:
            data_file, index_file = self._open(song_ref)
            index_file.seek(song_ref.member.position * ROW_BYTES)
            song = PackedSong(*_ROW.unpack(index_file.read(ROW_BYTES)))
            data_file.seek(max(0, song.start))
            data = data_file.read(song.length) if song.has_data else None
        if data is not None and len(data) != song.length:
            raise UnreadableError("io", "It cannot be read from the local disk.")
        return SongContent(data, song.digest, song.size, song.mtime_ns)

    def close(self) -> None:
        """Close the files of this process."""
        if self._files is not None:
            for file in self._files:
                file.close()
        self._folder, self._files, self._first_tracks = b"", None, frozenset()

    def _open(self, song_ref: SongRef) -> tuple[FileIO, FileIO]:
        folder = song_ref.path[: song_ref.root_length]
        if self._files is None or folder != self._folder:
            self.close()
            self._folder, self._files = (
                folder,
                (_open_file(folder, DATA_FILE), _open_file(folder, INDEX_FILE)),
            )
            self._first_tracks = frozenset(_read_first_tracks(folder))
        return self._files


def _open_file(folder: bytes, name: str) -> FileIO:
    return open(folder + name.encode(), "rb", buffering=0)  # a song is read by one call


def write_first_tracks(folder: str, digests: Iterable[bytes]) -> None:
    """Write the leading bytes of digests beside a pack, for the workers that split it."""
    with open(os.path.join(folder, FIRST_TRACKS_FILE), "wb") as file:
        file.writelines(digests)


def _read_first_tracks(folder: bytes) -> Iterator[bytes]:
    try:
        with open(folder + FIRST_TRACKS_FILE.encode(), "rb") as file:
            while digest := file.read(DIGEST_BYTES):
                yield digest
    except FileNotFoundError:  # in pass A
        return
