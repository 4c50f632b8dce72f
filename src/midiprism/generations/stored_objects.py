"""Data objects with their sizes and digests, as records and manifests name them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from blake3 import blake3

from midiprism.generations.errors import GenerationError
from midiprism.generations.stage_clocks import CLOCKS
from midiprism.objects import MAX_READS_IN_FLIGHT, ObjectStorage, ObjectStorageError, ReadRequest

_BYTES_IN_FLIGHT = 8 << 20
"""Most bytes of objects that are read before they are wanted, unless a single one has more."""


class StoredObject(NamedTuple):
    """A data object.

    Attributes:
        name: below the URL of the result.
        size: in bytes.
        digest: BLAKE3 of them, in hex.
        rows: that a Parquet file has; 0 for other objects.
    """

    name: str
    size: int
    digest: str
    rows: int = 0

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "bytes": self.size, "blake3": self.digest, "rows": self.rows}

    @classmethod
    def from_json(cls, value: Any) -> "StoredObject":
        """Return an object as a record names it.

        Raises:
            GenerationError: the record does not name one.
        """
        try:
            return cls(str(value["name"]), int(value["bytes"]), str(value["blake3"]), int(value["rows"]))
        except (TypeError, KeyError, ValueError) as error:
            raise GenerationError("A record does not name its objects as midiprism does.") from error


def put_object(storage: ObjectStorage, name: str, data: bytes, rows: int = 0) -> StoredObject:
    """Write a data object under a name that nobody has used, and return it.

    Raises:
        ObjectStorageError: it cannot be written.
    """
    with CLOCKS.measure("writes"):
        storage.put(name, data)
    return StoredObject(name, len(data), blake3(data).hexdigest(), rows)


def read_object(storage: ObjectStorage, stored: StoredObject) -> bytes:
    """Return the bytes of a data object.

    Raises:
        ObjectStorageError: it cannot be read.
        GenerationError: it is damaged.
    """
    with CLOCKS.measure("reads"):
        data = storage.read(ReadRequest(stored.name))
    return _checked(storage, stored, data)


def read_objects(storage: ObjectStorage, objects: Sequence[StoredObject]) -> Iterator[bytes]:
    """Yield the bytes of data objects, in order; the larger they are, the fewer are read ahead.

    Raises:
        ObjectStorageError: one cannot be read.
        GenerationError: one is damaged.
    """
    largest = max((stored.size for stored in objects), default=0)
    in_flight = max(1, min(MAX_READS_IN_FLIGHT, _BYTES_IN_FLIGHT // max(1, largest)))
    answers = storage.read_many((ReadRequest(stored.name) for stored in objects), in_flight)
    for stored, answer in zip(objects, raise_errors(answers), strict=True):
        yield _checked(storage, stored, answer)


def raise_errors(answers: Iterable[bytes | ObjectStorageError]) -> Iterator[bytes]:
    """Yield the answers to reads; raise the first error."""
    for answer in answers:
        if isinstance(answer, ObjectStorageError):
            raise answer
        yield answer


def _checked(storage: ObjectStorage, stored: StoredObject, data: bytes) -> bytes:
    if len(data) != stored.size or blake3(data).hexdigest() != stored.digest:
        raise GenerationError(f"{storage.url}: {stored.name} is damaged: it is not what was written.")
    return data
