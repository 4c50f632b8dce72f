"""Splitters, libraries and stores that fail as real ones do, ready to cross to worker processes."""

import errno
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from midiprism.catalog import PostgresAddress
from midiprism.errors import StoreError
from midiprism.smf.types import SplitSong
from midiprism.sources import FolderSource, SongContent, SongRef, UnreadableError
from midiprism.stores import FileStore, StoredTrack
from support import catalog_access
from support.fake_songs import fake_split


@dataclass(frozen=True)
class CrashingSplitter:
    """A splitter that ends its process on songs that hold a word, and hangs on others.

    Attributes:
        marks: a folder: a song that holds ``once`` kills only if its mark is not there yet.
    """

    marker_folder: str

    def __call__(self, data: bytes) -> SplitSong:
        if b"kill" in data:
            os.kill(os.getpid(), signal.SIGKILL)
        if b"hang" in data:
            time.sleep(600)
        if b"once" in data:
            try:
                os.close(os.open(os.path.join(self.marker_folder, "once"), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os._exit(3)
        if b"memory" in data:
            raise MemoryError
        return fake_split(data)


@dataclass(frozen=True)
class NicenessSplitter:
    """A splitter that notes in a folder with which niceness each process works."""

    notes_folder: str

    def __call__(self, data: bytes) -> SplitSong:
        with open(os.path.join(self.notes_folder, f"nice-{os.getpid()}"), "w", encoding="ascii") as note:
            note.write(str(os.nice(0)))
        return fake_split(data)


class UnloadableSplitter:
    """A splitter that cannot be loaded in another process."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (7,)

    def __call__(self, data: bytes) -> SplitSong:
        return fake_split(data)


@dataclass(frozen=True)
class FailingSource(FolderSource):
    """A library whose files fail by their names: ``eio``, ``eacces``, ``vanish``, ``changing``."""

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        name = os.path.basename(song_ref.path)
        for word, number, code in (
            (b"eio", errno.EIO, "io"),
            (b"eacces", errno.EACCES, "permission"),
            (b"vanish", errno.ENOENT, "vanished"),
            (b"changing", 0, "changing"),
        ):
            if word in name:
                raise UnreadableError(code, f"It cannot be read: {os.strerror(number)}.")
        return super().read(song_ref, limit)


class FailingStore(FileStore):
    """A store that fails after so many puts, as a disk does.

    Args:
        root: as ``FileStore``.
        number: the system's number of the error.
        after: puts that succeed.
    """

    def __init__(self, root: str, errno_value: int, successful_puts: int) -> None:
        super().__init__(root)
        self._root_path = root
        self._errno_value = errno_value
        self._puts_left = successful_puts

    def __reduce__(self) -> tuple[type["FailingStore"], tuple[str, int, int]]:  # type: ignore[override]
        return type(self), (self._root_path, self._errno_value, self._puts_left)

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        if self._puts_left == 0:
            raise StoreError(os.strerror(self._errno_value))
        self._puts_left -= 1
        return super().put(data, digest, name, instrument, family)


CONTENT_QUERIES = {
    "songs": "SELECT digest, size, format, num_tracks, division, duration_ticks, duration_seconds, "
    "outcome, problems, link_count, contract_version FROM songs",
    "paths": "SELECT path, digest, root_length, song_name, song_paths.size, mtime_ns, source_metadata "
    "FROM song_paths JOIN songs ON songs.id = song_id",
    "tracks": "SELECT digest, size, stem, digest_digits, name, instrument, family, channel, program, "
    "note_count, lowest_pitch, highest_pitch, duration_ticks, duration_seconds FROM tracks",
    "links": "SELECT songs.digest, position, track_number, s.channel, s.program, part_count, tracks.digest, "
    "s.name, s.instrument, s.family FROM links s JOIN songs ON songs.id = song_id "
    "JOIN tracks ON tracks.id = track_id",
}


def catalog_content(out: Path, url: str | None = None) -> dict[str, list[tuple[object, ...]]]:
    """What a catalogue says, without its own numbers and times: that of ``out``, or that at ``url``."""
    place = catalog_access.postgres_address(out) if url is None else PostgresAddress(url)
    if place is None:
        connection = sqlite3.connect(out / "catalog.sqlite")
        connection.text_factory = bytes
        found = {what: connection.execute(query).fetchall() for what, query in CONTENT_QUERIES.items()}
        connection.close()
    else:
        with psycopg.connect(place.url, options=f"-c search_path={place.schema}") as server:
            found = {
                what: [
                    tuple(value.encode() if isinstance(value, str) else value for value in row)
                    for row in server.execute(query.replace("problems", "problems::text"))
                ]
                for what, query in CONTENT_QUERIES.items()
            }
    return {what: sorted(rows, key=repr) for what, rows in found.items()}


def track_files(out: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below ``tracks``, temporary ones too."""
    for path in sorted((out / "tracks").rglob("*")):
        if path.is_file():
            yield path.relative_to(out).as_posix(), path.read_bytes()


def result_content(
    out: Path, url: str | None = None
) -> tuple[dict[str, bytes], dict[str, list[tuple[object, ...]]]]:
    """All that must be the same however a result came about."""
    return dict(track_files(out)), catalog_content(out, url)
