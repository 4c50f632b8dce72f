"""Tests of audits, which find faults in the tracks of another program."""

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


def run_audit(url: str, paths: PathMap | None = None, **options: object) -> AuditReport:
    return audit_library(PostgresAddress(url), paths or PathMap(), **options)  # type: ignore[arg-type]


def correct_tracks(data: bytes = SONG) -> list[bytes]:
    return [part.data for part in midiprism.split(data, by="track").tracks]


def single_track_file(
    messages: list[tuple[int, bytes]], *, conductor: bool = True, division: int = 480
) -> bytes:
    """Return a track as other programs write it: the conductor's source track, then the song's."""
    return song(*([track(CONDUCTOR)] if conductor else []), track(messages), division=division)


def finding_counts(report: AuditReport) -> dict[str, int]:
    return {kind: count for kind, count in report.counts.items() if kind != "not_linked"}


def first_message(report: AuditReport, kind: str) -> str:
    return report.examples[kind][0].message


class ExpectedFindings:
    """Findings that an audit of a library of ``support.foreign_library`` must report.

    Attributes:
        links: ids of the song and of the track's file, and the track number, of each link.
        song_by_mistimed_path: id of the song of each track that plays at the wrong time, by the track's path.
        linked_songs: ids of the songs that have links.
        song_by_unlinked_track: id of the song of each track that is not linked, by the song's path and the
            track's number.
    """

    def __init__(self, url: str, library: ForeignSampleLibrary) -> None:
        with psycopg.connect(url) as connection:
            paths: dict[int, str] = dict(connection.execute("SELECT id, filepath FROM files").fetchall())
            rows = connection.execute("SELECT parent_file_id, split_file_id, track_number FROM track_splits")
            self.links = rows.fetchall()
        self.song_by_mistimed_path = {
            paths[file_id]: song_id
            for song_id, file_id, _ in self.links
            if file_id in library.mistimed_file_ids
        }
        self.linked_songs = {song_id for song_id, _, _ in self.links}
        self.song_by_unlinked_track: dict[tuple[str, int], int] = {}
        for song_id in self.linked_songs:
            digests = {
                part.track_number: part.digest
                for part in midiprism.split(Path(paths[song_id]).read_bytes(), by="track").tracks
            }
            linked = {digests[number] for owner, _, number in self.links if owner == song_id}
            for number, digest in digests.items():
                if digest not in linked:
                    linked.add(digest)
                    self.song_by_unlinked_track[paths[song_id], number] = song_id


