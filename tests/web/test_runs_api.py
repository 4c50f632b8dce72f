"""Tests of runs and of the library over HTTP, also while a run goes on."""

import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from midiprism.smf.types import SplitSong
from midiprism.sources import open_source
from support import catalog_access
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.runs import make_settings, run_source
from support.web_client import make_client


def test_finished_runs_are_listed_with_their_reports(client: TestClient) -> None:
    answer = client.get("/api/runs").json()
    assert answer["running"] is False
    (run,) = answer["runs"]
    assert run["state"] == "done"
    report = client.get(f"/api/runs/{run['id']}").json()
    assert report["run"] == run
    if report["report"] is not None:
        assert report["report"]["progress"]["run"] == run["id"]
        assert all(section["title"] for section in report["sections"])
    assert client.get("/api/runs/live").json() == {"running": False, "held": False}


def test_runs_that_are_not_there_are_not_found(client: TestClient) -> None:
    for name in ("0", "99", "x", "live/"):
        assert client.get(f"/api/runs/{name}").status_code in (307, 404)


@pytest.mark.usefixtures("catalog_backend")
def test_a_run_is_seen_live(tmp_path: Path) -> None:
    files = {f"{number}.mid": fake_song(PIANO, BASS + str(number)) for number in range(8)}
    songs = write_files(tmp_path / "songs", {**files, "broken.mid": b"junk"})
    out = tmp_path / "out"
    address = catalog_access.postgres_address(out)
    client = make_client(out, database=address)
    seen: list[Any] = []

    def look_and_split(data: bytes) -> SplitSong:
        live, runs = client.get("/api/runs/live"), client.get("/api/runs")
        if live.status_code == runs.status_code == 200:  # the first song comes before there is a catalog
            seen.append((live.json(), runs.json()))
        return fake_split(data)

    settings = make_settings(workers=0, batch_songs=1, database=address)
    run_source(open_source([songs], os.fsencode(out)), out, settings, splitter=look_and_split)
    during = [(live, runs) for live, runs in seen if live["running"]]
    assert during
    for live, runs in during:
        assert runs["running"] is True
        assert live["run"]["state"] == "running"
        assert live["run"]["id"] == runs["runs"][0]["id"]
        assert live["progress"] is None or 0 <= live["progress"] <= 1
    assert client.get("/api/runs/live").json()["running"] is False
    library = client.get("/api/library").json()
    assert library["outcomes"] == {"corrupt": 1, "split": 8}
    ((code, failure),) = library["failures_by_code"].items()
    assert code == "not_midi"
    assert failure["count"] == 1


def test_the_library_has_totals_and_facets(client: TestClient, sample_result: Path) -> None:
    library = client.get("/api/library").json()
    assert library["totals"]["songs"] == 24
    assert library["tracks_without_facts"] == 0
    facets = {facet["name"]: facet for facet in library["facets"]}
    assert {"family", "key", "bpm", "notes"} <= set(facets)
    assert all(
        sum(it["count"] for it in facet["counts"]) == library["totals"]["links"] for facet in facets.values()
    )


def test_completions_have_counts_of_the_library(client: TestClient) -> None:
    answer = client.get("/api/complete", params={"q": "notes:1.. family:b", "at": 18}).json()
    (bass, *_) = answer["choices"]
    assert bass["text"] == "family:Bass"
    found = client.get("/api/search", params={"q": "family:bass"}).json()
    assert bass["count"] == found["total"]
    assert client.get("/api/complete").json()["start"] == 0
    assert client.get("/api/complete", params={"q": "x", "at": "-1"}).status_code == 400


def test_queries_are_checked(client: TestClient) -> None:
    assert client.get("/api/check", params={"q": "family:bass"}).json() == {"error": None}
    error = client.get("/api/check", params={"q": "bass bpm:x"}).json()["error"]
    assert "bass bpm:x"[error["start"] : error["end"]] == "x"
