"""Writes files of a result again without some of their rows."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS, chunk_of_file
from midiprism.generations.result import TableFile
from midiprism.generations.stored_objects import put_object, read_object
from midiprism.generations.tables import COLUMNS_OF, encode_rows, read_rows
from midiprism.objects import ObjectStorage
from midiprism.stores.parquet.remote_file import RemoteFile
from midiprism.stores.parquet.schema import import_pyarrow

_SONG_OF = {LINKS: "song_blake3", SONGS: "blake3", PATHS: "blake3"}

Chunk = tuple[int, int]
"""The generation of a chunk, and its number."""


def chunk_of(file: TableFile) -> Chunk:
    """Return the chunk that a file belongs to."""
    return chunk_of_file(file.stored.name)


def read_digests(storage: ObjectStorage, file: TableFile) -> list[str | None]:
    """Return the digests of the rows of a file of songs or tracks. Nothing else of it is read or checked.

    Raises:
        GenerationError: it cannot be read, or has other columns.
    """
    with closing(RemoteFile(storage, file.stored.name, file.stored.size)) as source:
        rows = read_rows(COLUMNS_OF[file.table], file.stored.name, source, ("blake3",))
    digests: list[str | None] = rows.column("blake3").to_pylist()
    return digests


class FileRewriter:
    """Writes files again, under new names, in the chunks that they belong to.

    Args:
        storage: of the result.
        attempt: random part of the names.
    """

    def __init__(self, storage: ObjectStorage, attempt: str) -> None:
        self._storage = storage
        self._attempt = attempt
        self._numbers = 0

    def read(self, file: TableFile, names: Sequence[str] | None = None) -> Any:
        """Return the rows of a file as an Arrow table.

        Args:
            file: to read, all of it, so that damage is noticed.
            names: of the columns that are wanted; None for all.

        Raises:
            GenerationError: it is damaged.
        """
        source = import_pyarrow().BufferReader(read_object(self._storage, file.stored))
        return read_rows(COLUMNS_OF[file.table], file.stored.name, source, names)

    def without_songs(self, file: TableFile, is_gone: Callable[[str], bool]) -> TableFile | None:
        """Return a file of links, songs or paths without some songs; None if no row is left.

        Raises:
            GenerationError: it is damaged.
        """
        rows = self.read(file)
        digests = rows.column(_SONG_OF[file.table]).to_pylist()
        keep = [digest is None or not is_gone(digest) for digest in digests]
        if all(keep):
            return file
        if file.table == PATHS:
            keep = _without_containers(rows, keep)
        return self.put(file.table, chunk_of(file), rows.filter(keep), file) if any(keep) else None

    def put(self, table: str, chunk: Chunk, rows: Any, replaced: TableFile | None) -> TableFile:
        """Write a file of a chunk, and return it.

        Args:
            table: one of ``TABLES``.
            chunk: that the file belongs to.
            rows: as an Arrow table.
            replaced: the file in whose place it is; None for a new one.
        """
        data = encode_rows(COLUMNS_OF[table], rows, 1_024 if table == TRACKS else 25_000)
        self._numbers += 1
        generation, number = chunk
        kind = "unread-" if replaced is not None and replaced.is_provisional else ""
        name = f"{table}/{table}-{generation:06}-{kind}{number:06}-{self._attempt}-{self._numbers}.parquet"
        stored = put_object(self._storage, name, data, len(rows))
        outcomes = Counter(rows.column("outcome").to_pylist()) if table == SONGS else {}
        if replaced is None:
            return TableFile(table, generation, stored)
        return replace(replaced, stored=stored, outcomes=dict(outcomes))


def _without_containers(rows: Any, keep: Sequence[bool]) -> list[bool]:
    """Leave out the containers of songs that are left out too, so that they are read again."""
    paths, containers = (rows.column(name).to_pylist() for name in ("path", "container"))
    lost = {f"{container}/" for container, is_kept in zip(containers, keep, strict=True) if not is_kept}
    return [is_kept and path not in lost for path, is_kept in zip(paths, keep, strict=True)]
