import json
import os
from pathlib import Path

import pytest

from midiprism.errors import UsageError
from midiprism.export.export import Export, export_tracks
from midiprism.export.export_record import RECORD_FILE
from midiprism.export.path_template import PathTemplate
from midiprism.search.parse_query import parse_query
from midiprism.search.query import Query
from midiprism.sources import open_folders
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.runs import make_settings, run_source

pytestmark = pytest.mark.usefixtures("catalog_backend")

ALL = Query()


def make_result(tmp_path: Path, files: dict[str, bytes]) -> Path:
    out = tmp_path / "out"
    source = write_files(tmp_path / "songs", files)
    settings = make_settings(database=catalog_access.postgres_address(out))
    run_source(open_folders([source]), str(out), settings, splitter=fake_split)
    return out


def export(out: Path, to: Path, by: str = "song", query: Query = ALL, **options: bool) -> Export:
    place = catalog_access.postgres_address(out)
    template = PathTemplate(by)
    return export_tracks(str(out), str(to), template, query, database=place, **options)  # type: ignore[arg-type]


def names(folder: Path) -> list[str]:
    return sorted(set(read_tree(folder)) - {"midiprism.json", ".midiprism.lock", RECORD_FILE})


def test_a_tree_by_song_has_a_folder_per_song(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"rock/Help.mid": fake_song(PIANO, BASS, DRUMS), "Yes.mid": fake_song(BASS)})
    done = export(out, tmp_path / "to")
    assert names(tmp_path / "to") == [
        "Yes/01 Bassline (Slap Bass 1).mid",
        "rock/Help/01 Right Hand (Acoustic Grand Piano).mid",
        "rock/Help/02 Bassline (Slap Bass 1).mid",
        "rock/Help/03 Standard Kit.mid",
    ]
    assert (done.files_new, done.files_unchanged, done.failed) == (4, 0, False)
    assert read_tree(tmp_path / "to")["Yes/01 Bassline (Slap Bass 1).mid"] == BASS.encode()


def test_a_tree_by_instrument_has_the_song_in_each_file_name(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"Help.mid": fake_song(BASS), "Yes.mid": fake_song(PIANO, BASS)})
    export(out, tmp_path / "to", "instrument", parse_query("family:bass"))
    assert names(tmp_path / "to") == [
        "Bass/Slap Bass 1/Help - 01 Bassline.mid",
        "Bass/Slap Bass 1/Yes - 02 Bassline.mid",
    ]


def test_copies_are_writable_and_independent_of_the_store(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})
    export(out, tmp_path / "to")
    path = tmp_path / "to/a/01 Right Hand (Acoustic Grand Piano).mid"
    assert path.stat().st_mode & 0o200
    before = read_tree(out)
    path.write_bytes(b"edited in place")
    assert read_tree(out) == before


def test_hard_links_are_the_stores_own_files(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})
    export(out, tmp_path / "to", hardlink=True)
    assert (tmp_path / "to/a/01 Right Hand (Acoustic Grand Piano).mid").stat().st_nlink == 2
    assert export(out, tmp_path / "to", hardlink=True).files_unchanged == 1


def test_a_second_export_writes_nothing(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO, PIANO), "a.kar": fake_song(BASS)})
    export(out, tmp_path / "to")
    before = read_tree(tmp_path / "to")
    done = export(out, tmp_path / "to")
    assert (done.files_new, done.files_unchanged) == (0, 3)
    assert read_tree(tmp_path / "to") == before


def test_songs_that_would_share_a_folder_are_numbered_in_the_order_of_their_paths(tmp_path: Path) -> None:
    files = {
        "a.mid": fake_song(PIANO),
        "a.kar": fake_song(BASS),
        "A.mid": fake_song(DRUMS),
        "a (2).mid": fake_song(BASS + "2"),
    }
    out = make_result(tmp_path, files)
    export(out, tmp_path / "to")
    assert names(tmp_path / "to") == [
        "A/01 Standard Kit.mid",
        "a (2)/01 Bassline (Slap Bass 1).mid",
        "a (3)/01 Bassline (Slap Bass 1).mid",
        "a (4)/01 Right Hand (Acoustic Grand Piano).mid",
    ]


