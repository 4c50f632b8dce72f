"""The stores of tracks. Each kind of store implements ``TrackStore``; this module lists the kinds.

To add a kind, implement ``TrackStore`` in a module of this package and add it to ``STORE_KINDS``. The command
line imports this module for its help, so that implementations are imported only when they are opened.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from midiprism.stores.errors import LostOrDamagedError
from midiprism.stores.files.layout import track_path
from midiprism.stores.files.naming import NAMING_VERSION, safe_name
from midiprism.stores.interface import StoreCapabilities, StoreOptions, TrackCopier, TrackStore
from midiprism.stores.null import NullStore
from midiprism.stores.sharded import ShardedTracks
from midiprism.stores.types import CopyOutcome, FileStatus, ScannedEntry, StoredTrack, TrackLocation

__all__ = [
    "DEFAULT_STORE_KIND",
    "NAMING_VERSION",
    "STORE_KINDS",
    "CopyOutcome",
    "FileStatus",
    "LostOrDamagedError",
    "NullStore",
    "RegisteredStore",
    "ScannedEntry",
    "ShardedTracks",
    "StoreCapabilities",
    "StoreOptions",
    "StoredTrack",
    "TrackCopier",
    "TrackLocation",
    "TrackStore",
    "open_store",
    "require_store_kind",
    "safe_name",
    "track_path",
]


@dataclass(frozen=True, slots=True)
class RegisteredStore:
    """A kind of store, as users choose it.

    Attributes:
        description: for the help of the command line, after the name of the kind.
        open: opens the store of the result in a folder.
        require: raises UsageError if something that it needs is not installed.
        tracks_are_files: see ``StoreCapabilities``; known before there is a result.
    """

    description: str
    open: Callable[[str, StoreOptions], TrackStore]
    require: Callable[[], None] = lambda: None
    tracks_are_files: bool = False


def _open_files(root: str, options: StoreOptions) -> TrackStore:
    from midiprism.stores.files.store import FileStore

    return FileStore(root, options)


def _open_parquet(root: str, options: StoreOptions) -> TrackStore:
    from midiprism.stores.parquet.store import ParquetStore

    return ParquetStore(root, options)


def _require_pyarrow() -> None:
    from midiprism.stores.parquet.schema import import_pyarrow

    import_pyarrow()


DEFAULT_STORE_KIND = "files"

STORE_KINDS: dict[str, RegisteredStore] = {
    "files": RegisteredStore("a MIDI file for each track", _open_files, tracks_are_files=True),
    "parquet": RegisteredStore("many tracks in each Parquet file", _open_parquet, _require_pyarrow),
}
"""All kinds of stores, by the names that markers and the command line use."""


def open_store(kind: str, root: str | os.PathLike[str], options: StoreOptions | None = None) -> TrackStore:
    """Return the store of the result in a folder, which exists.

    Args:
        kind: one of ``STORE_KINDS``.

    Raises:
        UsageError: something that it needs is not installed.
    """
    return STORE_KINDS[kind].open(os.fspath(root), options or StoreOptions())


def require_store_kind(kind: str) -> None:
    """Raise UsageError if something that a kind of store needs is not installed."""
    STORE_KINDS[kind].require()
