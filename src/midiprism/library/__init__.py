"""Where parents come from: folders and files, archives, Parquet files; others behind the same interface."""

from midiprism.library.folder import FolderLibrary, open_folders
from midiprism.library.marker import MARKER, holds_result
from midiprism.library.source import Approaching, Content, Found, Library, Member, Notice, UnreadableError
from midiprism.library.sources import Again, open_library

__all__ = [
    "MARKER",
    "Again",
    "Approaching",
    "Content",
    "FolderLibrary",
    "Found",
    "Library",
    "Member",
    "Notice",
    "UnreadableError",
    "holds_result",
    "open_folders",
    "open_library",
]
