"""Tests of fingerprints that follow a result: new tracks, removed ones, ids used again, kills, stores."""

import errno
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3

from midiprism.catalog.reader import open_reader
from midiprism.errors import CatalogError, StoreError
from midiprism.fs.column_file import write_columns
from midiprism.pipeline.executors.processes.background_process import run_in_process
from midiprism.results.identity import StoreKind
from midiprism.results.lock import lock_exclusive
from midiprism.search.upkeep import start_update_after_run
from midiprism.similarity import update as update_module
from midiprism.similarity.fingerprints import Fingerprinter, Lines, take_lines
from midiprism.similarity.folder import similarity_folder
from midiprism.similarity.generation import Generation, NamedSegment, read_generation, remove_fingerprints
from midiprism.similarity.new_lines import NewLines
from midiprism.similarity.run_listener import listener_of_run
from midiprism.similarity.segment import NewTracks, Segment, build_segment
from midiprism.similarity.update import without_removed
from support.melodies import make_melody, transposed
from support.removals import forget
from support.similar_results import address_of, group, split_melodies, track_groups, track_ids, update

STORES: tuple[StoreKind, ...] = ("files", "parquet")


@pytest.mark.parametrize("store", STORES)
@pytest.mark.usefixtures("catalog_backend")
def test_only_new_tracks_are_read(tmp_path: Path, store: StoreKind) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)], "b": [make_melody(2)]}, store)
    assert update(out).added == 2
    assert update(out).added == 0
    split_melodies(tmp_path, {"c": [make_melody(3), make_melody(1)]}, store)
    found = update(out)
    assert (found.added, found.lost) == (1, 0)
    assert track_ids(found.generation) == [1, 2, 3]


def test_segments_are_merged_and_stay_sorted(tmp_path: Path) -> None:
    for number in range(9):
        out = split_melodies(tmp_path, {f"{number}": [make_melody(number)]})
        generation = update(out).generation
        assert track_ids(generation) == list(range(1, number + 2))
    assert len(generation.segments) <= 3
    files = {path.name for path in Path(similarity_folder(str(out))).glob("*.columns")}
    assert files == {one.name for one in generation.segments}


@pytest.mark.parametrize("name", ["write_segment", "write_generation"])
def test_a_killed_update_leaves_the_fingerprints_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)]})
    update(out)
    split_melodies(tmp_path, {"b": [make_melody(2)]})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(update_module, name, die)
        with pytest.raises(KeyboardInterrupt):
            update(out)
    assert track_ids(read_generation(similarity_folder(str(out)))) == [1]
    assert update(out).added == 1


def test_a_stopped_update_continues(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)]})
    assert not update(out, stop=lambda: True).whole
    assert update(out).added == 1


def test_segments_whose_ids_other_tracks_have_by_now_are_left_out(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {name: [make_melody(ord(name))] for name in "abc"})
    (segment,) = update(out).generation
    lines = segment.lines
    ends = [int(lines.starts[2]), int(lines.starts[3])]
    kept = NewTracks(
        segment.ids[:2],
        segment.digests[:2],
        Lines(lines.starts[:3], lines.gaps[: ends[0]], lines.pitches[: ends[0]], lines.drums[:2]),
    )
    last = Lines(lines.starts[2:] - ends[0], lines.gaps[ends[0] :], lines.pitches[ends[0] :], lines.drums[2:])
    for digest, expected in ((segment.digests[2:] + np.uint64(1), [1, 2]), (segment.digests[2:], [1, 2, 3])):
        parts = (kept, NewTracks(segment.ids[2:], digest, last))
        named = [NamedSegment("", Segment(build_segment([part]))) for part in parts]
        with open_reader(address_of(out)) as reader:
            found = without_removed(Generation(3, named), reader)
        assert track_ids(found) == expected
        assert found.last_id == expected[-1]


