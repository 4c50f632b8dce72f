"""The collections of a user: lists of tracks with names, a file each in the user's data folder."""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from platformdirs import user_data_dir

from midiprism.errors import StoreError, UsageError
from midiprism.fs.atomic_write import atomic_replace
from midiprism.web.errors import NotFoundError

FOLDER_VARIABLE = "MIDIPRISM_DATA"
MAX_TRACKS = 20_000
MAX_NAME_LENGTH = 200

_ID = re.compile(r"[0-9a-f]{16}")
_SUFFIX = ".json"


def data_folder() -> str:
    """Return the folder of the user's data, or the one that the environment names."""
    return os.environ.get(FOLDER_VARIABLE) or user_data_dir("midiprism", appauthor=False)


def library_folder(result: str) -> str:
    """Return the folder of the user's data about the result in a folder."""
    place = os.fsencode(os.path.realpath(result))
    return os.path.join(data_folder(), "libraries", hashlib.blake2b(place, digest_size=12).hexdigest())


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection.

    Attributes:
        id: 16 hex digits.
        name: as the user gave it.
        digests: of its tracks in the order in which they were added, each once.
    """

    id: str
    name: str
    digests: tuple[bytes, ...] = ()


class Collections:
    """The collections for one result. Any thread may use it.

    Args:
        folder: that holds them; it is made when one is.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = Lock()

    def list(self) -> Sequence[Collection]:
        """Return all collections, sorted by their names.

        Raises:
            StoreError: one of them cannot be read.
        """
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        ids = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        found = [self.get(one) for one in ids if _ID.fullmatch(one)]
        return sorted(found, key=lambda it: (it.name.casefold(), it.id))

    def get(self, collection_id: str) -> Collection:
        """Return a collection.

        Raises:
            NotFoundError: there is none with this id.
            StoreError: it cannot be read.
        """
        try:
            with open(self._path(collection_id), encoding="utf-8") as file:
                content: dict[str, Any] = json.load(file)
            digests = tuple(bytes.fromhex(digest) for digest in content["digests"])
            return Collection(collection_id, str(content["name"]), digests)
        except FileNotFoundError as error:
            raise NotFoundError("There is no such collection.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self._path(collection_id)} cannot be read: {error}.") from error

    def create(self, name: str) -> Collection:
        """Make an empty collection, and return it.

        Raises:
            UsageError: the name is too long or empty.
            StoreError: it cannot be written.
        """
        collection = Collection(secrets.token_hex(8), _checked_name(name))
        with self._lock:
            self._write(collection)
        return collection

    def rename(self, collection_id: str, name: str) -> Collection:
        """Give a collection another name, and return it; errors as for ``get`` and ``create``."""
        with self._lock:
            collection = replace(self.get(collection_id), name=_checked_name(name))
            self._write(collection)
        return collection

    def add(self, collection_id: str, digests: Iterable[bytes]) -> Collection:
        """Add tracks to a collection, and return it; errors as for ``get`` and ``create``."""
        with self._lock:
            collection = self.get(collection_id)
            every = tuple(dict.fromkeys((*collection.digests, *digests)))
            if len(every) > MAX_TRACKS:
                raise UsageError(f"A collection has at most {MAX_TRACKS:,} tracks.")
            collection = replace(collection, digests=every)
            self._write(collection)
        return collection

    def remove(self, collection_id: str, digests: Iterable[bytes]) -> Collection:
        """Remove tracks from a collection, and return it; errors as for ``get``."""
        removed = {*digests}
        with self._lock:
            collection = self.get(collection_id)
            left = tuple(digest for digest in collection.digests if digest not in removed)
            collection = replace(collection, digests=left)
            self._write(collection)
        return collection

    def delete(self, collection_id: str) -> None:
        """Delete a collection.

        Raises:
            NotFoundError: there is none with this id.
            StoreError: it cannot be deleted.
        """
        try:
            os.unlink(self._path(collection_id))
        except FileNotFoundError as error:
            raise NotFoundError("There is no such collection.") from error
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be written: {error.strerror or error}.") from error

    def _write(self, collection: Collection) -> None:
        content = {"name": collection.name, "digests": [digest.hex() for digest in collection.digests]}
        try:
            os.makedirs(self._folder, exist_ok=True)
            with atomic_replace(self._path(collection.id)) as descriptor:
                os.write(descriptor, json.dumps(content).encode())
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be written: {error.strerror or error}.") from error

    def _path(self, collection_id: str) -> str:
        if not _ID.fullmatch(collection_id):
            raise NotFoundError("There is no such collection.")
        return os.path.join(self._folder, collection_id + _SUFFIX)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise UsageError(f"The name of a collection has 1 to {MAX_NAME_LENGTH} characters.")
    return name
