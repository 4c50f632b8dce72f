"""Where splits go. ``put`` is idempotent: a content has one place, and is written once."""

from midiprism.stores.files.layout import track_path
from midiprism.stores.files.naming import NAMING_VERSION, safe_name
from midiprism.stores.files.scanner import FileStatus, ScannedEntry, TrackScanner
from midiprism.stores.files.store import FileStore
from midiprism.stores.interface import StoredTrack, TrackStore
from midiprism.stores.memory_store import MemoryStore
from midiprism.stores.null import NullStore

__all__ = [
    "NAMING_VERSION",
    "FileStatus",
    "FileStore",
    "MemoryStore",
    "NullStore",
    "ScannedEntry",
    "StoredTrack",
    "TrackScanner",
    "TrackStore",
    "safe_name",
    "track_path",
]
