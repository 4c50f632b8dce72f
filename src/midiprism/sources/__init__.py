"""Where songs come from: folders and files, archives, Parquet files; others behind the same interface."""

from midiprism.sources.folder import FolderSource, open_folders
from midiprism.sources.marker import MARKER_FILE_NAME, is_result_folder
from midiprism.sources.open import PathReader, open_source
from midiprism.sources.source import (
    MemberLocation,
    Notice,
    SequentialSource,
    SongContent,
    SongRef,
    Source,
    UnreadableError,
)

__all__ = [
    "MARKER_FILE_NAME",
    "FolderSource",
    "MemberLocation",
    "Notice",
    "PathReader",
    "SequentialSource",
    "SongContent",
    "SongRef",
    "Source",
    "UnreadableError",
    "is_result_folder",
    "open_folders",
    "open_source",
]
