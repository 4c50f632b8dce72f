"""The store of a result, opened as the result's identity says."""

from midiprism.errors import UsageError
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.results.identity import Identity
from midiprism.results.result_dir import marker_facts, read_identity
from midiprism.stores import StoreOptions, TrackStore, open_store

_METADATA_KEYS = ("by", "context", "contract")
"""Facts about a result that a store may write into its files."""


MIRRORED_URL_KEY = "mirror_of"
"""Key in the marker of a mirror: the URL of the result whose tracks it has."""


def require_identity(out: str) -> Identity:
    """Return the identity of the result in ``out``.

    Raises:
        UsageError: ``out`` holds no result.
    """
    identity = read_identity(out)
    if identity is None:
        raise UsageError(f"{out} holds no midiprism result.")
    return identity


def open_result_store(
    out: str,
    identity: Identity,
    *,
    commits_in_order: bool = False,
    replaces_obstacles: bool = False,
    file_system: FileSystem = LOCAL_FILE_SYSTEM,
) -> TrackStore:
    """Return the store of the result in ``out``; the caller closes it. See ``StoreOptions``.

    Raises:
        UsageError: something that the store needs is not installed.
    """
    metadata = {key: str(value) for key, value in identity.as_dict().items() if key in _METADATA_KEYS}
    url = str(marker_facts(out).get(MIRRORED_URL_KEY, ""))
    options = StoreOptions(metadata, commits_in_order, replaces_obstacles, file_system, url)
    return open_store(identity.store, out, options)
