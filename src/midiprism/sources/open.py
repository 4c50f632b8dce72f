"""Opening a source out of the paths of folders, files, archives and Parquet files."""

import os
from collections.abc import Sequence
from itertools import groupby

from midiprism.errors import NoParquetSourceError
from midiprism.sources.archives.archive_reader import ArchiveReader
from midiprism.sources.archives.archive_source import ArchiveSource
from midiprism.sources.chained import ChainedSource
from midiprism.sources.file_types import is_archive, is_parquet
from midiprism.sources.folder import open_folders
from midiprism.sources.parquet import ParquetReader, open_parquet
from midiprism.sources.source import Source


def open_source(
    sources: Sequence[str | bytes | os.PathLike[str]],
    out: bytes | None = None,
    *,
    enter_archives: bool = False,
    song_column: str | None = None,
    name_column: str | None = None,
    kept_columns: Sequence[str] = (),
) -> Source:
    """Open folders, files, archives and Parquet files as one source, in the order they are named.

    Args:
        sources: paths that must exist. Archives and Parquet files are recognized by their names.
        out: folder of the result; no source may be in it.
        enter_archives: whether archives inside folders are read.
        song_column: column of Parquet files that holds the songs; None for the only column that can.
        name_column: column that names the songs; None to name them by their row numbers.
        kept_columns: columns whose values are kept as facts of a song; see ``SongContent``.

    Raises:
        NoParquetSourceError: columns are named, and no source is a Parquet file.
        UsageError: a source is missing, is neither file nor folder, is in a midiprism result, or lacks one of
            the columns.
    """
    paths = list(dict.fromkeys(os.path.abspath(os.fsencode(source)) for source in sources))
    if (song_column or name_column or kept_columns) and not any(map(is_parquet, paths)):
        raise NoParquetSourceError
    opened: list[Source] = []
    by_container: dict[bytes, Source] = {}
    archive_reader, parquet_reader = ArchiveReader(), ParquetReader()
    for kind, group in groupby(paths, _path_kind):
        if kind == "folder":
            folders = open_folders(
                list(group), out, archive_reader=archive_reader if enter_archives else None
            )
            by_container[b""] = folders  # all of them read files in the same way
            opened.append(folders)
            continue
        for path in group:
            source: Source = (
                ArchiveSource(path, archive_reader)
                if kind == "archive"
                else open_parquet(path, song_column, name_column, tuple(kept_columns), parquet_reader)
            )
            by_container[path] = source
            opened.append(source)
    return opened[0] if len(opened) == 1 else ChainedSource(tuple(opened), by_container)


def _path_kind(path: bytes) -> str:
    if os.path.isfile(path):
        if is_archive(path):
            return "archive"
        if is_parquet(path):
            return "parquet"
    return "folder"
