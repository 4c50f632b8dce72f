"""The Parquet files of a result in object storage, chunk by chunk, and their rows."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS, chunk_of_file
from midiprism.generations.result import TableFile
from midiprism.generations.tables import OUTCOME_COLUMNS, PATH_COLUMNS
from midiprism.objects import ObjectStorage
from midiprism.stores.parquet.io import open_reader, parquet_errors
from midiprism.stores.parquet.remote_file import RemoteFile
from midiprism.stores.parquet.schema import (
    LINK_COLUMNS,
    MUSIC_COLUMN,
    TRACK_COLUMNS,
    ParquetColumn,
    are_columns,
)

_COLUMNS = {TRACKS: TRACK_COLUMNS, LINKS: LINK_COLUMNS, SONGS: OUTCOME_COLUMNS, PATHS: PATH_COLUMNS}


@dataclass(frozen=True, slots=True)
class ChunkFiles:
    """The files of a chunk.

    Attributes:
        source: URL of its songs.
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
        chunk = chunk_of_file(file.stored.name)
        if chunk is None or file.table not in _COLUMNS:
            raise GenerationError(f"{file.stored.name} is not the name of a file of a result.")
        by_chunk.setdefault(chunk, []).append(file)
    return [_chunk_files(by_chunk[chunk]) for chunk in sorted(by_chunk)]


def _chunk_files(files: Sequence[TableFile]) -> ChunkFiles:
    sources = {file.source for file in files if file.table == PATHS}
    if len(sources) != 1:
        raise GenerationError("The manifest does not name the paths of every chunk.")
    chunk = ChunkFiles(sources.pop())
    for file in sorted(files, key=lambda file: file.stored.name):
        getattr(chunk, file.table).append(file)
    return chunk


def read_columns(storage: ObjectStorage, files: Sequence[TableFile], table: str) -> dict[str, list[Any]]:
    """Return the rows of files of one table, column by column, without the bytes of tracks.

    Raises:
        GenerationError: one cannot be read, has other columns, or is damaged.
    """
    columns = [column for column in _COLUMNS[table] if column.name != MUSIC_COLUMN]
    values: dict[str, list[Any]] = {column.name: [] for column in columns}
    for file in files:
        for name, cells in _read_file(storage, file, columns).items():
            values[name] += cells
    return values


def _read_file(
    storage: ObjectStorage, file: TableFile, columns: Sequence[ParquetColumn]
) -> dict[str, list[Any]]:
    name = file.stored.name
    errors: tuple[type[Exception], ...] = (OSError, *parquet_errors())
    try:
        with closing(RemoteFile(storage, name, file.stored.size)) as opened, open_reader(opened) as reader:
            present = reader.schema_arrow.names
            if not are_columns(present, _COLUMNS[file.table]):
                raise GenerationError(f"{name} does not have the columns that midiprism writes.")
            wanted = [column for column in columns if column.name in present]
            rows = reader.read(columns=[column.name for column in wanted])
            if len(rows) != file.stored.rows:
                raise GenerationError(f"{name} does not have the rows that the manifest states.")
            cells = {column.name: rows.column(column.name).to_pylist() for column in wanted}
    except errors as error:
        raise GenerationError(f"{name} cannot be read: {error}") from error
    return {column.name: cells.get(column.name) or [None] * len(rows) for column in columns}
