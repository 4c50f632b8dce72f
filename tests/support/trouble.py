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
from midiprism.library import Content, FolderLibrary, Found, UnreadableError
from midiprism.smf.types import Split
from midiprism.store import FileStore, Stored
from support import catalogs
from support.fake import fake_split


@dataclass(frozen=True)
class Deadly:
    """A splitter that ends its process on songs that hold a word, and hangs on others.

    Attributes:
        marks: a folder: a song that holds ``once`` kills only if its mark is not there yet.
    """

    marks: str

    def __call__(self, data: bytes) -> Split:
        if b"kill" in data:
            os.kill(os.getpid(), signal.SIGKILL)
        if b"hang" in data:
            time.sleep(600)
        if b"once" in data:
            try:
                os.close(os.open(os.path.join(self.marks, "once"), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os._exit(3)
        if b"memory" in data:
            raise MemoryError
        return fake_split(data)


@dataclass(frozen=True)
class Noting:
    """A splitter that notes in a folder with which niceness each process works."""

    notes: str

    def __call__(self, data: bytes) -> Split:
        with open(os.path.join(self.notes, f"nice-{os.getpid()}"), "w", encoding="ascii") as note:
            note.write(str(os.nice(0)))
        return fake_split(data)


class Stillborn:
    """A splitter that cannot be loaded in another process."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (7,)

    def __call__(self, data: bytes) -> Split:
        return fake_split(data)


@dataclass(frozen=True)
class FailingLibrary(FolderLibrary):
    """A library whose files fail by their names: ``eio``, ``eacces``, ``vanish``, ``changing``."""

    def read(self, found: Found, limit: int) -> Content:
        name = os.path.basename(found.path)
        for word, number, code in (
            (b"eio", errno.EIO, "io"),
            (b"eacces", errno.EACCES, "permission"),
            (b"vanish", errno.ENOENT, "vanished"),
            (b"changing", 0, "changing"),
        ):
            if word in name:
                raise UnreadableError(code, f"It cannot be read: {os.strerror(number)}.")
        return super().read(found, limit)


class FailingStore(FileStore):
    """A store that fails after so many puts, as a disk does.

    Args:
        root: as ``FileStore``.
        number: the system's number of the error.
        after: puts that succeed.
    """

    def __init__(self, root: str, number: int, after: int) -> None:
        super().__init__(root)
        self._place = root
        self._number = number
        self._after = after

    def __reduce__(self) -> tuple[type["FailingStore"], tuple[str, int, int]]:  # type: ignore[override]
        return type(self), (self._place, self._number, self._after)

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> Stored:
        if self._after == 0:
            raise StoreError(os.strerror(self._number))
        self._after -= 1
        return super().put(data, digest, name, instrument, family)


CONTENT = {
    "parents": "SELECT digest, size, format, num_tracks, division, duration_ticks, duration_seconds, "
    "outcome, problems, splits, contract FROM parents",
    "paths": "SELECT path, digest, root_length, song, parent_paths.size, mtime_ns, facts "
    "FROM parent_paths JOIN parents ON parents.id = parent_id",
    "tracks": "SELECT digest, size, stem, digits, name, instrument, family, channel, program, "
    "note_count, lowest_pitch, highest_pitch, duration_ticks, duration_seconds FROM tracks",
    "links": "SELECT parents.digest, position, track_number, s.channel, s.program, parts, tracks.digest, "
    "s.name, s.instrument, s.family FROM track_splits s JOIN parents ON parents.id = parent_id "
    "JOIN tracks ON tracks.id = track_id",
}


def content_of(out: Path, url: str | None = None) -> dict[str, list[tuple[object, ...]]]:
    """What a catalogue says, without its own numbers and times: that of ``out``, or that at ``url``."""
    place = catalogs.database(out) if url is None else PostgresAddress(url)
    if place is None:
        connection = sqlite3.connect(out / "catalog.sqlite")
        connection.text_factory = bytes
        found = {what: connection.execute(query).fetchall() for what, query in CONTENT.items()}
        connection.close()
    else:
        with psycopg.connect(place.url, options=f"-c search_path={place.schema}") as server:
            found = {
                what: [
                    tuple(value.encode() if isinstance(value, str) else value for value in row)
                    for row in server.execute(query.replace("problems", "problems::text"))
                ]
                for what, query in CONTENT.items()
            }
    return {what: sorted(rows, key=repr) for what, rows in found.items()}


def track_files(out: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below ``tracks``, temporary ones too."""
    for path in sorted((out / "tracks").rglob("*")):
        if path.is_file():
            yield path.relative_to(out).as_posix(), path.read_bytes()


def everything(
    out: Path, url: str | None = None
) -> tuple[dict[str, bytes], dict[str, list[tuple[object, ...]]]]:
    """All that must be the same however a result came about."""
    return dict(track_files(out)), content_of(out, url)
