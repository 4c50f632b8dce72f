"""The promises of ``ObjectStorage``, kept by every kind of storage."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from midiprism.objects import (
    MAX_READS_IN_FLIGHT,
    ObjectChangedError,
    ObjectMissingError,
    ObjectStorage,
    ObjectStorageError,
    ReadRequest,
    create_record,
    open_storage,
    read_record,
    require_conditions,
)
from support.cloud_servers import use_server
from support.nightly import NIGHTLY
from support.object_stores import s3_server

NAMES = ["a b.mid", "ü/x.mid", "p%41.mid", "h#.mid", "q?.mid", "br[1].mid", "star*.mid", "folder/deep/x.mid"]


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=["memory", "file", "s3", "seaweedfs", "azurite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStorage:
    if request.param in ("s3", "seaweedfs", "azurite"):
        return open_storage(use_server(request.param, request, monkeypatch))
    if request.param == "file":
        return open_storage(f"{tmp_path.as_uri()}/store", make_folder=True)
    return open_storage(f"memory://{uuid4()}")


def test_what_was_put_is_read(storage: ObjectStorage) -> None:
    for name in NAMES:
        storage.put(name, name.encode())
    assert [storage.read(ReadRequest(name)) for name in NAMES] == [name.encode() for name in NAMES]
    storage.put(NAMES[0], b"other")
    assert storage.read(ReadRequest(NAMES[0])) == b"other"


def test_every_object_is_listed_with_its_size_and_etag(storage: ObjectStorage) -> None:
    assert [*storage.list()] == []
    for name in NAMES:
        storage.put(name, name.encode())
    listed = {it.key: it for it in storage.list()}
    assert sorted(listed) == sorted(NAMES)
    for name, found in listed.items():
        assert found.size == len(name.encode())
        assert storage.read(ReadRequest(name, etag=found.etag)) == name.encode()
        info = storage.info(name)
        # Azure quotes etags in one of the two answers.
        assert (info.key, info.size, info.etag.strip('"')) == (name, found.size, found.etag.strip('"'))
        assert abs(found.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert sorted(it.key for it in storage.list("folder")) == ["folder/deep/x.mid"]
    assert [*storage.list("fold")] == []


def test_more_objects_than_a_page_are_listed_and_removed(storage: ObjectStorage, tmp_path: Path) -> None:
    is_fast = storage.url.startswith(("memory", "file"))
    keys = [f"{number:05}" for number in range(2_100 if is_fast or NIGHTLY else 300)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: storage.put(key, b""), keys))
    assert sorted(it.key for it in storage.list()) == keys
    storage.delete(keys)
    assert [*storage.list()] == []


def test_an_object_is_created_once(storage: ObjectStorage) -> None:
    assert storage.create("record", b"first")
    assert not storage.create("record", b"second")
    assert storage.read(ReadRequest("record")) == b"first"


def test_of_many_who_create_an_object_one_wins(storage: ObjectStorage) -> None:
    with ThreadPoolExecutor(8) as pool:
        for round_number in range(3):
            key = f"race-{round_number}"
            bodies = [bytes([number]) for number in range(8)]
            created = [*pool.map(lambda body, key=key: storage.create(key, body), bodies)]
            assert created.count(True) == 1
            assert storage.read(ReadRequest(key)) == bodies[created.index(True)]


def test_ranges_are_read(storage: ObjectStorage) -> None:
    storage.put("object", bytes(range(100)))
    assert storage.read(ReadRequest("object", 10, 20)) == bytes(range(10, 20))
    assert storage.read(ReadRequest("object", 5, 5)) == b""


def test_many_ranges_are_read_in_order(storage: ObjectStorage) -> None:
    storage.put("object", bytes(range(250)))
    count = 2 * MAX_READS_IN_FLIGHT + 3
    requests = [ReadRequest("object", number, number + 2) for number in range(count)]
    requests.insert(7, ReadRequest("missing"))
    answers = [*storage.read_many(iter(requests))]
    assert isinstance(answers.pop(7), ObjectMissingError)
    assert answers == [bytes([number, number + 1]) for number in range(count)]


def test_an_object_that_has_changed_is_not_taken_for_the_listed_one(storage: ObjectStorage) -> None:
    storage.put("song", b"before")
    (listed,) = storage.list()
    storage.put("song", b"something else")
    with pytest.raises(ObjectChangedError, match="has changed since it was listed"):
        storage.read(ReadRequest("song", etag=listed.etag))


def test_a_missing_object_is_reported(storage: ObjectStorage) -> None:
    for call in (lambda: storage.read(ReadRequest("none")), lambda: storage.info("none")):
        with pytest.raises(ObjectMissingError, match="there is no such object"):
            call()


def test_removing_what_is_not_there_is_no_error(storage: ObjectStorage) -> None:
    storage.put("a", b"")
    storage.put("b", b"")
    storage.delete(["none", "a", "b"])
    storage.delete([])
    assert [*storage.list()] == []


def test_unsafe_names_are_refused(storage: ObjectStorage) -> None:
    for name in ("../escape", "a/../../b", "a//b", "./a"):
        with pytest.raises(ObjectStorageError):
            storage.put(name, b"")
        with pytest.raises(ObjectStorageError):
            storage.read(ReadRequest(name))


def test_records_and_the_probe_work(storage: ObjectStorage) -> None:
    assert abs(require_conditions(storage) - datetime.now(UTC)) < timedelta(minutes=5)
    assert [*storage.list()] == []
    ours = create_record(storage, "record", {"name": "ü"})
    theirs = create_record(storage, "record", {"name": "other"})
    assert ours.is_ours
    assert not theirs.is_ours
    assert theirs.content == ours.content == read_record(storage, "record")
    assert ours.content["name"] == "ü"


def test_few_answers_wait_where_few_reads_are_wanted_at_once(storage: ObjectStorage) -> None:
    storage.put("large", b"x")
    taken = []

    def requests() -> Iterator[ReadRequest]:
        for number in range(12):
            taken.append(number)
            yield ReadRequest("large")

    answers = storage.read_many(requests(), 2)
    waiting = []
    for number, answer in enumerate(answers):
        assert answer == b"x"
        waiting.append(len(taken) - number)
    assert max(waiting) <= 3
    assert len(taken) == len(waiting) == 12


def test_a_folder_is_made_only_if_that_is_wanted(tmp_path: Path) -> None:
    url = f"{tmp_path.as_uri()}/with space/none"
    with pytest.raises(ObjectMissingError, match="it cannot be opened: there is no such object"):
        open_storage(url)
    assert [*tmp_path.iterdir()] == []
    open_storage(url, make_folder=True).put("a", b"")
    assert (tmp_path / "with space" / "none" / "a").is_file()
