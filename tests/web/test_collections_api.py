"""Tests of collections: lists of tracks, and archives, playlists and trees of them."""

import io
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from support import midi_writer as midi
from support.web_client import change_headers, make_client, split


def change(client: TestClient, method: str, path: str, content: Any = None, status: int = 200) -> Any:
    answer = client.request(method, path, headers=change_headers(), json=content)
    assert answer.status_code == status, answer.text
    return answer.json()


def some_digests(client: TestClient, query: str = "", limit: int = 8) -> list[str]:
    rows = client.get("/api/search", params={"q": query, "limit": limit}).json()["tracks"]
    return [*dict.fromkeys(row["digest"] for row in rows)]


def new_collection(client: TestClient, digests: list[str], name: str = "Mine") -> str:
    made = change(client, "POST", "/api/collections", {"name": name}, 201)
    change(client, "POST", f"/api/collections/{made['id']}/tracks", {"digests": digests})
    collection_id: str = made["id"]
    return collection_id


def test_tracks_are_kept_in_the_order_in_which_they_were_added(client: TestClient) -> None:
    digests = some_digests(client)
    collection = new_collection(client, digests[::-1])
    change(client, "POST", f"/api/collections/{collection}/tracks", {"digests": digests[:2]})
    rows = client.get(f"/api/collections/{collection}").json()["tracks"]
    assert [row["digest"] for row in rows] == digests[::-1]
    window = client.get(f"/api/collections/{collection}", params={"offset": 2, "limit": 2}).json()
    assert [row["digest"] for row in window["tracks"]] == digests[::-1][2:4]


def test_tracks_and_collections_can_be_removed_and_renamed(client: TestClient) -> None:
    digests = some_digests(client)
    collection = new_collection(client, digests)
    left = change(client, "DELETE", f"/api/collections/{collection}/tracks", {"digests": digests[1:]})
    assert left["count"] == 1
    change(client, "PATCH", f"/api/collections/{collection}", {"name": "Other"})
    assert client.get("/api/collections").json() == [{"id": collection, "name": "Other", "count": 1}]
    change(client, "DELETE", f"/api/collections/{collection}")
    assert client.get("/api/collections").json() == []
    change(client, "DELETE", f"/api/collections/{collection}", status=404)


def test_an_archive_has_the_bytes_of_its_tracks(client: TestClient) -> None:
    digests = some_digests(client, limit=30)
    collection = new_collection(client, digests, 'My "best" / 100%')
    answer = client.get(f"/api/collections/{collection}.zip")
    assert "\n" not in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        found = sorted(archive.read(name) for name in archive.namelist())
    assert found == sorted(client.get(f"/api/tracks/{digest}.mid").content for digest in digests)


def test_a_tree_has_the_files_that_the_playlist_names(client: TestClient) -> None:
    digests = some_digests(client, limit=30)
    collection = new_collection(client, digests)
    written = change(client, "POST", f"/api/collections/{collection}/tree", status=201)
    assert written["files"] == len(digests)
    lines = client.get(f"/api/collections/{collection}.m3u").text.splitlines()
    assert lines[0] == "#EXTM3U"
    files = [line for line in lines if not line.startswith("#")]
    found = [Path(written["path"], name).read_bytes() for name in files]
    assert found == [client.get(f"/api/tracks/{digest}.mid").content for digest in digests]
    again = change(client, "POST", f"/api/collections/{collection}/tree", status=201)
    assert again == written


