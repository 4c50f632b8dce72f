"""The Parquet files of a result in object storage, chunk by chunk, and their rows."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import PATHS, TRACKS, chunk_of_file
from midiprism.generations.result import TableFile
from midiprism.generations.tables import COLUMNS_OF, read_rows
from midiprism.objects import ObjectStorage
from midiprism.stores.parquet.remote_file import RemoteFile
from midiprism.stores.parquet.schema import MUSIC_COLUMN


@dataclass(frozen=True, slots=True)
class ChunkFiles:
    """The files of a chunk.

    Attributes:
        source: URL of its songs; empty if only tracks are left of it, which songs of later chunks have.
    """

    source: str
    tracks: list[TableFile] = field(default_factory=list)
    links: list[TableFile] = field(default_factory=list)
    songs: list[TableFile] = field(default_factory=list)
    paths: list[TableFile] = field(default_factory=list)


def files_by_chunk(files: Iterable[TableFile]) -> list[ChunkFiles]:
    """Return the files of each chunk, in the order in which the chunks' songs count as first.

    Raises:
        GenerationError: a file has another name than midiprism gives it.
    """
    by_chunk: dict[tuple[int, int], list[TableFile]] = {}
    for file in files:
        by_chunk.setdefault(chunk_of_file(file.stored.name), []).append(file)
    return [_chunk_files(by_chunk[chunk]) for chunk in sorted(by_chunk)]


def _chunk_files(files: Sequence[TableFile]) -> ChunkFiles:
    sources = {file.source for file in files if file.table == PATHS}
    if len(sources) != 1 and any(file.table != TRACKS for file in files):
        raise GenerationError("The manifest does not name the paths of every chunk.")
    chunk = ChunkFiles("".join(sources))
    for file in sorted(files, key=lambda file: file.stored.name):
        getattr(chunk, file.table).append(file)
    return chunk


def read_columns(storage: ObjectStorage, files: Sequence[TableFile], table: str) -> dict[str, list[Any]]:
    """Return the rows of files of one table, column by column, without the bytes of tracks.

    Raises:
        GenerationError: one cannot be read, has other columns, or is damaged.
    """
    names = [column.name for column in COLUMNS_OF[table] if column.name != MUSIC_COLUMN]
    values: dict[str, list[Any]] = {name: [] for name in names}
    for file in files:
        for name, cells in _read_file(storage, file, names).items():
            values[name] += cells
    return values


def _read_file(storage: ObjectStorage, file: TableFile, names: Sequence[str]) -> dict[str, list[Any]]:
    name = file.stored.name
    with closing(RemoteFile(storage, name, file.stored.size)) as source:
        rows = read_rows(COLUMNS_OF[file.table], name, source, names)
    if len(rows) != file.stored.rows:
        raise GenerationError(f"{name} does not have the rows that the manifest states.")
    present = set(rows.column_names)
    return {it: rows.column(it).to_pylist() if it in present else [None] * len(rows) for it in names}
