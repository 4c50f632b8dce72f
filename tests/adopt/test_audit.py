"""An audit tells of the splits of another program what is true of them."""

import random
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import midiprism
from midiprism.adopt.audit import audit_library, is_sampled
from midiprism.adopt.audit_report import AuditReport
from midiprism.catalog import PostgresAddress
from midiprism.errors import CatalogError
from midiprism.sources.path_map import PathMap, parse_path_map
from support.foreign_library import ForeignSampleLibrary, build_foreign_library, concatenate_conductor
from support.midi_writer import (
    control_change,
    note,
    pitch_bend,
    program_change,
    song,
    tempo,
    track,
    track_name,
)
from support.owner_library import OwnerLibrary, read_only_role
from support.postgres import PostgresServer

SONGS = 80
FIRST = [
    (0, program_change(0, 4)),
    (0, control_change(0, 7, 90)),
    *note(0, 60, 0, 200),
    *note(0, 64, 300, 200),
]
SECOND = [(0, program_change(1, 30)), *note(1, 50, 100, 90), (700, pitch_bend(1, 100)), *note(1, 52, 800, 90)]
CONDUCTOR = [(0, tempo(400_000)), (400, tempo(600_000))]
SONG = song(track(CONDUCTOR), track(FIRST), track(SECOND))


@pytest.fixture
def owner_library(postgres: PostgresServer, tmp_path: Path) -> OwnerLibrary:
    return OwnerLibrary.create(postgres, tmp_path)


def audited(url: str, paths: PathMap | None = None, **options: object) -> AuditReport:
    return audit_library(PostgresAddress(url), paths or PathMap(), **options)  # type: ignore[arg-type]


def right(data: bytes = SONG) -> list[bytes]:
    return [part.data for part in midiprism.split(data, by="track").tracks]


def alone(messages: list[tuple[int, bytes]], *, conductor: bool = True, division: int = 480) -> bytes:
    """A split as other programs write it: the conductor's track, then the song's."""
    return song(*([track(CONDUCTOR)] if conductor else []), track(messages), division=division)


def told(found: AuditReport) -> dict[str, int]:
    return {kind: count for kind, count in found.counts.items() if kind != "never_linked"}


def message(found: AuditReport, kind: str) -> str:
    return found.examples[kind][0].message


class Truth:
    """What is true of a library of ``support.foreign_library``, song by song."""

    def __init__(self, url: str, library: ForeignSampleLibrary) -> None:
        with psycopg.connect(url) as connection:
            files: dict[int, str] = dict(connection.execute("SELECT id, filepath FROM files").fetchall())
            rows = connection.execute("SELECT parent_file_id, split_file_id, track_number FROM track_splits")
            self.links = rows.fetchall()
        self.mistimed = {files[one]: song for song, one, _ in self.links if one in library.mistimed_file_ids}
        self.begun = {song for song, _, _ in self.links}
        self.unlinked: dict[tuple[str, int], int] = {}
        for song in self.begun:
            parts = {
                part.track_number: part.digest
                for part in midiprism.split(Path(files[song]).read_bytes(), by="track").tracks
            }
            linked = {parts[number] for owner, _, number in self.links if owner == song}
            for number, digest in parts.items():
                if digest not in linked:
                    linked.add(digest)
                    self.unlinked[files[song], number] = song


