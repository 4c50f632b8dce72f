"""The file system of a new result: tried once, recorded in the marker, and refused where it is unsuitable."""

from typing import Any

from midiprism.fs.file_system import FileSystem
from midiprism.fs.file_system_probe import FileSystemTraits, probe_file_system, remove_probe_folders
from midiprism.results.errors import UnsuitableFileSystemError
from midiprism.results.lock import Exclusive
from midiprism.stores import STORE_KINDS
from midiprism.stores.errors import write_error

FILE_SYSTEM_KEY = "file_system"
"""Key in the marker of the traits of the file system on which the result was made."""

LONGEST_TRACK_NAME = 149
"""Most bytes of the name of a track's file; see ``stores.files.layout``."""


def probe_for_result(
    out: str, store_kind: str, file_system: FileSystem, exclusive: Exclusive, *, needs_locks: bool
) -> dict[str, Any]:
    """Return the traits of the file system of ``out``, as facts of its marker.

    Args:
        out: the folder of the result, which is locked.
        store_kind: kind of the result's store.
        exclusive: of its lock; what probes left is removed unless another process may be trying it.
        needs_locks: whether the catalog is a file in the folder.

    Raises:
        UnsuitableFileSystemError: a result on it could be damaged, or would miss tracks.
        StoreError: it cannot be written.
    """
    try:
        with exclusive() as alone:
            if alone:
                remove_probe_folders(out, file_system)
        traits = probe_file_system(out, file_system)
    except OSError as error:
        raise write_error(out, error) from error
    _require_suitable(
        out, traits, tracks_are_files=STORE_KINDS[store_kind].tracks_are_files, locks=needs_locks
    )
    return {FILE_SYSTEM_KEY: traits.as_dict()}


def _require_suitable(out: str, traits: FileSystemTraits, *, tracks_are_files: bool, locks: bool) -> None:
    if locks and not traits.locks:
        raise UnsuitableFileSystemError(out, "locks")
    if tracks_are_files and traits.longest_name < LONGEST_TRACK_NAME:
        raise UnsuitableFileSystemError(out, "name_length")
    if tracks_are_files and not traits.all_names:
        raise UnsuitableFileSystemError(out, "names")
