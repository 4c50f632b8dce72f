"""Sources of songs: folders and files, archives, Parquet files, lists of paths."""

from midiprism.sources.folder import FolderSource, open_folders
from midiprism.sources.marker import MARKER_FILE_NAME, parse_marker
from midiprism.sources.open import open_source
from midiprism.sources.path_reader import PathReader
from midiprism.sources.source import (
    JUNK,
    MemberLocation,
    Notice,
    PathRange,
    RecordedSong,
    SongContent,
    SongRef,
    Source,
    UnreadableError,
)

__all__ = [
    "JUNK",
    "MARKER_FILE_NAME",
    "FolderSource",
    "MemberLocation",
    "Notice",
    "PathRange",
    "PathReader",
    "RecordedSong",
    "SongContent",
    "SongRef",
    "Source",
    "UnreadableError",
    "open_folders",
    "open_source",
    "parse_marker",
]
