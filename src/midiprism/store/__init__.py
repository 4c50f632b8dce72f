"""Where splits go. ``put`` is idempotent: a content has one place, and is written once."""

from midiprism.store.files import FileStore
from midiprism.store.gathering import GatheringStore
from midiprism.store.interface import Store, Stored
from midiprism.store.layout import track_path
from midiprism.store.naming import NAMING_VERSION, safe_name
from midiprism.store.null import NullStore
from midiprism.store.survey import Entry, Look, Survey

__all__ = [
    "NAMING_VERSION",
    "Entry",
    "FileStore",
    "GatheringStore",
    "Look",
    "NullStore",
    "Store",
    "Stored",
    "Survey",
    "safe_name",
    "track_path",
]
