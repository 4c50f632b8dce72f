"""Tests of the sound bank over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from midiprism.web.soundbank.sound_bank import Preset, SoundBank
from support.sound_banks import write_bank
from support.web_client import make_client


@pytest.fixture
def client(sample_result: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A client of a server that has a bank."""
    bank = SoundBank(str(write_bank(tmp_path / "bank.sf2")))
    with make_client(sample_result, bank=bank) as client:
        yield client


def presets_of(data: bytes, tmp_path: Path) -> set[Preset]:
    path = tmp_path / "slice.sf2"
    path.write_bytes(data)
    return {*SoundBank(str(path)).presets}


def test_the_bank_has_a_name_and_a_license(client: TestClient) -> None:
    bank = client.get("/api/sound").json()["bank"]
    assert (bank["name"], bank["license_hint"], bank["format"]) == ("Made bank", "Free for all", "sf2")


def test_a_part_has_the_nearest_presets_and_is_kept(client: TestClient, tmp_path: Path) -> None:
    answer = client.get("/api/bank", params={"presets": "0-33,128-5:36.40-44,0-99"})
    assert answer.status_code == 200
    assert presets_of(answer.content, tmp_path) == {Preset(0, 33), Preset(128, 0)}
    assert "max-age" in answer.headers["cache-control"]
    again = client.get(
        "/api/bank",
        params={"presets": "128-0:36.40-44,0-33"},
        headers={"If-None-Match": answer.headers["etag"]},
    )
    assert again.status_code == 304
    other = client.get("/api/bank", params={"presets": "0-33"})
    assert other.headers["etag"] != answer.headers["etag"]


@pytest.mark.parametrize(
    "presets", ["", "0", "0-", "x-1", "0-1;2", "0-33:", "0-33:1-2-3", "0-33:9999", "-1-2"]
)
def test_presets_that_are_not_understood_are_refused(client: TestClient, presets: str) -> None:
    assert client.get("/api/bank", params={"presets": presets}).status_code == 400


def test_presets_that_no_bank_has_are_not_found(client: TestClient) -> None:
    assert client.get("/api/bank", params={"presets": "0-99"}).status_code == 404


def test_without_a_bank_the_page_is_told_so(sample_result: Path) -> None:
    client = make_client(sample_result)
    assert client.get("/api/sound").json() == {"bank": None}
    assert client.get("/api/bank", params={"presets": "0-0"}).status_code == 404


def test_only_a_bank_allows_web_assembly_without_which_its_synthesizer_never_starts(
    sample_result: Path, tmp_path: Path
) -> None:
    for bank in (None, SoundBank(str(write_bank(tmp_path / "bank.sf2")))):
        policy = make_client(sample_result, bank=bank).get("/").headers["content-security-policy"]
        assert ("'wasm-unsafe-eval'" in policy) is (bank is not None)
        assert "'unsafe-eval'" not in policy
        assert "unsafe-inline" not in policy
