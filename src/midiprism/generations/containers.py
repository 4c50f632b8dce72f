"""Reads the songs of archives and Parquet files in object storage, by way of the local disk."""

import os
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.errors import MidiprismError
from midiprism.generations.listing import ListedSong, object_key
from midiprism.generations.stored_objects import raise_errors
from midiprism.objects import ObjectStorage, ReadRequest
from midiprism.sources import Notice, SongContent, SongRef, Source, UnreadableError, open_source
from midiprism.sources.file_types import ARCHIVE_SUFFIXES, PARQUET_SUFFIXES

DOWNLOAD_BYTES = 16 << 20
"""Bytes of each request for a container."""

_RANGES_IN_FLIGHT = 4


class ContainedSong(NamedTuple):
    """A song of a container, or a container that cannot be read."""

    listed: ListedSong
    content: SongContent | UnreadableError


def read_container(
    storage: ObjectStorage, container: ListedSong, folder: str, limit: int
) -> Iterator[ContainedSong]:
    """Yield the songs of an archive or a Parquet file, in the order of their paths.

    Args:
        storage: that holds it.
        container: as the source lists it.
        folder: on the local disk, for the container and songs that are not in the order of their paths.
        limit: most bytes of a song that are kept.

    Raises:
        ObjectStorageError: the container cannot be read now.
    """
    key = object_key(container)
    with tempfile.TemporaryDirectory(prefix="container-", dir=folder) as own:
        path = os.path.join(own, "container" + _suffix(key))
        _download(storage, container, path)
        try:
            source = open_source([path])
        except MidiprismError as error:
            yield ContainedSong(container._replace(path=key), UnreadableError("archive", str(error)))
            return
        yield from _songs_of(source, path, container, own, limit)


def _suffix(key: str) -> str:
    """Return the end of a key by which the kind of a container is known."""
    name = key.encode().lower()
    kinds = (*ARCHIVE_SUFFIXES, *PARQUET_SUFFIXES)
    return max((kind for kind in kinds if name.endswith(kind)), key=len, default=b"").decode()


def _download(storage: ObjectStorage, container: ListedSong, path: str) -> None:
    key = object_key(container)
    requests = (
        ReadRequest(key, start, min(start + DOWNLOAD_BYTES, container.size), container.etag)
        for start in range(0, container.size, DOWNLOAD_BYTES)
    )
    with open(path, "wb") as file:
        for part in raise_errors(storage.read_many(requests, _RANGES_IN_FLIGHT)):
            file.write(part)


def _songs_of(
    source: Source, path: str, container: ListedSong, folder: str, limit: int
) -> Iterator[ContainedSong]:
    """Yield the songs of a container on the local disk, and what of it cannot be read."""
    waiting: list[tuple[str, SongRef | Notice]] = []
    for found in source.walk():
        if isinstance(found, Notice) and not found.failed:
            continue
        waiting.append((_path_in_storage(found.path, path, container), found))
    order = sorted(range(len(waiting)), key=lambda index: waiting[index][0])
    if order == [*range(len(waiting))]:
        for name, found in waiting:
            yield _contained(source, name, found, container, limit)
        return
    # Such as a compressed tar, which has to be read from the beginning to its end.
    contents = _Spill(os.path.join(folder, "songs"))
    try:
        read = [contents.add(_contained(source, name, found, container, limit)) for name, found in waiting]
        for index in order:
            yield contents.take(*read[index])
    finally:
        contents.close()


def _path_in_storage(found: bytes, path: str, container: ListedSong) -> str:
    """Return the path of what was found in a container, below the URL of the source."""
    inside = found[len(os.fsencode(path)) :].decode(errors="backslashreplace").replace(os.sep, "/").strip("/")
    return f"{container.path}{inside}" if inside else object_key(container)


def _contained(
    source: Source, name: str, found: SongRef | Notice, container: ListedSong, limit: int
) -> ContainedSong:
    listed = container._replace(path=name, size=getattr(found, "size", container.size))
    if isinstance(found, Notice):
        return ContainedSong(listed, UnreadableError(found.code, found.message))
    try:
        content: SongContent | UnreadableError = source.read(found, limit)._replace(
            mtime_ns=container.mtime_ns
        )
    except UnreadableError as error:
        content = error
    if isinstance(content, SongContent):
        listed = listed._replace(size=content.size)
    return ContainedSong(listed, content)


class _Spill:
    """Songs whose bytes wait in a file on the local disk."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "w+b")  # noqa: SIM115 - closed by ``close``

    def add(self, song: ContainedSong) -> tuple[ContainedSong, int, int]:
        """Write the bytes of a song, and return it without them, and where they are."""
        content = song.content
        if not isinstance(content, SongContent) or content.data is None:
            return song, 0, -1
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(content.data)
        return song._replace(content=content._replace(data=b"")), start, len(content.data)

    def take(self, song: ContainedSong, start: int, length: int) -> ContainedSong:
        """Return a song with its bytes."""
        if length < 0:
            return song
        assert isinstance(song.content, SongContent)
        self._file.seek(start)
        return song._replace(content=song.content._replace(data=self._file.read(length)))

    def close(self) -> None:
        self._file.close()