def test_files_that_would_share_a_name_are_numbered(tmp_path: Path) -> None:
    out = make_result(
        tmp_path, {"a.mid": fake_song(BASS, BASS + "1", BASS.replace("Bassline", "BASSLINE") + "2")}
    )
    export(out, tmp_path / "to", "{name}")
    assert names(tmp_path / "to") == ["BASSLINE (3).mid", "Bassline (2).mid", "Bassline.mid"]


def test_an_edited_file_is_kept_and_reported(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO, BASS)})
    export(out, tmp_path / "to")
    (tmp_path / "to/a/02 Bassline (Slap Bass 1).mid").write_bytes(b"my own take")
    done = export(out, tmp_path / "to")
    assert (done.files_unchanged, done.files_differing, done.failed) == (1, 1, True)
    assert (tmp_path / "to/a/02 Bassline (Slap Bass 1).mid").read_bytes() == b"my own take"


def test_a_link_at_the_path_of_a_file_is_not_followed(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})
    write_files(tmp_path, {"victim": b"precious"})
    (tmp_path / "to/a").mkdir(parents=True)
    (tmp_path / "to/a/01 Right Hand (Acoustic Grand Piano).mid").symlink_to(tmp_path / "victim")
    assert export(out, tmp_path / "to").files_differing == 1
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_dry_run_writes_nothing_and_counts_the_same(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO, BASS)})
    done = export(out, tmp_path / "to", dry_run=True)
    assert (done.files_new, (tmp_path / "to").exists()) == (2, False)
    export(out, tmp_path / "to")
    assert export(out, tmp_path / "to", dry_run=True).files_unchanged == 2


def test_a_track_missing_from_the_store_is_reported_and_the_rest_exported(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO, BASS)})
    next((out / "tracks/bass").rglob("*.mid")).unlink()
    for hardlink in (False, True):
        to = tmp_path / f"to{hardlink}"
        done = export(out, to, hardlink=hardlink)
        assert (done.files_new, done.files_failed) == (1, 1)


def test_a_target_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)})
    write_files(tmp_path / "to", {"a": b"a file where a folder must be"})
    done = export(out, tmp_path / "to")
    assert (done.files_new, done.files_failed) == (1, 1)
    assert "cannot be written" in done.failures[0][1]


def test_an_exported_tree_is_never_split(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})
    export(out, tmp_path / "songs/by song")
    settings = make_settings(database=catalog_access.postgres_address(out))
    again = run_source(open_folders([tmp_path / "songs"]), str(out), settings, splitter=fake_split)
    assert (again.songs_seen, again.results_skipped) == (1, 1)


def test_a_folder_that_holds_other_files_is_not_marked(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})
    write_files(tmp_path / "to", {"mine.txt": b""})
    export(out, tmp_path / "to")
    assert "midiprism.json" not in read_tree(tmp_path / "to")


@pytest.mark.parametrize("to", ["out", "out/by-song", "other", "file"])
def test_a_tree_is_not_exported_into_a_result_or_a_file(tmp_path: Path, to: str) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})
    write_files(
        tmp_path,
        {"file": b"", "other/midiprism.json": json.dumps({"midiprism": "result", "format": 1}).encode()},
    )
    with pytest.raises(UsageError):
        export(out, tmp_path / to)


def test_an_interrupted_export_can_be_continued(tmp_path: Path) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO, BASS, DRUMS)})
    progress: list[int] = []
    export_tracks(
        str(out),
        str(tmp_path / "to"),
        PathTemplate("song"),
        Query(),
        database=catalog_access.postgres_address(out),
        stop=lambda: len(progress) > 1,
        listener=lambda done: progress.append(done.files),
    )
    assert len(names(tmp_path / "to")) == 2
    assert export(out, tmp_path / "to").files_new == 1


def test_a_copy_that_fails_half_way_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})

    def fail(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    done = export(out, tmp_path / "to")
    monkeypatch.undo()
    assert done.files_failed == 1
    assert names(tmp_path / "to") == []


def test_blocks_are_shared_if_the_file_system_supports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    out = make_result(tmp_path, {"a.mid": fake_song(PIANO)})
    calls: list[int] = []

    def clone(target: int, request: int, source: int) -> int:
        calls.append(request)
        return os.write(target, os.read(source, 10_000))

    monkeypatch.setattr(fcntl, "ioctl", clone)
    export(out, tmp_path / "to")
    assert calls == [0x40049409]
    assert read_tree(tmp_path / "to")["a/01 Right Hand (Acoustic Grand Piano).mid"] == PIANO.encode()