def test_names_from_songs_are_safe_in_archives_playlists_and_headers(tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    (songs / "#EXTM3U").mkdir(parents=True)
    names = [
        "#EXTM3U/..\r\n..\x1b[31m\u202e evil",
        "-rf \"'`$(x)",
        "CON",
        "<img src=x onerror=alert(1)>",
        "A" * 100 + "\u2028/etc/passwd".replace("/", "∕"),
    ]
    for number, name in enumerate(names):
        title = (0, midi.track_name(b"../../x\r\nSet-Cookie: a=b\0"))
        for pitch, path in ((40 + number, f"{name}.mid"), (60 + number, f"{name.upper()}.MID")):
            (songs / path).parent.mkdir(parents=True, exist_ok=True)
            (songs / path).write_bytes(midi.song(midi.track([title, *midi.note(0, pitch, 0, 100)])))
    client = make_client(split(songs, tmp_path / "out"))
    digests = some_digests(client, limit=100)
    assert len(digests) >= len(names)
    collection = new_collection(client, digests, 'x\r\nSet-Cookie: a=b; \u202e"')
    answer = client.get(f"/api/collections/{collection}.zip")
    assert "set-cookie" not in answer.headers
    entries = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert len({entry.casefold() for entry in entries}) == len(digests)
    for entry in entries:
        parts = entry.split("/")
        assert not entry.startswith("/")
        assert ".." not in parts
        assert all(part and part == part.strip(" ") and not part.startswith("-") for part in parts)
        assert not any(unicodedata.category(char)[0] == "C" or char in '<>:"\\|?*' for char in entry)
    text = client.get(f"/api/collections/{collection}.m3u").text
    assert len(text.splitlines()) == 1 + 2 * len(digests)
    for digest in digests:
        headers = client.get(f"/api/tracks/{digest}.mid").headers
        assert headers["content-disposition"].isascii()
        assert "set-cookie" not in headers


def test_tracks_that_are_gone_are_left_out(client: TestClient) -> None:
    digests = some_digests(client, limit=2)
    collection = new_collection(client, ["00" * 32, *digests])
    answer = client.get(f"/api/collections/{collection}").json()
    assert answer["count"] == 1 + len(digests)
    assert [row["digest"] for row in answer["tracks"]] == digests
    entries = zipfile.ZipFile(io.BytesIO(client.get(f"/api/collections/{collection}.zip").content)).namelist()
    assert len(entries) == len(digests)


@pytest.mark.parametrize(
    "content", [None, [], {}, {"name": ""}, {"name": " "}, {"name": 3}, {"name": "x" * 201}, {"digests": 1}]
)
def test_bodies_that_are_not_understood_are_refused(client: TestClient, content: Any) -> None:
    change(client, "POST", "/api/collections", content, 400)
    assert client.get("/api/collections").json() == []


def test_digests_that_are_none_are_refused(client: TestClient) -> None:
    collection = new_collection(client, [])
    path = f"/api/collections/{collection}/tracks"
    change(client, "POST", path, {"digests": ["x"]}, 404)
    change(client, "POST", path, {"digests": [1]}, 404)
    change(client, "POST", path, {"digests": "ab"}, 400)
    change(client, "POST", path, {"digests": ["00" * 32] * 10_001}, 400)
    answer = client.post(path, headers=change_headers(), content=b"{" * 100)
    assert answer.status_code == 400
    assert client.post(path, headers=change_headers(), content=b" " * (5 << 20)).status_code == 400


@pytest.mark.parametrize("name", ["..", "x", "%2e%2e%2fx", "0" * 15, "0" * 17, "../0123456789abcdef"])
def test_ids_that_are_none_name_no_file(client: TestClient, name: str) -> None:
    for ending in ("", ".zip", ".m3u"):
        assert client.get(f"/api/collections/{name}{ending}").status_code == 404


def test_collections_of_another_result_are_others(sample_result: Path, tmp_path: Path) -> None:
    first = make_client(sample_result)
    new_collection(first, [])
    (tmp_path / "songs").mkdir()
    other = make_client(split(tmp_path / "songs", tmp_path / "other"))
    assert other.get("/api/collections").json() == []


def test_a_damaged_collection_is_an_error_of_that_file(client: TestClient, tmp_path: Path) -> None:
    collection = new_collection(client, [])
    (path,) = (tmp_path / "data").rglob(f"{collection}.json")
    path.write_text("{")
    answer = client.get(f"/api/collections/{collection}")
    assert answer.status_code == 503
    assert str(path) in answer.json()["error"]["message"]
