"""Records: small JSON objects that are created once and never changed.

A record carries a random token. If the store says that there is one already, it is read: with the same token
it is ours, and only the answer was lost; with another, somebody was faster. If none is there, the store has
answered wrongly, and the record is created again.
"""

import json
import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from midiprism.objects.errors import ObjectMissingError, ObjectStorageError
from midiprism.objects.storage import ObjectStorage, ReadRequest

TOKEN = "token"  # noqa: S105 - the name of a field

_TRIES = 8
_FIRST_PAUSE, _MAX_PAUSE = 0.05, 5.0


class Record(NamedTuple):
    """A record that is in the store.

    Attributes:
        content: as it is there, with its token.
        is_ours: whether this call has created it.
    """

    content: dict[str, Any]
    is_ours: bool


def create_record(
    storage: ObjectStorage,
    key: str,
    content: Mapping[str, Any],
    sleep: Callable[[float], None] = time.sleep,
) -> Record:
    """Create a record unless there is one, and return the one that is there.

    Raises:
        ObjectStorageError: it is not known whether it was created, after several tries.
    """
    ours = {**content, TOKEN: secrets.token_hex(16)}
    data = json.dumps(ours, ensure_ascii=False, separators=(",", ":")).encode()
    error = ObjectStorageError(f"{storage.url}: {key} is said to be there, and is not.")
    for number in range(_TRIES):
        if number:
            sleep(min(_MAX_PAUSE, _FIRST_PAUSE * 2**number) * random.uniform(0.5, 1))
        try:
            if storage.create(key, data):
                return Record(ours, True)
        except ObjectStorageError as failed:  # it may be there all the same
            if not failed.is_transient:
                raise
            error = failed
        try:
            found = read_record(storage, key)
        except ObjectMissingError:
            continue
        except ObjectStorageError as failed:
            if not failed.is_transient:
                raise
            error = failed
            continue
        return Record(found, found.get(TOKEN) == ours[TOKEN])
    raise error


def read_record(storage: ObjectStorage, key: str) -> dict[str, Any]:
    """Return the content of a record.

    Raises:
        ObjectMissingError: it is not there.
        ObjectStorageError: it cannot be read, or is no record.
    """
    return parse_record(storage, key, storage.read(ReadRequest(key)))


def parse_record(storage: ObjectStorage, key: str, data: bytes) -> dict[str, Any]:
    """Return the content of a record with these bytes.

    Raises:
        ObjectStorageError: it is no record.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ObjectStorageError(f"{storage.url}: {key} is not a record that midiprism wrote.")
    return content
