"""Tests of the pages' view of songs, and of one file of all tracks of a song."""

import io
from pathlib import Path
from typing import Any

import mido
import pytest
from starlette.testclient import TestClient

from midiprism.api import open_result
from support import midi_writer as midi
from support.web_client import make_client, split


def heard(data: bytes) -> list[tuple[float, int, int]]:
    """Return the notes of a file as mido plays them: time in milliseconds, pitch, velocity."""
    now, notes = 0.0, []
    for message in mido.MidiFile(file=io.BytesIO(data)):
        now += message.time
        if message.type == "note_on" and message.velocity:
            notes.append((round(now * 1_000), message.note, message.velocity))
    return sorted(notes)


def songs_of(client: TestClient, limit: int = 5) -> list[dict[str, Any]]:
    rows = client.get("/api/search", params={"limit": 200}).json()["tracks"]
    ids = [*dict.fromkeys(row["song_id"] for row in rows)][:limit]
    return [client.get(f"/api/songs/{song_id}").json() for song_id in ids]


def test_the_joined_file_plays_what_the_song_plays(client: TestClient) -> None:
    for song in songs_of(client, 3):
        joined = client.get(song["download"]).content
        original = Path(song["paths"][0]).read_bytes()
        assert heard(joined) == heard(original)


def test_the_joined_file_has_a_track_for_the_conductor_and_each_track(client: TestClient) -> None:
    song = songs_of(client, 1)[0]
    file = mido.MidiFile(file=io.BytesIO(client.get(song["download"]).content))
    assert len(file.tracks) == 1 + len(song["tracks"])
    kinds = {"set_tempo", "time_signature", "key_signature"}
    assert all(message.type not in kinds for track in file.tracks[1:] for message in track)


def test_lanes_play_what_the_song_plays(client: TestClient) -> None:
    for song in songs_of(client, 3):
        answer = client.get(f"/api/songs/{song['song_id']}/notes").json()
        found = sorted(
            (start * 1_000, pitch, velocity)
            for lane in answer["lanes"]
            for start, pitch, velocity in zip(
                lane["notes"]["start"], lane["notes"]["pitch"], lane["notes"]["velocity"], strict=True
            )
        )
        expected = heard(Path(song["paths"][0]).read_bytes())
        assert sorted(note[1:] for note in found) == sorted(note[1:] for note in expected)
        assert [note[0] for note in found] == pytest.approx([note[0] for note in expected], abs=1)
        assert answer["length_seconds"] >= max(note[0] for note in found) / 1_000


def test_a_song_has_its_tracks_in_order_and_its_facts(client: TestClient, sample_result: Path) -> None:
    song = songs_of(client, 1)[0]
    expected = [row for row in open_result(sample_result).tracks() if row.song_name == song["name"]]
    assert [row["digest"] for row in song["tracks"]] == [row.track.digest.hex() for row in expected]
    facts = {fact["name"]: fact["value"] for fact in song["facts"]}
    assert facts["size"] == len(Path(song["paths"][0]).read_bytes())


def test_songs_that_are_not_there_are_not_found(client: TestClient) -> None:
    for name in ("0", "999999", "x", "-1", "1" * 30, "²"):
        for ending in ("", "/notes", ".mid"):
            assert client.get(f"/api/songs/{name}{ending}").status_code == 404


def test_words_and_markers_and_damage_come_with_the_song(tmp_path: Path) -> None:
    events = [
        (0, midi.track_name(b"Voice")),
        (0, midi.meta(5, "Grü".encode())),
        (0, midi.note_on(0, 60)),
        (96, midi.note_off(0, 60)),
        (96, midi.meta(5, b"ne")),
        (96, midi.meta(6, b"<b>Chorus</b>")),
        (96, midi.note_on(0, 62)),
        (192, midi.note_off(0, 62)),
    ]
    songs = tmp_path / "songs"
    songs.mkdir()
    (songs / "damaged.mid").write_bytes(midi.song(midi.track(events))[:-4])
    client = make_client(split(songs, tmp_path / "out"))
    (song,) = songs_of(client)
    assert [text for _, text in song["words"]] == ["Grü", "ne"]
    assert [text for _, text in song["markers"]] == ["<b>Chorus</b>"]
    assert song["damage"]
    track = client.get(f"/api/tracks/{song['tracks'][0]['digest']}").json()
    assert track["damage"] == song["damage"]
    notes = client.get(f"/api/tracks/{song['tracks'][0]['digest']}/notes").json()
    assert [text for _, text in notes["words"]] == ["Grü", "ne"]