def test_removed_tracks_do_not_confuse_an_update(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {name: [make_melody(ord(name))] for name in "abcd"})
    update(out)
    forget(out, "c", "d")
    (tmp_path / "songs" / "c.mid").unlink()
    (tmp_path / "songs" / "d.mid").unlink()
    split_melodies(tmp_path, {"x": [make_melody(1_000)]})
    with open_reader(address_of(out)) as reader:
        ids = {track_id for (track_id,) in reader.fetch("SELECT id FROM {tracks}")}
    assert ids <= set(track_ids(update(out).generation))


def test_without_removed_tracks_nothing_is_left_out(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)], "b": [make_melody(2)]})
    generation = update(out).generation
    with open_reader(address_of(out)) as reader:
        assert without_removed(generation, reader) is generation
        assert without_removed(Generation(0, ()), reader).segments == ()


def test_a_lost_track_has_no_fingerprint(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)], "b": [make_melody(2)]})
    next(iter(sorted(out.rglob("tracks/**/*.mid")))).unlink()
    found = update(out)
    assert (found.added, found.lost, found.whole) == (1, 1, True)


@pytest.mark.parametrize("lost", [(1,), (2, 4), (3, 5), (1, 2, 3, 4, 5)], ids=str)
def test_lost_tracks_that_are_back_get_their_fingerprints(tmp_path: Path, lost: tuple[int, ...]) -> None:
    """They get them in the order of ids, and groups compare them, too."""
    melodies = {f"{number}": [transposed(make_melody(1), number)] for number in range(1, 6)}
    out = split_melodies(tmp_path, melodies)
    with open_reader(address_of(out)) as reader:
        digests = dict(reader.fetch("SELECT id, digest FROM {tracks}"))
    paths = {blake3(path.read_bytes()).digest(): path for path in (out / "tracks").rglob("*.mid")}
    missing = {paths[digests[track_id]]: paths[digests[track_id]].read_bytes() for track_id in lost}
    for path in missing:
        path.unlink()
    counts = group(out)
    assert (counts.tracks_added, counts.tracks_lost) == (5 - len(lost), len(lost))
    assert read_generation(similarity_folder(str(out))).lost == [*lost]
    assert update(out).lost == len(lost)
    assert update(out, retry=False).lost == 0
    for path, data in missing.items():
        path.write_bytes(data)
    assert update(out, stop=lambda: True).generation.lost == [*lost]
    found = update(out)
    assert (found.added, found.lost) == (len(lost), 0)
    assert track_ids(found.generation) == [1, 2, 3, 4, 5]
    assert read_generation(similarity_folder(str(out))).lost == []
    for segment in found.generation:
        for row, track_id in enumerate(segment.ids.tolist()):
            line = Fingerprinter().lines([paths[digests[track_id]].read_bytes()], [False])
            assert take_lines(segment.lines, np.array([row])).pitches.tolist() == line.pitches.tolist()
    group(out)
    assert track_groups(out) == [["1", "2", "3", "4", "5"]]


def test_what_was_made_before_an_update_was_stopped_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_module, "TRACKS_PER_TASK", 1)
    out = split_melodies(tmp_path, {f"{number}": [make_melody(number)] for number in range(12)})
    calls = iter((False, True))
    found = update(out, stop=lambda: next(calls))
    assert (found.added, found.whole) == (4, False)
    assert track_ids(read_generation(similarity_folder(str(out)))) == [1, 2, 3, 4]
    assert update(out).added == 8


def test_another_process_that_updates_is_left_alone(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)]})
    folder = Path(similarity_folder(str(out)))
    folder.mkdir()
    with lock_exclusive(str(folder)):
        assert not update(out).whole
    assert update(out).added == 1


def test_fingerprints_that_cannot_be_used_are_made_again(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)]})
    update(out)
    (Path(similarity_folder(str(out))) / "current").write_bytes(b"nothing")
    assert update(out).added == 1
    assert remove_fingerprints(str(out))
    assert update(out).added == 1


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)]})
    Path(similarity_folder(str(out))).write_text("in the way", encoding="ascii")
    with pytest.raises(StoreError, match="cannot be written"):
        update(out)


def test_a_run_updates_fingerprints_only_where_they_were_made(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [make_melody(1)]}, after_run=start_update_after_run)
    assert not Path(similarity_folder(str(out))).exists()
    update(out)
    split_melodies(tmp_path, {"b": [make_melody(2)]}, after_run=start_update_after_run)
    assert track_ids(read_generation(similarity_folder(str(out)))) == [1, 2]


