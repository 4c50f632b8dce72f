"""Libraries to measure with, and the care that disks ask for."""

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
"""Of a track, in whole blocks."""


def sample_songs_folder(folder: Path, songs: int) -> Path:
    """Sample songs in ``folder``, of whose tracks 49 % repeat; made if they are not there."""
    if not folder.exists():
        from midiprism.sample.write import write_songs  # not for worker processes, which import this too

        making = folder.with_name(folder.name + ".making")
        write_songs(making, songs, seed=1, duplicates=0.49)
        making.rename(folder)
    return folder


def enlarged_corpus(corpus: Path, folder: Path, copies: int) -> Path:
    """So many copies of the files below ``corpus``, each track of each made distinct with a text event."""
    if not folder.exists():
        making = folder.with_name(folder.name + ".making")
        numbers = itertools.count()
        for source in sorted(path for path in corpus.rglob("*") if path.suffix.lower() in (".mid", ".midi")):
            data = source.read_bytes()
            for copy in range(copies):
                place = making / f"{copy:03}" / source.relative_to(corpus)
                place.parent.mkdir(parents=True, exist_ok=True)
                distinct = with_text_event(data, b"copy %d" % next(numbers))
                if distinct is not None:
                    place.write_bytes(distinct)
        making.rename(folder)
    return folder


@dataclass(frozen=True)
class RepeatedSource(Source):
    """A library that does not end: the same songs again and again, below a folder for each time.

    Their tracks are distinct from time to time, and repeat in one as often as those of the songs do.
    """

    inner: Source

    @property
    def source_paths(self) -> Sequence[bytes]:
        return self.inner.source_paths

    def walk(self) -> Iterator[SongRef | Notice]:
        for number in itertools.count():
            for found in self.inner.walk():
                if isinstance(found, SongRef):
                    root, name = found.path[: found.root_length], found.path[found.root_length :]
                    yield found._replace(path=b"%s%08d%s%s" % (root, number, os.fsencode(os.sep), name))

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
    """A MIDI file with a text event at the head of each track; None if its chunks do not add up."""
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
    """Paths of all songs."""
    return [os.fsdecode(found.path) for found in open_folders([folder]).walk() if isinstance(found, SongRef)]


def warm_cache(folder: Path) -> None:
    """Read everything once, so that no side finds the memory colder than another, and let the disk rest."""
    for path in file_paths(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, os.fstat(descriptor).st_size)
        os.close(descriptor)
    os.sync()


def drop_caches() -> None:
    """Let the system forget all that is on the disk too, which makes room in memory: on Linux, as root."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    except OSError as error:
        sys.exit(f"memory cannot be emptied: {error.strerror}. Go without --forget, or be root on Linux.")


def evict_from_cache(folder: Path) -> None:
    """Let the system forget what is in the files, as it has of a library that is larger than its memory."""
    os.sync()  # only what the disk has can be forgotten
    for path in file_paths(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def file_paths(folder: Path) -> Iterator[str]:
    """Paths of all files below a folder."""
    for here, _, names in os.walk(folder):
        yield from (os.path.join(here, name) for name in names)


def new_folders(work: Path) -> Iterator[Path]:
    """Folders that are not there yet."""
    for number in itertools.count():
        folder = work / f"run-{number:04}"
        if not folder.exists():
            yield folder


def require_disk_space(folder: Path, size: int, count: int) -> None:
    """Leave with a message unless the disk has room for so many bytes and files."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < size or (disk.f_files and disk.f_favail < count):
        sys.exit(
            f"{folder} has room for {free / 1e9:.0f} GB and {disk.f_favail:,} files, and this may take "
            f"{size / 1e9:.0f} GB and {count:,} files: name another folder with --work, or measure less."
        )


def machine_description() -> str:
    """The machine and the day."""
    usage = shutil.disk_usage(".")
    return (
        f"{datetime.now(UTC):%d %B %Y}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, disk of {usage.total / 1e9:.0f} GB"
    )