def test_it_reports_exactly_the_truth(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.new_database()
    truth = Truth(url, build_foreign_library(url, tmp_path, song_count=SONGS, buggy_share=0.35))
    before = postgres.dump(url)
    found = audited(url)
    assert postgres.dump(url) == before
    assert 20 < len(truth.mistimed) < len(truth.links)
    assert found.counts == {"wrong_time": len(truth.mistimed), "never_linked": len(truth.unlinked)}
    assert {str(one.path, "utf-8") for one in found.examples["wrong_time"]} == set(truth.mistimed)
    assert {(str(one.path, "utf-8"), one.track_number) for one in found.examples["never_linked"]} == set(
        truth.unlinked
    )
    assert found.songs == found.songs_total == len(truth.begun)
    assert (
        found.links == found.tracks_compared == found.tracks_correct + len(truth.mistimed) == len(truth.links)
    )
    assert found.wrong_share == len(truth.mistimed) / len(truth.links)
    assert found.margin_of_error == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_of_a_sample_it_reports_the_truth(postgres: PostgresServer, tmp_path: Path, seed: int) -> None:
    url = postgres.new_database()
    truth = Truth(url, build_foreign_library(url, tmp_path, song_count=SONGS, buggy_share=0.35))
    found = audited(url, share=0.5, seed=seed)
    drawn = {song for song in truth.begun if is_sampled(song, 0.5, seed)}
    assert 0 < found.songs == len(drawn) < found.songs_total == len(truth.begun)
    assert found.links == sum(song in drawn for song, _, _ in truth.links)
    assert found.counts["wrong_time"] == sum(song in drawn for song in truth.mistimed.values())
    assert found.counts["never_linked"] == sum(song in drawn for song in truth.unlinked.values())
    assert found.margin_of_error
    assert found.wrong_share
    assert abs(found.wrong_share - len(truth.mistimed) / len(truth.links)) < 2 * found.margin_of_error


def test_a_sample_is_as_large_as_asked_and_the_same_each_time() -> None:
    drawn = [number for number in range(20_000) if is_sampled(number, 0.05, 7)]
    assert 900 < len(drawn) < 1_100
    assert drawn == [number for number in range(20_000) if is_sampled(number, 0.05, 7)]
    assert drawn != [number for number in range(20_000) if is_sampled(number, 0.05, 8)]
    assert all(is_sampled(number, 1.0, 7) for number in range(1_000))


def test_the_margin_holds_in_nineteen_of_twenty_samples() -> None:
    dice = random.Random(5)
    songs = []
    for _ in range(4_000):
        splits, rate = dice.randrange(1, 12), dice.choice([0.0, 0.1, 0.9])
        songs.append((splits, sum(dice.random() < rate for _ in range(splits))))
    truth = sum(wrong for _, wrong in songs) / sum(splits for splits, _ in songs)
    hits = 0
    for seed in range(400):
        found = AuditReport(0.1, seed, songs_total=len(songs))
        for number, (splits, wrong) in enumerate(songs):
            if is_sampled(number, 0.1, seed):
                found.add_song(splits, wrong)
                found.counts["wrong_time"] = found.counts.get("wrong_time", 0) + wrong
        assert found.margin_of_error is not None
        assert found.wrong_share is not None
        hits += abs(found.wrong_share - truth) <= found.margin_of_error
    assert 0.92 < hits / 400 < 0.98


def test_splits_written_another_way_are_right(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 1, "1.mid", alone([(0, track_name(b"other")), *FIRST]))
    doubled = [(2 * tick, text) for tick, text in [*SECOND, *CONDUCTOR]]
    other = song(track(sorted(doubled, key=lambda at: at[0])), midi_format=0, division=960)
    owner_library.add_track(song_id, 2, "2.mid", other)
    found = audited(owner_library.url)
    assert (found.counts, found.tracks_compared, found.tracks_correct, found.tracks_expected) == ({}, 2, 2, 2)
    assert found.ok


def test_notes_at_another_time_are_told_from_lost_ones(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    late = [(tick + 96, text) for tick, text in FIRST]
    owner_library.add_track(song, 1, "late.mid", alone(late))
    owner_library.add_track(song, 2, "lost.mid", alone(SECOND[:-2]))
    found = audited(owner_library.url)
    assert found.counts == {"wrong_time": 1, "lost_notes": 1}
    assert message(found, "wrong_time") == "Its notes begin up to 0.080 s too late."
    assert message(found, "lost_notes") == "It lacks 1 of its track's 2 notes."


def test_a_lost_tempo_moves_notes(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 2, "2.mid", alone(SECOND, conductor=False))
    owner_library.add_track(song_id, 1, "1.mid", song(track([CONDUCTOR[0], *FIRST]), midi_format=0))
    found = audited(owner_library.url)
    assert found.counts == {"wrong_time": 2}
    assert "too early" in found.examples["wrong_time"][0].message


def test_lost_controllers_are_told_apart(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song, 1, "1.mid", alone(FIRST[2:]))
    owner_library.add_track(song, 2, "2.mid", right()[1])
    found = audited(owner_library.url)
    assert (found.counts, found.tracks_correct) == ({"lost_events": 1}, 2)
    assert message(found, "lost_events") == "It lacks 2 of its track's channel events that are no notes."


def test_a_program_in_another_track_of_the_split_is_not_lost(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(
        song_id, 1, "1.mid", song(track([*CONDUCTOR[:1], *FIRST[:2], CONDUCTOR[1]]), track(FIRST[2:]))
    )
    assert told(audited(owner_library.url)) == {}


def test_notes_of_no_track_are_other_notes(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song, 1, "1.mid", alone([*FIRST, *note(0, 99, 900, 9)]))
    owner_library.add_track(song, 7, "7.mid", alone(note(9, 99, 900, 9)))
    found = audited(owner_library.url)
    assert told(found) == {"other_notes": 2}
    assert message(found, "other_notes") == "It has 1 note that its track has not."


def test_damage_and_absence_are_told_apart(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    first, second = right()
    owner_library.add_track(song, 1, "gone.mid", first)
    (owner_library.folder / "gone.mid").unlink()
    owner_library.add_track(song, 2, "noise.mid", b"noise")
    owner_library.add_track(song, 2, "changed.mid", second, digest=b"x" * 32)
    owner_library.add_track(song, 2, "folder.mid", b"x")
    (owner_library.folder / "folder.mid").unlink()
    (owner_library.folder / "folder.mid").mkdir()
    found = audited(owner_library.url)
    assert found.counts == {"missing": 1, "unreadable": 2, "other_content": 1}
    assert (found.tracks_compared, found.tracks_correct) == (1, 1)


def test_songs_that_cannot_be_had_are_told_and_their_splits_not_compared(owner_library: OwnerLibrary) -> None:
    for number, data in enumerate((SONG, b"noise", song(track(FIRST)), song(track(SECOND)))):
        digest = b"y" * 32 if number == 3 else None
        song_id = owner_library.add_song(f"{number}.mid", data, digest)
        owner_library.add_track(song_id, 0, f"split {number}.mid", alone(note(0, number, 0, 9)))
    (owner_library.folder / "0.mid").unlink()
    found = audited(owner_library.url)
    assert (found.songs, found.tracks_compared) == (4, 2)
    counts = {kind: found.counts.get(kind) for kind in ("song_missing", "song_unreadable", "song_changed")}
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("empty", [True, False])
def test_tracks_may_be_counted_in_every_way(owner_library: OwnerLibrary, base: int, empty: bool) -> None:
    """From 0 or 1, with or without the tracks that do not play: what is gone is found by its number."""
    third = note(2, 40, 0, 9)
    data = song(track(CONDUCTOR), track(FIRST), track([]), track(SECOND), track(third))
    song_id = owner_library.add_song("a.mid", data)
    parts = midiprism.split(data, by="track").tracks
    for place, part in enumerate(parts):
        number = (part.track_number if empty else place) + base
        split = owner_library.add_track(song_id, number, f"{place}.mid", part.data)
        if place == 2:
            (owner_library.folder / "2.mid").unlink()
            digest = "UPDATE files SET content_hash = 'z' WHERE id = %s"
            with psycopg.connect(owner_library.url) as connection:
                connection.execute(digest, [split])
    assert audited(owner_library.url).counts == {"missing": 1}


def test_a_late_split_is_matched_though_another_track_plays_the_same_notes(
    owner_library: OwnerLibrary,
) -> None:
    echo = [(tick + 60, text) for tick, text in FIRST]
    data = song(track(CONDUCTOR), track(FIRST), track(echo))
    song_id = owner_library.add_song("a.mid", data)
    for part in midiprism.split(data, by="track").tracks:
        wrong, _ = concatenate_conductor(data, part)
        owner_library.add_track(song_id, part.track_number + 1, f"{part.track_number}.mid", wrong)
    assert audited(owner_library.url).counts == {"wrong_time": 2}


def test_identical_tracks_of_a_song_are_one_content(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", song(track(FIRST), track(FIRST), track(SECOND)))
    owner_library.add_track(song_id, 0, "0.mid", right(song(track(FIRST)))[0])
    found = audited(owner_library.url)
    assert (found.counts, found.tracks_expected) == ({"never_linked": 1}, 2)
    assert found.examples["never_linked"][0].track_number == 2


def test_a_split_in_which_nothing_plays_is_no_fault(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 0, "0.mid", song(track(CONDUCTOR), midi_format=0))
    for number, data in enumerate(right(), 1):
        owner_library.add_track(song_id, number, f"{number}.mid", data)
    assert audited(owner_library.url).counts == {}


def test_a_split_that_lost_all_notes_is_found_by_its_number(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 1, "1.mid", right()[0])
    owner_library.add_track(song_id, 2, "2.mid", song(track(CONDUCTOR), midi_format=0))
    found = audited(owner_library.url)
    assert found.counts == {"lost_notes": 1, "lost_events": 1}


def test_a_library_that_has_moved_is_read_where_it_is(owner_library: OwnerLibrary, tmp_path: Path) -> None:
    song = owner_library.add_song("lib/a.mid", SONG)
    for number, data in enumerate(right(), 1):
        owner_library.add_track(song, number, f"lib/splits/{number}.mid", data)
    (tmp_path / "lib").rename(tmp_path / "elsewhere")
    assert told(audited(owner_library.url)) == {"song_missing": 1, "missing": 2}
    rules = parse_path_map([f"{tmp_path / 'lib'}={tmp_path / 'elsewhere'}"])
    assert audited(owner_library.url, rules).ok


def test_a_role_that_may_only_read_is_enough(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song, 1, "1.mid", right()[0])
    with read_only_role(postgres, owner_library.url) as url:
        assert audited(url).counts == {"never_linked": 1}


def test_it_outlives_the_server(
    postgres: PostgresServer, owner_library: OwnerLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midiprism.adopt.audit._TOGETHER", 1)
    for number in range(3):
        data = song(track(note(0, 60 + number, 0, 9)), track(note(1, 60 + number, 0, 9)))
        song_id = owner_library.add_song(f"{number}.mid", data)
        for place, part in enumerate(right(data)):
            owner_library.add_track(song_id, place, f"{number} {place}.mid", part)
    crashes = iter([lambda: postgres.restart(crash=True)])

    def stop() -> bool:
        crash: Callable[[], None] | None = next(crashes, None)
        if crash:
            crash()
        return False

    found = audited(owner_library.url, stop=stop)
    assert (found.songs, found.tracks_compared, found.ok) == (3, 6, True)


def test_it_ends_when_asked_and_tells_how_far_it_is(owner_library: OwnerLibrary) -> None:
    for number in range(3):
        song_id = owner_library.add_song(f"{number}.mid", song(track(note(0, 60 + number, 0, 9)), track([])))
        owner_library.add_track(song_id, 0, f"split {number}.mid", alone(note(0, 60 + number, 48, 9)))
    looks: list[int] = []
    found = audited(
        owner_library.url, stop=lambda: len(looks) > 1, listener=lambda far: looks.append(far.compared)
    )
    assert not found.stopped
    assert looks[0] == 1
    found = audited(owner_library.url, stop=lambda: True)
    assert (found.stopped, found.ok, found.songs) == (True, False, 0)


def test_a_database_without_such_tables_is_refused(postgres: PostgresServer) -> None:
    with pytest.raises(CatalogError, match="holds no library of the shape that midiprism knows"):
        audited(postgres.new_database())
