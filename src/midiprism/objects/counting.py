"""Counts the requests to object storage of this process, for what they cost."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from midiprism.objects.errors import ObjectStorageError
from midiprism.objects.storage import MAX_READS_IN_FLIGHT, ObjectInfo, ObjectStorage, ReadRequest

KEYS_PER_REQUEST = 1_000
"""Most objects that one request lists or removes."""


class RequestCounts(NamedTuple):
    """Counts of requests by kind, and of the bytes in them.

    Attributes:
        gets: reads of an object or a range.
        puts: objects written, those included that were there already.
        lists: pages of listings.
        heads: questions about one object.
        deletes: requests that remove objects.
        bytes_read: of objects.
        bytes_written: of objects.
    """

    gets: int = 0
    puts: int = 0
    lists: int = 0
    heads: int = 0
    deletes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    def plus(self, other: "RequestCounts") -> "RequestCounts":
        """Return the sum of both."""
        return RequestCounts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class RequestCounter:
    """Adds up requests; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = RequestCounts()

    def add(self, counts: RequestCounts) -> None:
        """Add requests."""
        with self._lock:
            self._counts = self._counts.plus(counts)

    def take(self) -> RequestCounts:
        """Return the requests since this was called last."""
        with self._lock:
            counts, self._counts = self._counts, RequestCounts()
        return counts


REQUESTS = RequestCounter()
"""The requests of this process to all storage that ``open_storage`` opened."""

_HEAD = RequestCounts(heads=1)
_LIST = RequestCounts(lists=1)


class CountedStorage:
    """Object storage whose requests are counted; see ``ObjectStorage``.

    A request that failed is counted once, however often it was tried.
    """

    def __init__(self, inner: ObjectStorage, counter: RequestCounter) -> None:
        self._inner = inner
        self._counter = counter

    @property
    def url(self) -> str:
        return self._inner.url

    def put(self, key: str, data: bytes) -> None:
        self._counter.add(RequestCounts(puts=1, bytes_written=len(data)))
        self._inner.put(key, data)

    def create(self, key: str, data: bytes) -> bool:
        self._counter.add(RequestCounts(puts=1, bytes_written=len(data)))
        return self._inner.create(key, data)

    def read(self, request: ReadRequest) -> bytes:
        data = b""
        try:
            data = self._inner.read(request)
        finally:
            self._counter.add(_reads([request], len(data)))
        return data

    def read_many(
        self, requests: Iterable[ReadRequest], in_flight: int = MAX_READS_IN_FLIGHT, *, grouped: int = 1
    ) -> Iterator[bytes | ObjectStorageError]:
        sent: list[ReadRequest] = []

        def noted() -> Iterator[ReadRequest]:
            for request in requests:
                sent.append(request)
                yield request

        size = 0
        try:
            for answer in self._inner.read_many(noted(), in_flight, grouped=grouped):
                size += len(answer) if isinstance(answer, bytes) else 0
                if len(sent) > MAX_READS_IN_FLIGHT:
                    self._counter.add(_reads(sent, size))
                    sent.clear()
                    size = 0
                yield answer
        finally:
            self._counter.add(_reads(sent, size))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self._counter.add(_LIST)
        for number, info in enumerate(self._inner.list(prefix)):
            if number and number % KEYS_PER_REQUEST == 0:
                self._counter.add(_LIST)
            yield info

    def info(self, key: str) -> ObjectInfo:
        self._counter.add(_HEAD)
        return self._inner.info(key)

    def delete(self, keys: Sequence[str]) -> None:
        self._counter.add(RequestCounts(deletes=-(-len(keys) // KEYS_PER_REQUEST)))
        self._inner.delete(keys)


def _reads(requests: Iterable[ReadRequest], size: int) -> RequestCounts:
    """Return the counts of reads; a range of no bytes needs no request."""
    return RequestCounts(gets=sum(it.start is None or it.start != it.end for it in requests), bytes_read=size)
