"""Requests to object storage are counted by kind, with the bytes in them."""

from uuid import uuid4

import pytest

from midiprism.objects import (
    ObjectMissingError,
    ObjectStorage,
    ReadRequest,
    RequestCounts,
    open_storage,
)
from midiprism.objects.counting import CountedStorage, RequestCounter


@pytest.fixture
def counter() -> RequestCounter:
    return RequestCounter()


@pytest.fixture
def storage(counter: RequestCounter) -> ObjectStorage:
    return CountedStorage(open_storage(f"memory://{uuid4()}"), counter)


def test_each_kind_of_request_is_counted(storage: ObjectStorage, counter: RequestCounter) -> None:
    storage.put("a", b"12345")
    assert storage.create("b", b"123")
    assert not storage.create("b", b"12")
    assert storage.read(ReadRequest("a")) == b"12345"
    assert storage.info("a").size == 5
    assert len([*storage.list()]) == 2
    storage.delete(["a", "b"])
    expected = RequestCounts(gets=1, puts=3, lists=1, heads=1, deletes=1, bytes_read=5, bytes_written=10)
    assert counter.take() == expected
    assert counter.take() == RequestCounts()


def test_reads_at_once_are_counted_one_by_one_and_reads_of_nothing_are_not(
    storage: ObjectStorage, counter: RequestCounter
) -> None:
    storage.put("a", bytes(100))
    counter.take()
    requests = [ReadRequest("a", number % 2, 1) for number in range(200)]
    assert [*storage.read_many(requests)] == [b"\0", b""] * 100
    assert counter.take() == RequestCounts(gets=100, bytes_read=100)


def test_failed_reads_are_counted(storage: ObjectStorage, counter: RequestCounter) -> None:
    with pytest.raises(ObjectMissingError):
        storage.read(ReadRequest("none"))
    (answer,) = storage.read_many([ReadRequest("none")])
    assert isinstance(answer, ObjectMissingError)
    assert counter.take() == RequestCounts(gets=2)


def test_a_listing_has_a_request_for_each_thousand_objects(
    storage: ObjectStorage, counter: RequestCounter
) -> None:
    keys = [f"{number:04}" for number in range(2_001)]
    for key in keys:
        storage.put(key, b"")
    counter.take()
    assert len([*storage.list()]) == len(keys)
    storage.delete(keys)
    assert counter.take() == RequestCounts(lists=3, deletes=3)
