"""Sources of songs: folders and files, archives, Parquet files, lists of paths.

The names below are loaded on first use: a search needs to know a marker, and no source.
"""

from typing import TYPE_CHECKING

from midiprism.lazy_names import load_on_first_use

if TYPE_CHECKING:
    from midiprism.sources.folder import FolderSource as FolderSource
    from midiprism.sources.folder import open_folders as open_folders
    from midiprism.sources.marker import MARKER_FILE_NAME as MARKER_FILE_NAME
    from midiprism.sources.marker import parse_marker as parse_marker
    from midiprism.sources.open import open_source as open_source
    from midiprism.sources.path_reader import PathReader as PathReader
    from midiprism.sources.source import JUNK as JUNK
    from midiprism.sources.source import MemberLocation as MemberLocation
    from midiprism.sources.source import Notice as Notice
    from midiprism.sources.source import PathRange as PathRange
    from midiprism.sources.source import RecordedSong as RecordedSong
    from midiprism.sources.source import SongContent as SongContent
    from midiprism.sources.source import SongRef as SongRef
    from midiprism.sources.source import Source as Source
    from midiprism.sources.source import UnreadableError as UnreadableError

_MODULES = {
    "FolderSource": "midiprism.sources.folder",
    "JUNK": "midiprism.sources.source",
    "MARKER_FILE_NAME": "midiprism.sources.marker",
    "MemberLocation": "midiprism.sources.source",
    "Notice": "midiprism.sources.source",
    "PathRange": "midiprism.sources.source",
    "PathReader": "midiprism.sources.path_reader",
    "RecordedSong": "midiprism.sources.source",
    "SongContent": "midiprism.sources.source",
    "SongRef": "midiprism.sources.source",
    "Source": "midiprism.sources.source",
    "UnreadableError": "midiprism.sources.source",
    "open_folders": "midiprism.sources.folder",
    "open_source": "midiprism.sources.open",
    "parse_marker": "midiprism.sources.marker",
}

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

__getattr__ = load_on_first_use(globals(), _MODULES)
