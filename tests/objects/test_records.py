"""Records are created once, whatever the store answers."""

import pickle
from collections.abc import Callable
from uuid import uuid4

import pytest

from midiprism.errors import UsageError
from midiprism.objects import (
    ObjectStorageError,
    create_record,
    open_storage,
    parse_storage_url,
    read_record,
    require_conditions,
)
from support.object_stores import CarelessStorage, HookedStorage, When


def _no_pause(_seconds: float) -> None:
    pass


def _hooked(hook: Callable[[When, str, str], None]) -> HookedStorage:
    return HookedStorage(open_storage(f"memory://{uuid4()}"), hook)


def _fail_first(when: When, name: str, times: int = 1) -> Callable[[When, str, str], None]:
    left = [times]

    def hook(now: When, called: str, _key: str) -> None:
        if (now, called) == (when, name) and left[0]:
            left[0] -= 1
            raise ObjectStorageError("503", is_transient=True)

    return hook


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("times", [1, 5])
def test_a_lost_answer_counts_as_ours(when: When, times: int) -> None:
    storage = _hooked(_fail_first(when, "create", times))
    assert create_record(storage, "record", {"a": 1}, _no_pause).is_ours
    assert not create_record(storage, "record", {"a": 2}, _no_pause).is_ours


def test_a_lost_answer_of_somebody_slower_counts_as_lost() -> None:
    storage = _hooked(lambda *_: None)
    theirs = create_record(storage, "record", {"a": 1}, _no_pause)
    storage.hook = _fail_first("after", "create")
    ours = create_record(storage, "record", {"a": 2}, _no_pause)
    assert not ours.is_ours
    assert ours.content == theirs.content


def test_a_failed_read_after_a_lost_answer_is_tried_again() -> None:
    failures = [_fail_first("after", "create"), _fail_first("before", "read", 2)]

    def fail(when: When, name: str, key: str) -> None:
        for hook in failures:
            hook(when, name, key)

    storage = _hooked(fail)
    assert create_record(storage, "record", {"a": 1}, _no_pause).is_ours


def test_a_conflict_without_an_object_is_tried_again() -> None:
    class Conflicting(HookedStorage):
        conflicts = 3

        def create(self, key: str, data: bytes) -> bool:
            if self.conflicts:
                self.conflicts -= 1
                return False
            return super().create(key, data)

    storage = Conflicting(open_storage(f"memory://{uuid4()}"), lambda *_: None)
    assert create_record(storage, "record", {"a": 1}, _no_pause).is_ours
    storage.conflicts = 100
    with pytest.raises(ObjectStorageError, match="is said to be there, and is not"):
        create_record(storage, "another", {"a": 1}, _no_pause)


def test_a_store_that_stays_away_is_given_up() -> None:
    storage = _hooked(_fail_first("before", "create", 100))
    with pytest.raises(ObjectStorageError, match="503"):
        create_record(storage, "record", {"a": 1}, _no_pause)


def test_refused_access_is_not_tried_again() -> None:
    calls = []

    def refuse(_when: When, name: str, _key: str) -> None:
        calls.append(name)
        raise ObjectStorageError("access is refused")

    with pytest.raises(ObjectStorageError, match="access is refused"):
        create_record(_hooked(refuse), "record", {"a": 1}, _no_pause)
    assert calls == ["create"]


@pytest.mark.parametrize("data", [b"", b"[]", b"\x80\x04pickle", b"[" * 100_000])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    storage = open_storage(f"memory://{uuid4()}")
    storage.put("record", data)
    with pytest.raises(ObjectStorageError, match="is not a record that midiprism wrote"):
        read_record(storage, "record")


def test_a_store_that_ignores_conditions_is_refused() -> None:
    storage = CarelessStorage(open_storage(f"memory://{uuid4()}"))
    with pytest.raises(UsageError, match="does not keep the condition If-None-Match"):
        require_conditions(storage)
    assert [*storage.list()] == []


def test_a_store_that_keeps_conditions_only_for_who_comes_late_is_refused() -> None:
    class Racing(HookedStorage):
        first = 2

        def create(self, key: str, data: bytes) -> bool:
            if self.first:
                self.first -= 1
                self.inner.put(key, data)
                return True
            return super().create(key, data)

    with pytest.raises(UsageError, match="does not keep the condition"):
        require_conditions(Racing(open_storage(f"memory://{uuid4()}"), lambda *_: None))


def test_the_probe_bears_lost_answers() -> None:
    require_conditions(_hooked(_fail_first("after", "create")))
    require_conditions(_hooked(_fail_first("before", "create", 8)))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://KEY:hush@lake/songs", "names a place only"),
        ("az://account/container/songs?sig=hush", "names a place only"),
        ("s3://", "needs a name after it"),
        ("file://host/songs", "and its absolute path"),
        ("ftp://lake/hush", "begins with one of s3://"),
        ("s3://lake/a/../hush", "no parts '.' or '..'"),
    ],
)
def test_urls_that_are_no_place_are_refused_without_repeating_secrets(url: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        parse_storage_url(url)
    assert "hush" not in str(caught.value)


def test_a_place_contains_what_is_below_it() -> None:
    lake, songs, other = map(parse_storage_url, ("s3://lake", "s3://lake/songs/", "s3://lake/songs2"))
    assert [str(it) for it in (lake, songs, other)] == ["s3://lake", "s3://lake/songs", "s3://lake/songs2"]
    assert lake.contains(songs)
    assert songs.contains(songs)
    assert not songs.contains(other)
    assert not songs.contains(lake)
    assert str(parse_storage_url("file:///data/songs")) == "file:///data/songs"


def test_errors_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(ObjectStorageError("busy", is_transient=True)))
    assert (str(error), error.is_transient) == ("busy", True)