def record_run(folder: Path, store: StoreKind = "files") -> Path:
    """Return a result with fingerprints of one track, and the recorded lines of four others."""
    out = split_melodies(folder, {"a": [make_melody(1)]}, store)
    update(out)
    split_melodies(folder, {"b": [make_melody(2)]}, store, track_listener=listener_of_run)
    songs = {"c": [make_melody(3), make_melody(4)], "d": [make_melody(5)]}
    return split_melodies(folder, songs, store, track_listener=listener_of_run)


def recorded_files(out: Path) -> list[Path]:
    return sorted(Path(similarity_folder(str(out))).glob("new-*"))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.usefixtures("catalog_backend")
def test_tracks_whose_lines_a_run_recorded_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: StoreKind
) -> None:
    out = record_run(tmp_path, store)
    assert len(recorded_files(out)) == 2
    with monkeypatch.context() as patch:
        patch.setattr(update_module._Update, "_read", None)
        found = update(out)
    assert (found.added, found.lost) == (4, 0)
    assert recorded_files(out) == []
    columns = [
        {name: segment.columns[name].tolist() for name in segment.columns} for segment in found.generation
    ]
    assert remove_fingerprints(str(out))
    update(out)
    group(out)
    anew = update(out).generation
    whole = [{name: segment.columns[name].tolist() for name in segment.columns} for segment in anew]
    assert [number for part in columns for number in part["id"]] == whole[0]["id"]
    assert [number for part in columns for number in part["signatures"]] == whole[0]["signatures"]
    assert [number for part in columns for number in part["pitches"]] == whole[0]["pitches"]


@pytest.mark.parametrize("damage", ["lost", "cut off", "changed", "other version", "nothing of it"])
def test_tracks_without_recorded_lines_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    if damage == "other version":
        monkeypatch.setattr("midiprism.similarity.new_lines.FINGERPRINT_VERSION", 0)
    out = record_run(tmp_path)
    monkeypatch.undo()
    files = recorded_files(out)
    if damage == "lost":
        files[0].unlink()
    elif damage == "cut off":
        files[0].write_bytes(files[0].read_bytes()[:-1])
    elif damage == "changed":
        data = files[0].read_bytes()
        files[0].write_bytes(data[:-200] + bytes(200))
        assert files[0].read_bytes() != data
    elif damage == "nothing of it":
        write_columns(str(files[0]), {"digest": np.zeros(1, np.uint64)}, {})
    found = update(out)
    assert (found.added, found.lost, track_ids(found.generation)) == (4, 0, [1, 2, 3, 4, 5])
    assert recorded_files(out) == []


def test_lines_that_cannot_be_recorded_stop_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("midiprism.similarity.new_lines.write_columns", fail)
    assert update(record_run(tmp_path)).added == 4


def test_a_failure_to_make_lines_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("midiprism.similarity.new_lines.Fingerprinter", lambda: None)
        out = record_run(tmp_path)
    assert recorded_files(out) == []
    assert update(out).added == 4


def test_fingerprints_are_made_where_the_index_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise CatalogError("It cannot be read.")

    out = record_run(tmp_path)
    monkeypatch.setattr("midiprism.search.upkeep.update_search_index", fail)
    complete = start_update_after_run(str(out), address_of(out), run_in_process, False)
    with pytest.raises(CatalogError):
        complete()
    assert track_ids(read_generation(similarity_folder(str(out)))) == [1, 2, 3, 4, 5]


def test_recorded_lines_of_tracks_that_were_never_committed_are_removed(tmp_path: Path) -> None:
    out = record_run(tmp_path)
    lines = NewLines(similarity_folder(str(out)))
    lines.add([blake3(b"none").digest()], [b"none"], ["Piano"])
    lines.add([blake3(b"none").digest()], [b"none"], ["Piano"])
    lines.close()
    assert len(recorded_files(out)) == 3
    assert update(out).added == 4
    assert recorded_files(out) == []
