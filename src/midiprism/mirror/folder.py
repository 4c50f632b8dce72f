"""The folder of a mirror, and the record of what it holds of the result in object storage."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from platformdirs import user_cache_path

from midiprism.errors import StoreError, UsageError
from midiprism.fs.atomic_write import atomic_replace
from midiprism.generations.result import ResultIdentity
from midiprism.results.identity import Identity
from midiprism.results.lock import LOCK_FILE
from midiprism.results.result_dir import read_marker, write_marker
from midiprism.results.result_store import MIRRORED_URL_KEY
from midiprism.sources import MARKER_FILE_NAME

_STATE_FILE = "mirror.json"


def mirror_folder(url: str) -> str:
    """Return the folder of the mirror of a result: one of the user's cache, or of ``MIDIPRISM_CACHE_DIR``.

    Args:
        url: of the result in object storage.
    """
    folder = os.environ.get("MIDIPRISM_CACHE_DIR")
    cache = Path(folder) if folder else user_cache_path("midiprism")
    return str(cache / "mirrors" / hashlib.blake2b(url.encode(), digest_size=12).hexdigest())


class MirroredState(NamedTuple):
    """The contents of a mirror.

    Attributes:
        generation: that it mirrors; 0 for none.
        names: of the files that are recorded.
        begun: names of files that an update began to record, some of which may be recorded.
    """

    generation: int
    names: frozenset[str]
    begun: frozenset[str] = frozenset()


NOTHING = MirroredState(0, frozenset())


def read_state(folder: str) -> MirroredState:
    """Return what a mirror holds; nothing if that is not recorded."""
    try:
        content: Any = json.loads(Path(folder, _STATE_FILE).read_bytes())
        names, begun = (frozenset(map(str, content[key])) for key in ("names", "begun"))
        return MirroredState(int(content["generation"]), names, begun)
    except (OSError, ValueError, KeyError, TypeError):
        return NOTHING


def write_state(folder: str, state: MirroredState) -> None:
    """Record what a mirror holds.

    Raises:
        StoreError: it cannot be written.
    """
    content = json.dumps(
        {"generation": state.generation, "names": sorted(state.names), "begun": sorted(state.begun)}
    )
    try:
        with atomic_replace(os.path.join(folder, _STATE_FILE)) as descriptor:
            os.write(descriptor, content.encode())
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error


def mark_as_mirror(folder: str, url: str, identity: ResultIdentity) -> None:
    """Mark a folder as the mirror of a result.

    Raises:
        UsageError: it holds another result.
        StoreError: it cannot be written.
    """
    if os.path.lexists(os.path.join(folder, MARKER_FILE_NAME)):
        if read_marker(folder).get(MIRRORED_URL_KEY) != url:
            raise UsageError(f"{folder} holds another result: move it away.")
        return
    facts = Identity(identity.by, identity.context, identity.contract, store="parquet").as_dict()
    write_marker(folder, "result", {**facts, MIRRORED_URL_KEY: url})


def clear(folder: str) -> None:
    """Remove all that a mirror holds, but its lock.

    Raises:
        StoreError: something cannot be removed.
    """
    try:
        for entry in [*os.scandir(folder)]:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.name != LOCK_FILE:
                with suppress(FileNotFoundError):
                    os.unlink(entry.path)
    except OSError as error:
        raise StoreError(f"{folder} cannot be emptied: {error.strerror or error}.") from error
