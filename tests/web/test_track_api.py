"""Tests of the pages' view of one track."""

import base64
import io
import shlex
from pathlib import Path
from typing import Any

import mido
import pytest
from starlette.testclient import TestClient

from midiprism.cli import main


def first_tracks(client: TestClient, query: str, limit: int = 20) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get("/api/search", params={"q": query, "limit": limit}).json()[
        "tracks"
    ]
    assert rows
    return rows


def heard_notes(data: bytes) -> list[tuple[float, int, int]]:
    """Return the notes of a file as mido plays them: time, pitch and velocity."""
    now, notes = 0.0, []
    for message in mido.MidiFile(file=io.BytesIO(data)):
        now += message.time
        if message.type == "note_on" and message.velocity:
            notes.append((now, message.note, message.velocity))
    return notes


@pytest.mark.parametrize("query", ["family:drums", "family:piano", "role:melody"])
def test_notes_are_those_that_another_reader_plays(client: TestClient, query: str) -> None:
    for row in first_tracks(client, query, 5):
        data = client.get(f"/api/tracks/{row['digest']}.mid").content
        answer = client.get(f"/api/tracks/{row['digest']}/notes").json()
        notes = answer["notes"]
        expected = sorted(heard_notes(data))
        found = sorted(zip(notes["start"], notes["pitch"], notes["velocity"], strict=True))
        assert len(found) == len(expected) == row["notes"]
        assert [note[1:] for note in found] == [note[1:] for note in expected]
        assert [note[0] for note in found] == pytest.approx([note[0] for note in expected], abs=1e-4)
        assert all(end >= start for start, end in zip(notes["start"], notes["end"], strict=True))


def test_a_track_has_its_facts_songs_and_command(client: TestClient) -> None:
    row = first_tracks(client, "role:bass", 1)[0]
    track = client.get(f"/api/tracks/{row['digest']}").json()
    facts = {fact["name"]: fact for fact in track["facts"]}
    assert facts["notes"]["value"] == row["notes"]
    assert facts["channel"]["value"] == row["channel"]
    assert row["song_id"] in [song["song_id"] for song in track["songs"]]
    assert track["file_name"].endswith(".mid")


def test_the_export_command_exports_the_track(client: TestClient, tmp_path: Path) -> None:
    row = first_tracks(client, "role:bass", 3)[-1]
    data = client.get(f"/api/tracks/{row['digest']}.mid").content
    command = client.get(f"/api/tracks/{row['digest']}").json()["export_command"]
    words = [str(tmp_path / "tree") if word == "TREE" else word for word in shlex.split(command)]
    assert words[0] == "midiprism"
    assert main([*words[1:], "--quiet"]) == 0
    (path,) = (tmp_path / "tree").rglob("*.mid")
    assert path.read_bytes() == data


def test_a_thumbnail_has_the_notes_in_their_order(client: TestClient) -> None:
    rows = first_tracks(client, "notes:2..200", 10)
    digests = [row["digest"] for row in rows]
    pictures = client.get("/api/thumbnails", params={"ids": ",".join(digests)}).json()
    assert set(pictures) == set(digests)
    for row in rows:
        packed = base64.b64decode(pictures[row["digest"]])
        notes = client.get(f"/api/tracks/{row['digest']}/notes").json()["notes"]
        assert [*packed[2::4]] == notes["pitch"]
        assert [*packed[0::4]] == sorted(packed[0::4])


def test_unknown_tracks_are_not_found(client: TestClient) -> None:
    for name in ("00" * 32, "00", "zz" * 32, "%2e%2e"):
        for ending in ("", "/notes", ".mid"):
            answer = client.get(f"/api/tracks/{name}{ending}")
            assert answer.status_code == 404
            assert answer.json()["error"]["message"]


def test_thumbnails_of_unknown_tracks_are_left_out_and_their_number_is_bounded(client: TestClient) -> None:
    assert client.get("/api/thumbnails", params={"ids": "00" * 32}).json() == {}
    ids = ",".join(f"{number:064x}" for number in range(101))
    assert client.get("/api/thumbnails", params={"ids": ids}).status_code == 400
