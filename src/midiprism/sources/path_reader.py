"""Reading songs by their paths alone, without the source that listed them."""

import os

from midiprism.sources.archives.archive_reader import ArchiveReader
from midiprism.sources.file_types import container_paths, is_archive
from midiprism.sources.folder import read_file
from midiprism.sources.parquet import ParquetReader
from midiprism.sources.source import SongContent


class PathReader:
    """Reads files, members of archives and rows of Parquet files."""

    def __init__(self) -> None:
        self._archive_reader = ArchiveReader()
        self._parquet_reader = ParquetReader()

    def read(self, path: bytes, limit: int) -> SongContent:
        """Read the song at a path.

        Raises:
            UnreadableError: its bytes cannot be read.
        """
        for container in container_paths(path):
            if os.path.isfile(container):
                reader = self._archive_reader if is_archive(container) else self._parquet_reader
                return reader.read_by_name(container, path[len(container) + 1 :], limit)
        return read_file(path, limit)
