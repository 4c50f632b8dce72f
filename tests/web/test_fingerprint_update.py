"""Searches by example do not wait for fingerprints: they say how far these are, and answer then."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from midiprism.similarity.folder import similarity_folder
from midiprism.web.fingerprint_update import FingerprintUpdate
from midiprism.web.served_result import ServedResult
from support.web_client import make_client, split, write_samples


@pytest.fixture
def result(tmp_path: Path, sample_result: Path) -> Path:
    """Return a result of its own that has no fingerprints."""
    folder = tmp_path / "result"
    shutil.copytree(sample_result, folder)
    shutil.rmtree(similarity_folder(str(folder)), ignore_errors=True)
    return folder


@pytest.fixture
def hasty(result: Path) -> Iterator[TestClient]:
    """Yield a client of a server whose requests do not wait for fingerprints at all."""
    with make_client(result) as client:
        set_update(client, FingerprintUpdate(ServedResult(str(result), follows_at_once=True), patience=0))
        yield client


def set_update(client: TestClient, update: FingerprintUpdate) -> None:
    client.app.state.fingerprints = update  # type: ignore[attr-defined]


def until_made(
    client: TestClient, path: str, **parameters: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return what a request answered while it could not answer, and its answer."""
    waited = []
    while (answer := client.get(path, params=parameters)).status_code == 202:
        waited.append(answer.json()["pending"])
        time.sleep(0.02)
    assert answer.status_code == 200, answer.text
    return waited, answer.json()


def test_a_search_says_how_far_fingerprints_are_and_then_answers(hasty: TestClient) -> None:
    digest = hasty.get("/api/search", params={"q": "-family:drums sort:notes-"}).json()["tracks"][0]["digest"]
    waited, answer = until_made(hasty, "/api/search", q=f"like:{digest[:16]}")
    assert waited
    assert all(0 <= it["seen"] <= it["total"] for it in waited)
    assert digest in {track["digest"] for track in answer["tracks"]}
    again, _ = until_made(hasty, "/api/search", q=f"like:{digest[:16]} notes:1..")
    assert again == []


def test_similar_tracks_have_their_places(hasty: TestClient) -> None:
    digest = hasty.get("/api/search", params={"q": "-family:drums sort:notes-"}).json()["tracks"][0]["digest"]
    _, answer = until_made(hasty, f"/api/tracks/{digest}/similar")
    assert digest not in {track["digest"] for track in answer["tracks"]}
    for track in answer["tracks"]:
        assert 0.3 <= track["score"] <= 1
        assert track["first_quarter"] >= 0
        assert track["example_quarter"] >= 0


def test_new_tracks_are_found_after_a_run(hasty: TestClient, result: Path, tmp_path: Path) -> None:
    digest = hasty.get("/api/search", params={"q": "-family:drums sort:notes-"}).json()["tracks"][0]["digest"]
    until_made(hasty, f"/api/tracks/{digest}/similar")
    split(write_samples(tmp_path / "more", 3, seed=77), result)
    new = hasty.get("/api/search", params={"q": "sort:added- -family:drums notes:30.."}).json()["tracks"][0][
        "digest"
    ]
    _, answer = until_made(hasty, "/api/search", q=f"like:{new[:16]}")
    assert new in {track["digest"] for track in answer["tracks"]}


def test_a_short_update_is_waited_for(result: Path) -> None:
    with make_client(result) as client:
        set_update(client, FingerprintUpdate(ServedResult(str(result)), patience=60))
        digest = client.get("/api/search").json()["tracks"][0]["digest"]
        assert client.get("/api/search", params={"q": f"like:{digest[:16]}"}).status_code == 200


def test_an_update_that_fails_is_reported_and_tried_again(hasty: TestClient, result: Path) -> None:
    folder = Path(similarity_folder(str(result)))
    folder.write_text("in the way")
    digest = hasty.get("/api/search").json()["tracks"][0]["digest"]
    parameters = {"q": f"like:{digest[:16]}"}
    while (answer := hasty.get("/api/search", params=parameters)).status_code == 202:
        time.sleep(0.02)
    assert answer.status_code == 503
    assert "cannot be written" in answer.json()["error"]["message"]
    folder.unlink()
    until_made(hasty, "/api/search", q=f"like:{digest[:16]}")


def test_a_track_that_is_not_there_has_no_similar_ones(hasty: TestClient) -> None:
    assert hasty.get(f"/api/tracks/{'0' * 64}/similar").status_code == 404