def test_an_audit_finds_exactly_what_is_wrong(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.new_database()
    expected = ExpectedFindings(url, build_foreign_library(url, tmp_path, song_count=SONGS, buggy_share=0.35))
    before = postgres.dump(url)
    report = run_audit(url)
    assert postgres.dump(url) == before
    assert 20 < len(expected.song_by_mistimed_path) < len(expected.links)
    assert report.counts == {
        "wrong_time": len(expected.song_by_mistimed_path),
        "not_linked": len(expected.song_by_unlinked_track),
    }
    assert {str(one.path, "utf-8") for one in report.examples["wrong_time"]} == set(
        expected.song_by_mistimed_path
    )
    assert {(str(one.path, "utf-8"), one.track_number) for one in report.examples["not_linked"]} == set(
        expected.song_by_unlinked_track
    )
    assert report.songs == report.songs_total == len(expected.linked_songs)
    assert (
        report.links
        == report.tracks_compared
        == report.tracks_correct + len(expected.song_by_mistimed_path)
        == len(expected.links)
    )
    assert report.wrong_share == len(expected.song_by_mistimed_path) / len(expected.links)
    assert report.margin_of_error == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_an_audit_of_a_sample_finds_exactly_what_is_wrong_in_it(
    postgres: PostgresServer, tmp_path: Path, seed: int
) -> None:
    url = postgres.new_database()
    expected = ExpectedFindings(url, build_foreign_library(url, tmp_path, song_count=SONGS, buggy_share=0.35))
    report = run_audit(url, sample_share=0.5, seed=seed)
    drawn = {song for song in expected.linked_songs if is_sampled(song, 0.5, seed)}
    assert 0 < report.songs == len(drawn) < report.songs_total == len(expected.linked_songs)
    assert report.links == sum(song in drawn for song, _, _ in expected.links)
    assert report.counts["wrong_time"] == sum(
        song in drawn for song in expected.song_by_mistimed_path.values()
    )
    assert report.counts["not_linked"] == sum(
        song in drawn for song in expected.song_by_unlinked_track.values()
    )
    assert report.margin_of_error
    assert report.wrong_share
    assert (
        abs(report.wrong_share - len(expected.song_by_mistimed_path) / len(expected.links))
        < 2 * report.margin_of_error
    )


def test_a_sample_is_as_large_as_asked_and_the_same_each_time() -> None:
    drawn = [number for number in range(20_000) if is_sampled(number, 0.05, 7)]
    assert 900 < len(drawn) < 1_100
    assert drawn == [number for number in range(20_000) if is_sampled(number, 0.05, 7)]
    assert drawn != [number for number in range(20_000) if is_sampled(number, 0.05, 8)]
    assert all(is_sampled(number, 1.0, 7) for number in range(1_000))


def test_the_margin_holds_in_nineteen_of_twenty_samples() -> None:
    rng = random.Random(5)
    songs = []
    for _ in range(4_000):
        splits, rate = rng.randrange(1, 12), rng.choice([0.0, 0.1, 0.9])
        songs.append((splits, sum(rng.random() < rate for _ in range(splits))))
    truth = sum(wrong for _, wrong in songs) / sum(splits for splits, _ in songs)
    hits = 0
    for seed in range(400):
        report = AuditReport(0.1, seed, songs_total=len(songs))
        for number, (splits, wrong) in enumerate(songs):
            if is_sampled(number, 0.1, seed):
                report.add_song(splits, wrong)
                report.counts["wrong_time"] = report.counts.get("wrong_time", 0) + wrong
        assert report.margin_of_error is not None
        assert report.wrong_share is not None
        hits += abs(report.wrong_share - truth) <= report.margin_of_error
    assert 0.92 < hits / 400 < 0.98


def test_tracks_written_in_another_way_are_correct(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 1, "1.mid", single_track_file([(0, track_name(b"other")), *FIRST]))
    doubled = [(2 * tick, text) for tick, text in [*SECOND, *CONDUCTOR]]
    other = song(track(sorted(doubled, key=lambda at: at[0])), midi_format=0, division=960)
    owner_library.add_track(song_id, 2, "2.mid", other)
    report = run_audit(owner_library.url)
    assert (report.counts, report.tracks_compared, report.tracks_correct, report.tracks_expected) == (
        {},
        2,
        2,
        2,
    )
    assert report.ok


def test_notes_at_another_time_differ_from_lost_ones(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    late = [(tick + 96, text) for tick, text in FIRST]
    owner_library.add_track(song, 1, "late.mid", single_track_file(late))
    owner_library.add_track(song, 2, "lost.mid", single_track_file(SECOND[:-2]))
    report = run_audit(owner_library.url)
    assert report.counts == {"wrong_time": 1, "lost_notes": 1}
    assert first_message(report, "wrong_time") == "Its notes begin up to 0.080 s too late."
    assert first_message(report, "lost_notes") == "It lacks 1 of its track's 2 notes."


def test_a_lost_tempo_moves_notes(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 2, "2.mid", single_track_file(SECOND, conductor=False))
    owner_library.add_track(song_id, 1, "1.mid", song(track([CONDUCTOR[0], *FIRST]), midi_format=0))
    report = run_audit(owner_library.url)
    assert report.counts == {"wrong_time": 2}
    assert "too early" in report.examples["wrong_time"][0].message


def test_lost_controllers_are_a_finding_of_their_own(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song, 1, "1.mid", single_track_file(FIRST[2:]))
    owner_library.add_track(song, 2, "2.mid", correct_tracks()[1])
    report = run_audit(owner_library.url)
    assert (report.counts, report.tracks_correct) == ({"lost_events": 1}, 2)
    assert (
        first_message(report, "lost_events") == "It lacks 2 of its track's channel events that are not notes."
    )


def test_a_program_in_another_track_of_the_file_is_not_lost(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(
        song_id, 1, "1.mid", song(track([*CONDUCTOR[:1], *FIRST[:2], CONDUCTOR[1]]), track(FIRST[2:]))
    )
    assert finding_counts(run_audit(owner_library.url)) == {}


def test_notes_of_no_track_are_other_notes(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song, 1, "1.mid", single_track_file([*FIRST, *note(0, 99, 900, 9)]))
    owner_library.add_track(song, 7, "7.mid", single_track_file(note(9, 99, 900, 9)))
    report = run_audit(owner_library.url)
    assert finding_counts(report) == {"other_notes": 2}
    assert first_message(report, "other_notes") == "It has 1 note that its track does not have."


def test_damaged_and_missing_files_are_different_findings(owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    first, second = correct_tracks()
    owner_library.add_track(song, 1, "gone.mid", first)
    (owner_library.folder / "gone.mid").unlink()
    owner_library.add_track(song, 2, "noise.mid", b"noise")
    owner_library.add_track(song, 2, "changed.mid", second, digest=b"x" * 32)
    owner_library.add_track(song, 2, "folder.mid", b"x")
    (owner_library.folder / "folder.mid").unlink()
    (owner_library.folder / "folder.mid").mkdir()
    report = run_audit(owner_library.url)
    assert report.counts == {"missing": 1, "unreadable": 2, "changed": 1}
    assert (report.tracks_compared, report.tracks_correct) == (1, 1)


def test_tracks_of_unreadable_songs_are_not_compared(owner_library: OwnerLibrary) -> None:
    for number, data in enumerate((SONG, b"noise", song(track(FIRST)), song(track(SECOND)))):
        digest = b"y" * 32 if number == 3 else None
        song_id = owner_library.add_song(f"{number}.mid", data, digest)
        owner_library.add_track(song_id, 0, f"split {number}.mid", single_track_file(note(0, number, 0, 9)))
    (owner_library.folder / "0.mid").unlink()
    report = run_audit(owner_library.url)
    assert (report.songs, report.tracks_compared) == (4, 2)
    counts = {kind: report.counts.get(kind) for kind in ("song_missing", "song_unreadable", "song_changed")}
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("empty", [True, False])
def test_tracks_may_be_counted_in_several_ways(owner_library: OwnerLibrary, base: int, empty: bool) -> None:
    """From 0 or 1, with or without tracks without notes; a missing file is matched by its number."""
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
    assert run_audit(owner_library.url).counts == {"missing": 1}


def test_a_late_track_is_matched_although_another_track_has_the_same_notes(
    owner_library: OwnerLibrary,
) -> None:
    echo = [(tick + 60, text) for tick, text in FIRST]
    data = song(track(CONDUCTOR), track(FIRST), track(echo))
    song_id = owner_library.add_song("a.mid", data)
    for part in midiprism.split(data, by="track").tracks:
        wrong, _ = concatenate_conductor(data, part)
        owner_library.add_track(song_id, part.track_number + 1, f"{part.track_number}.mid", wrong)
    assert run_audit(owner_library.url).counts == {"wrong_time": 2}


def test_identical_tracks_of_a_song_count_once(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", song(track(FIRST), track(FIRST), track(SECOND)))
    owner_library.add_track(song_id, 0, "0.mid", correct_tracks(song(track(FIRST)))[0])
    report = run_audit(owner_library.url)
    assert (report.counts, report.tracks_expected) == ({"not_linked": 1}, 2)
    assert report.examples["not_linked"][0].track_number == 2


def test_a_track_without_notes_is_correct(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 0, "0.mid", song(track(CONDUCTOR), midi_format=0))
    for number, data in enumerate(correct_tracks(), 1):
        owner_library.add_track(song_id, number, f"{number}.mid", data)
    assert run_audit(owner_library.url).counts == {}


def test_a_track_that_lost_all_notes_is_matched_by_its_number(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song_id, 1, "1.mid", correct_tracks()[0])
    owner_library.add_track(song_id, 2, "2.mid", song(track(CONDUCTOR), midi_format=0))
    report = run_audit(owner_library.url)
    assert report.counts == {"lost_notes": 1, "lost_events": 1}


def test_a_library_that_has_moved_is_audited_with_mapped_paths(
    owner_library: OwnerLibrary, tmp_path: Path
) -> None:
    song = owner_library.add_song("lib/a.mid", SONG)
    for number, data in enumerate(correct_tracks(), 1):
        owner_library.add_track(song, number, f"lib/splits/{number}.mid", data)
    (tmp_path / "lib").rename(tmp_path / "elsewhere")
    assert finding_counts(run_audit(owner_library.url)) == {"song_missing": 1, "missing": 2}
    rules = parse_path_map([f"{tmp_path / 'lib'}={tmp_path / 'elsewhere'}"])
    assert run_audit(owner_library.url, rules).ok


def test_a_read_only_role_can_audit(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    song = owner_library.add_song("a.mid", SONG)
    owner_library.add_track(song, 1, "1.mid", correct_tracks()[0])
    with read_only_role(postgres, owner_library.url) as url:
        assert run_audit(url).counts == {"not_linked": 1}


def test_an_audit_survives_a_restart_of_the_server(
    postgres: PostgresServer, owner_library: OwnerLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midiprism.adopt.audit.SONGS_PER_QUERY", 1)
    for number in range(3):
        data = song(track(note(0, 60 + number, 0, 9)), track(note(1, 60 + number, 0, 9)))
        song_id = owner_library.add_song(f"{number}.mid", data)
        for place, part in enumerate(correct_tracks(data)):
            owner_library.add_track(song_id, place, f"{number} {place}.mid", part)
    crashes = iter([lambda: postgres.restart(crash=True)])

    def stop() -> bool:
        crash: Callable[[], None] | None = next(crashes, None)
        if crash:
            crash()
        return False

    report = run_audit(owner_library.url, stop=stop)
    assert (report.songs, report.tracks_compared, report.ok) == (3, 6, True)


def test_an_audit_reports_progress_and_stops_on_request(owner_library: OwnerLibrary) -> None:
    for number in range(3):
        song_id = owner_library.add_song(f"{number}.mid", song(track(note(0, 60 + number, 0, 9)), track([])))
        owner_library.add_track(
            song_id, 0, f"split {number}.mid", single_track_file(note(0, 60 + number, 48, 9))
        )
    progress_counts: list[int] = []
    report = run_audit(
        owner_library.url,
        stop=lambda: len(progress_counts) > 1,
        listener=lambda progress: progress_counts.append(progress.tracks_compared),
    )
    assert not report.stopped
    assert progress_counts[0] == 1
    report = run_audit(owner_library.url, stop=lambda: True)
    assert (report.stopped, report.ok, report.songs) == (True, False, 0)


def test_a_database_without_such_tables_is_refused(postgres: PostgresServer) -> None:
    with pytest.raises(CatalogError, match="holds no library with the tables that midiprism knows"):
        run_audit(postgres.new_database())
