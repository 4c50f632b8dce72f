"""The interface of object storage, and the values that pass through it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from midiprism.objects.errors import ObjectStorageError

MAX_READS_IN_FLIGHT = 64
"""Most reads that are under way at once: answers take milliseconds, and the client little time."""

SMALL_READS = 16
"""Small reads that may be made one after the other: a thread for several takes less of the processor."""


class ObjectInfo(NamedTuple):
    """An object as a listing shows it.

    Attributes:
        key: its name below the URL of the storage.
        size: in bytes.
        etag: changes whenever the content does; empty where the store states none.
        modified: time at which it was put, by the clock of the store.
    """

    key: str
    size: int
    etag: str
    modified: datetime


class ReadRequest(NamedTuple):
    """A request for an object or a range of its bytes.

    Attributes:
        key: name of the object.
        start: first byte; with ``end``, the byte after the last. None for the whole object.
        etag: the object must still have this one; empty for any.
    """

    key: str
    start: int | None = None
    end: int | None = None
    etag: str = ""


class ObjectStorage(Protocol):
    """Objects below a URL. Failed requests are tried again, with growing pauses. Any thread may use it."""

    @property
    def url(self) -> str:
        """The URL, without credentials."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole, in one request, over one that is there.

        Raises:
            ObjectStorageError: it cannot be written.
        """

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one, and return whether the store says that it was written.

        The store may say no although it was written, if its first answer was lost: use ``create_record``.

        Raises:
            ObjectStorageError: it cannot be written, or it is not known whether it was.
        """

    def read(self, request: ReadRequest) -> bytes:
        """Return the bytes of an object or a range.

        Raises:
            ObjectMissingError: it is not there.
            ObjectChangedError: it has another etag.
            ObjectStorageError: it cannot be read.
        """

    def read_many(
        self, requests: Iterable[ReadRequest], in_flight: int = MAX_READS_IN_FLIGHT, *, grouped: int = 1
    ) -> Iterator[bytes | ObjectStorageError]:
        """Yield the bytes or the error of each request, in order.

        Args:
            requests: taken as there is room.
            in_flight: reads that may be under way at once, at most ``MAX_READS_IN_FLIGHT``.
            grouped: reads that one of these may make one after the other; ``SMALL_READS`` for small ones,
                since up to ``in_flight * grouped`` answers may wait to be taken.
        """

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose keys begin with ``prefix`` and a slash, or all, in any order.

        Raises:
            ObjectStorageError: they cannot be listed.
        """

    def info(self, key: str) -> ObjectInfo:
        """Return an object as a listing shows it.

        Raises:
            ObjectMissingError: it is not there.
            ObjectStorageError: the store does not answer.
        """

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; it is no error if they are not there.

        Raises:
            ObjectStorageError: they cannot be removed.
        """
