"""Where parents come from: folders and files today, archives and databases behind the same interface."""

from midiprism.library.folder import FolderLibrary, open_folders
from midiprism.library.marker import MARKER, holds_result
from midiprism.library.source import Content, Found, Library, Notice, UnreadableError

__all__ = [
    "MARKER",
    "Content",
    "FolderLibrary",
    "Found",
    "Library",
    "Notice",
    "UnreadableError",
    "holds_result",
    "open_folders",
]
