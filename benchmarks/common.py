"""Libraries to measure with, control of the page cache, and checks of disk space."""

import itertools
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from blake3 import blake3

from midiprism.sources import Notice, SongContent, SongRef, Source, open_folders

TEXT_EVENT_PREFIX = b"\x00\xff\x01"
HEADER_BYTES = 14
BYTES_PER_FILE = 4_500
"""Disk space of a track in whole blocks."""


def sample_songs_folder(folder: Path, songs: int) -> Path:
    """Return ``folder``, after writing sample songs to it unless it exists. 49 % of their tracks repeat."""
    if not folder.exists():
        from midiprism.sample.write import (
            write_songs,
        )  # not at the top: worker processes import this module too

        unfinished = folder.with_name(folder.name + ".making")
        write_songs(unfinished, songs, seed=1, duplicates=0.49)
        unfinished.rename(folder)
    return folder


def enlarged_corpus(corpus: Path, folder: Path, copies: int) -> Path:
    """Return ``folder``, after writing copies of a corpus to it. A text event makes each track distinct."""
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".making")
        numbers = itertools.count()
        for source in sorted(path for path in corpus.rglob("*") if path.suffix.lower() in (".mid", ".midi")):
            data = source.read_bytes()
            for copy in range(copies):
                path = unfinished / f"{copy:03}" / source.relative_to(corpus)
                path.parent.mkdir(parents=True, exist_ok=True)
                distinct = with_text_event(data, b"copy %d" % next(numbers))
                if distinct is not None:
                    path.write_bytes(distinct)
        unfinished.rename(folder)
    return folder


@dataclass(frozen=True)
class RepeatedSource(Source):
    """A source that repeats the songs of another without end, each round below a folder of its own.

    The tracks of two rounds differ. Within one round as many repeat as in the other source.
    """

    inner: Source

    @property
    def source_paths(self) -> Sequence[bytes]:
        return self.inner.source_paths

    def walk(self) -> Iterator[SongRef | Notice]:
        for number in itertools.count():
            for song in self.inner.walk():
                if isinstance(song, SongRef):
                    root, name = song.path[: song.root_length], song.path[song.root_length :]
                    yield song._replace(path=b"%s%08d%s%s" % (root, number, os.fsencode(os.sep), name))

    def running_count(self) -> Iterator[int]:
        return iter(())

    def missing_paths(self) -> list[bytes]:
        return self.inner.missing_paths()

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        root, rest = song_ref.path[: song_ref.root_length], song_ref.path[song_ref.root_length :]
        number, _, name = rest.partition(os.fsencode(os.sep))
        content = self.inner.read(song_ref._replace(path=root + name), limit)
        data = None if content.data is None else with_text_event(content.data, number)
        return content if data is None else content._replace(data=data, digest=blake3(data).digest())


def with_text_event(data: bytes, text: bytes) -> bytes | None:
    """Return a MIDI file with a text event at the start of each track; None if its chunks are malformed."""
    event = TEXT_EVENT_PREFIX + bytes([len(text)]) + text
    pieces, at = [data[:HEADER_BYTES]], HEADER_BYTES
    if data[:8] != b"MThd\0\0\0\6":
        return None
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        body = data[at + 8 : at + 8 + size]
        if len(body) < size:
            return None
        if data[at : at + 4] == b"MTrk":
            body = event + body
        pieces += [data[at : at + 4], len(body).to_bytes(4, "big"), body]
        at += 8 + size
    return b"".join(pieces)


def song_paths(folder: Path) -> list[str]:
    """Return the paths of all songs below a folder."""
    return [os.fsdecode(song.path) for song in open_folders([folder]).walk() if isinstance(song, SongRef)]


def warm_cache(folder: Path) -> None:
    """Read all files once and write out what is pending, so that every competitor starts alike."""
    for path in file_paths(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, os.fstat(descriptor).st_size)
        os.close(descriptor)
    os.sync()


def drop_caches() -> None:
    """Empty the page cache of the whole system. Works on Linux, as root."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    except OSError as error:
        sys.exit(
            f"the page cache cannot be emptied: {error.strerror}. Omit --forget, or run as root on Linux."
        )


def evict_from_cache(folder: Path) -> None:
    """Remove the files below a folder from the page cache, as if the library were larger than memory."""
    os.sync()  # only pages that are on the disk can be removed
    for path in file_paths(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def file_paths(folder: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder."""
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names)


def new_folders(work: Path) -> Iterator[Path]:
    """Yield paths of folders that do not exist yet."""
    for number in itertools.count():
        folder = work / f"run-{number:04}"
        if not folder.exists():
            yield folder


def require_disk_space(folder: Path, size: int, count: int) -> None:
    """Exit with a message unless the disk has room for this many bytes and files."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < size or (disk.f_files and disk.f_favail < count):
        sys.exit(
            f"{folder} has room for {free / 1e9:.0f} GB and {disk.f_favail:,} files, and this may take "
            f"{size / 1e9:.0f} GB and {count:,} files: name another folder with --work, or measure less."
        )


def machine_description() -> str:
    """Return a line with the date, the machine and the Python version."""
    usage = shutil.disk_usage(".")
    return (
        f"{datetime.now(UTC):%d %B %Y}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, disk of {usage.total / 1e9:.0f} GB"
    )
