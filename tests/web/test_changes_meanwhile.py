"""Tests that pages stay right while runs, removals and others change the result, in any store and catalog."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from midiprism.catalog import PostgresAddress
from midiprism.relocate.relocate import relocate_result
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import RELOCATED, write_marker
from midiprism.search.index.generation import INDEX_FOLDER
from midiprism.sources import open_source
from support import catalog_access
from support.postgres import PostgresServer
from support.removals import forget, undo
from support.runs import make_settings, run_source
from support.web_client import change_headers, make_client, split, write_samples

STORES: tuple[StoreKind, ...] = ("files", "parquet")


def run(songs: Path, out: Path, store: StoreKind) -> Path:
    settings = make_settings(workers=0, store=store, database=catalog_access.postgres_address(out))
    summary = run_source(open_source([songs], os.fsencode(out)), out, settings)
    assert (summary.state, summary.error) == ("done", None)
    return out


def client_of(out: Path) -> TestClient:
    return make_client(out, database=catalog_access.postgres_address(out))


def search(client: TestClient, query: str = "") -> Any:
    answer = client.get("/api/search", params={"q": query, "limit": 200})
    assert answer.status_code == 200, answer.text
    return answer.json()


def assert_pages_agree(client: TestClient) -> int:
    """Check that all requests tell the same about the library, and return its number of links."""
    found = search(client)
    total: int = found["total"]
    assert len(found["tracks"]) == min(total, 200)
    assert all(sum(count["count"] for count in facet["counts"]) == total for facet in found["facets"])
    assert client.get("/api/library").json()["totals"]["links"] == total
    for row in found["tracks"][::7]:
        track = client.get(f"/api/tracks/{row['digest']}").json()
        assert row["song_id"] in [song["song_id"] for song in track["songs"]]
        notes = client.get(f"/api/tracks/{row['digest']}/notes").json()["notes"]
        assert len(notes["pitch"]) == row["notes"]
        song = client.get(f"/api/songs/{row['song_id']}").json()
        assert song["tracks"][row["position"]]["digest"] == row["digest"]
    ids = ",".join(dict.fromkeys(row["digest"] for row in found["tracks"][:50]))
    assert len(client.get("/api/thumbnails", params={"ids": ids}).json()) == ids.count(",") + 1
    return total


@pytest.mark.parametrize("store", STORES)
@pytest.mark.usefixtures("catalog_backend")
def test_pages_follow_runs_removals_and_their_undoing(tmp_path: Path, store: StoreKind) -> None:
    out = run(write_samples(tmp_path / "songs", 8), tmp_path / "out", store)
    client = client_of(out)
    before = assert_pages_agree(client)
    name = search(client)["tracks"][0]["song"]
    forget(out, name)
    assert search(client, f'song:="{name}"')["total"] == 0
    assert assert_pages_agree(client) < before
    undo(out)
    assert assert_pages_agree(client) == before


@pytest.mark.usefixtures("catalog_backend")
def test_pages_follow_a_run_that_adds_songs(tmp_path: Path) -> None:
    out = run(write_samples(tmp_path / "songs", 4), tmp_path / "out", "parquet")
    client = client_of(out)
    before = assert_pages_agree(client)
    run(write_samples(tmp_path / "songs", 12), out, "parquet")
    assert assert_pages_agree(client) == assert_pages_agree(client_of(out)) > before


@pytest.mark.usefixtures("catalog_backend")
def test_pages_do_without_an_index_that_was_deleted_or_damaged(tmp_path: Path) -> None:
    out = run(write_samples(tmp_path / "songs", 6), tmp_path / "out", "files")
    client = client_of(out)
    before = assert_pages_agree(client)
    shutil.rmtree(out / INDEX_FOLDER)
    assert assert_pages_agree(client) == before
    assert assert_pages_agree(client_of(out)) == before
    for path in (out / INDEX_FOLDER).iterdir():
        path.write_bytes(b"damaged")
    assert assert_pages_agree(client_of(out)) == before


def test_another_result_in_the_same_folder_is_served(tmp_path: Path) -> None:
    out = split(write_samples(tmp_path / "songs", 6), tmp_path / "out")
    client = make_client(out)
    before = assert_pages_agree(client)
    shutil.rmtree(out)
    assert client.get("/api/search").status_code == 400
    assert client.get("/").status_code in (200, 400)
    split(write_samples(tmp_path / "others", 9, seed=5), out, store="parquet")
    assert assert_pages_agree(client) != before


def test_a_result_that_was_relocated_is_served_from_its_new_folder(tmp_path: Path) -> None:
    out = split(write_samples(tmp_path / "songs", 6), tmp_path / "out")
    client = make_client(out)
    before = assert_pages_agree(client)
    relocate_result(str(out), str(tmp_path / "new"))
    out.mkdir()  # as on another disk, where the old folder stays
    write_marker(str(out), RELOCATED, {"to": str(tmp_path / "new")})
    assert assert_pages_agree(client) == before


def test_a_track_whose_file_is_lost_is_an_error_of_that_track(tmp_path: Path) -> None:
    out = split(write_samples(tmp_path / "songs", 4), tmp_path / "out")
    client = make_client(out)
    rows = search(client)["tracks"]
    lost, other = rows[0]["digest"], rows[1]["digest"]
    path = Path(client.get(f"/api/tracks/{lost}").json()["path"])
    path.unlink()
    assert client.get(f"/api/tracks/{lost}").json()["path"] is None
    assert client.get(f"/api/tracks/{lost}/notes").status_code == 503
    assert client.get(f"/api/tracks/{other}/notes").status_code == 200
    pictures = client.get("/api/thumbnails", params={"ids": f"{lost},{other}"}).json()
    assert [*pictures] == [other]
    song = client.get(f"/api/songs/{rows[0]['song_id']}").json()
    assert "is lost" in song["damage"][-1]
    lanes = client.get(f"/api/songs/{rows[0]['song_id']}/notes").json()["lanes"]
    assert [bool(lane["notes"]["pitch"]) for lane in lanes] == [lane["digest"] != lost for lane in lanes]
    assert client.get(song["download"]).status_code == 503


def test_connections_are_opened_again_after_the_server_of_the_catalog_restarted(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    postgres.psql("postgres", "CREATE DATABASE pages")
    url = postgres.url("pages")
    out = split(write_samples(tmp_path / "songs", 4), tmp_path / "out", database=url)
    client = make_client(out, database=PostgresAddress(url))
    before = search(client)["total"]
    postgres.stop()
    assert client.get("/api/search").status_code == 503
    postgres.start()
    assert search(client)["total"] == before


def test_searches_are_saved_and_used(client: TestClient) -> None:
    body = {"name": "Lows", "query": "family:bass   notes:16.."}
    answer = client.post("/api/searches", headers=change_headers(), json=body)
    assert answer.json() == {"name": "lows", "query": "family:bass notes:16.."}
    assert client.get("/api/searches").json() == [answer.json()]
    assert search(client, "@lows")["total"] == search(client, body["query"])["total"]
    assert client.delete("/api/searches/lows", headers=change_headers()).status_code == 200
    assert client.delete("/api/searches/lows", headers=change_headers()).status_code == 404
    wrong = {"name": "lows", "query": "kye:D"}
    assert client.post("/api/searches", headers=change_headers(), json=wrong).status_code == 400
