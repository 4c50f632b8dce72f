"""Checks that a store keeps the condition "create only if absent", on which every commit relies."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from midiprism.errors import UsageError
from midiprism.objects.errors import ObjectStorageError
from midiprism.objects.storage import ObjectStorage, ReadRequest

PROBE_FOLDER = "probes"
_RACERS = 8
_TRIES = 5


def require_conditions(storage: ObjectStorage) -> datetime:
    """Return the time by the store's clock, once it has shown that it creates an object only once.

    Eight creations race for one name, since some stores keep the condition only for those that come late,
    and one comes late.

    Raises:
        UsageError: the store does not keep the condition.
        ObjectStorageError: the store cannot be read or written.
    """
    key = f"{PROBE_FOLDER}/{secrets.token_hex(16)}"
    bodies = [secrets.token_bytes(16) for _ in range(_RACERS)]
    winners = _race(storage, key, bodies)
    try:
        found = storage.read(ReadRequest(key))
        created_again = _may_create(storage, key, b"late")
        is_kept = len(winners) <= 1 and not created_again
        if not is_kept or found not in (winners or bodies) or storage.read(ReadRequest(key)) != found:
            raise UsageError(
                f"{storage.url} does not keep the condition If-None-Match: it created an object that was "
                "there. Results would not be safe there: choose a store that keeps it, such as Amazon S3, "
                "Google Cloud Storage, Azure, MinIO or SeaweedFS."
            )
        return storage.info(key).modified
    finally:
        storage.delete([key])


def _race(storage: ObjectStorage, key: str, bodies: list[bytes]) -> list[bytes]:
    """Create one object several times at once, and return the bodies whose creation was confirmed."""
    with ThreadPoolExecutor(len(bodies), "midiprism-probe") as pool:
        for _ in range(_TRIES):
            results = [*pool.map(lambda body: _may_create(storage, key, body), bodies)]
            winners = [body for body, created in zip(bodies, results, strict=True) if created]
            # Nobody wins if the answer to the winner was lost, or if the store was busy.
            if winners or any(it.key == key for it in storage.list(PROBE_FOLDER)):
                return winners
    raise ObjectStorageError(f"{storage.url} answers that an object exists which nobody has created.")


def _may_create(storage: ObjectStorage, key: str, body: bytes) -> bool:
    """Return whether the store confirms a creation; a request that fails for now confirms none."""
    try:
        return storage.create(key, body)
    except ObjectStorageError as error:
        if not error.is_transient:
            raise
        return False
