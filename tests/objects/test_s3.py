"""Object storage over HTTP: answers that are spoiled on the way, and what errors show."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from midiprism.objects import (
    ObjectStorage,
    ObjectStorageError,
    ReadRequest,
    create_record,
    require_conditions,
)
from midiprism.objects.obstore_storage import ObstoreStorage, RetryPolicy
from midiprism.objects.url import parse_storage_url
from midiprism.optional_packages import MissingPackageError
from support.object_stores import BrokenS3Proxy, s3_server, use_s3

QUICK = RetryPolicy(max_retries=3, first_pause=0.01, max_pause=0.02, give_up_after=5, timeout=5)


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with s3_server() as address:
        yield address


@contextmanager
def _spoiled(address: str, spoil: Callable[[str, str], int]) -> Iterator[ObjectStorage]:
    proxy = BrokenS3Proxy(address, spoil)
    try:
        with pytest.MonkeyPatch.context() as patch:
            use_s3(patch, proxy.address)
            yield ObstoreStorage(parse_storage_url(f"s3://lake/{uuid4()}"), QUICK)
    finally:
        proxy.close()


def _first_times(status: int, method: str, times: int = 1) -> Callable[[str, str], int]:
    left = Counter({method: times})

    def spoil(called: str, _path: str) -> int:
        left[called] -= 1
        return status if left[called] >= 0 else 0

    return spoil


@pytest.mark.parametrize("status", [503, -503, -500, 409, -409], ids=lambda it: f"{it}")
def test_a_record_is_created_once_whatever_is_answered(s3_address: str, status: int) -> None:
    with _spoiled(s3_address, _first_times(status, "PUT")) as storage:
        assert create_record(storage, "record", {"a": 1}, lambda _: None).is_ours
        assert not create_record(storage, "record", {"a": 2}, lambda _: None).is_ours


def test_busy_answers_are_tried_again(s3_address: str) -> None:
    with _spoiled(s3_address, _first_times(503, "GET", 2)) as storage:
        storage.put("song", b"data")
        assert storage.read(ReadRequest("song")) == b"data"


def test_a_server_that_stays_busy_is_given_up_with_its_address(s3_address: str) -> None:
    with (
        _spoiled(s3_address, _first_times(503, "GET", 100)) as storage,
        pytest.raises(ObjectStorageError, match="song cannot be read") as caught,
    ):
        storage.read(ReadRequest("song"))
    assert caught.value.is_transient
    assert storage.url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refused_access_says_what_to_check_and_shows_no_secret(s3_address: str) -> None:
    with (
        _spoiled(s3_address, _first_times(403, "PUT", 100)) as storage,
        pytest.raises(ObjectStorageError, match="Check the credentials and rights") as caught,
    ):
        storage.put("song", b"data")
    assert not caught.value.is_transient
    for text in (str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)):
        assert "not-a-secret-word" not in text
    assert caught.value.__cause__ is None


def test_a_request_that_a_server_refuses_for_good_is_not_transient(s3_address: str) -> None:
    with (
        _spoiled(s3_address, _first_times(400, "GET", 100)) as storage,
        pytest.raises(ObjectStorageError, match="song cannot be read") as caught,
    ):
        storage.read(ReadRequest("song"))
    assert not caught.value.is_transient


def test_the_probe_passes(s3_address: str) -> None:
    with _spoiled(s3_address, lambda *_: 0) as storage:
        require_conditions(storage)
        assert [*storage.list()] == []


def test_credentials_come_from_the_profile_that_the_aws_tools_use(
    s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[work]\naws_access_key_id = profile-key\naws_secret_access_key = word\n")
    seen: list[str] = []
    proxy = BrokenS3Proxy(s3_address, lambda *_: 0, seen.append)
    try:
        use_s3(monkeypatch, proxy.address)
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
        monkeypatch.setenv("AWS_PROFILE", "work")
        ObstoreStorage(parse_storage_url(f"s3://lake/{uuid4()}"), QUICK).put("song", b"data")
    finally:
        proxy.close()
    assert "Credential=profile-key/" in seen[0]


def test_a_profile_needs_boto3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "obstore.auth.boto3", raising=False)
    with pytest.raises(MissingPackageError, match="A profile of AWS credentials needs the package boto3"):
        ObstoreStorage(parse_storage_url("s3://lake/songs"), QUICK)
