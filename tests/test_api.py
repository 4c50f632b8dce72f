"""Tests of the public Python interface to whole collections."""

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import midiprism
from midiprism import api
from midiprism.catalog import open_catalog
from midiprism.catalog.schema import tracks
from midiprism.errors import NotAResultError, UsageError
from midiprism.pipeline import RunProgress
from midiprism.search.errors import QueryError
from midiprism.search.index.generation import INDEX_FOLDER
from midiprism.search.saved_searches import SavedSearches
from midiprism.sources import open_source
from support.fake_songs import write_files
from support.midi_writer import note, program_change, song, track

PIANO_PROGRAM, BASS_PROGRAM = 0, 32

UNGUARDED_SCRIPT = """
import midiprism
print("the script runs", flush=True)
summary = midiprism.split_library("songs", "result", workers=2)
print(summary.state, summary.songs_done, len(list(midiprism.open_result("result").tracks())))
"""


def instrument_track(channel: int, program: int, pitch: int) -> bytes:
    return track([(0, program_change(channel, program)), *note(channel, pitch, 0, 480)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with three songs, which is the working folder."""
    songs = {
        "first.mid": song(instrument_track(0, PIANO_PROGRAM, 60), instrument_track(1, BASS_PROGRAM, 36)),
        "second.mid": song(instrument_track(0, PIANO_PROGRAM, 62)),
        "third.mid": song(instrument_track(9, PIANO_PROGRAM, 38)),
    }
    write_files(tmp_path / "songs", songs)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_in_the_documentation_are_right(folder: Path) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    names = {"split_library": api.split_library, "open_result": api.open_result}
    examples = [example for example in finder.find(api, globs=names) if example.examples]
    order = [
        "split_library",
        "open_result",
        "Result.find",
        "Result.facets",
        "Result.tracks",
        "Result.songs",
        "Result.verify",
        "Result.export",
        "Result.export_data_set",
    ]
    examples.sort(key=lambda example: order.index(example.name.removeprefix("midiprism.api.")))
    for example in examples:
        runner.run(example)
    assert (runner.failures, runner.tries >= 9) == (0, True)


def test_a_song_is_forgotten_and_put_back(folder: Path) -> None:
    midiprism.split_library("songs", "result", workers=0)
    result = midiprism.open_result("result")
    assert (result.forget("third").songs, result.forget(query="song:first").songs) == (1, 1)
    assert {row.song_name for row in result.tracks()} & {"first", "third"} == set()
    assert (result.undo_forget().songs, result.undo_forget().songs) == (1, 1)
    assert result.forget().songs == 0


def test_the_public_names_can_be_loaded() -> None:
    assert midiprism.CONTRACT_VERSION >= 1
    assert all(getattr(midiprism, name) is not None for name in midiprism.__all__)
    assert set(midiprism.__all__) <= set(dir(midiprism))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = midiprism.nothing


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import midiprism, sys; print([m for m in ('numba', 'sqlalchemy', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_script_without_a_main_guard_can_use_worker_processes(folder: Path) -> None:
    write_files(folder, {"script.py": UNGUARDED_SCRIPT.encode()})
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=300)
    assert (done.stderr, done.stdout.splitlines()) == ("", ["the script runs", "done 3 4"])


def test_progress_is_reported(folder: Path) -> None:
    reports: list[RunProgress] = []
    summary = midiprism.split_library("songs", "result", workers=0, on_progress=reports.append)
    assert (summary.state, reports[-1].seen, reports[-1].tracks) == ("done", 3, 4)


def test_a_run_can_be_stopped_and_continued(folder: Path) -> None:
    stopped = midiprism.split_library("songs", "result", workers=0, stop=lambda: True)
    assert (stopped.state, stopped.songs_done) == ("interrupted", 0)
    assert midiprism.split_library("songs", "result", workers=0).songs_done == 3


def test_sources_are_a_path_several_paths_or_an_open_source(folder: Path) -> None:
    assert midiprism.split_library(Path("songs"), "a", workers=0).songs_done == 3
    paths: list[str | Path] = ["songs/first.mid", Path("songs/second.mid")]
    assert midiprism.split_library(paths, "b", workers=0).songs_done == 2
    assert midiprism.split_library(open_source(["songs"]), "c", workers=0).songs_done == 3


def test_settings_are_those_of_the_result_unless_others_are_requested(folder: Path) -> None:
    first = midiprism.split_library("songs", "result", by="channel", workers=0, limit=1)
    assert (first.by, first.songs_done) == ("channel", 1)
    assert midiprism.split_library("songs", "result", workers=0).by == "channel"
    with pytest.raises(UsageError, match="by=channel"):
        midiprism.split_library("songs", "result", by="track", workers=0)
    assert midiprism.split_library("songs", "result", workers=0, redo=True).songs_done == 3


def test_songs_and_tracks_of_a_result_are_found(folder: Path) -> None:
    midiprism.split_library("songs", "result", workers=0)
    result = midiprism.open_result(folder / "result")
    assert result.folder == str(folder / "result")
    assert {song.outcome for song in result.songs()} == {"split"}
    assert [row.song_name for row in result.tracks()] == ["first", "first", "second", "third"]
    assert [row.song_name for row in result.find(instrument="BASS")] == ["first"]
    assert [row.song_name for row in result.find(song_name="third")] == ["third"]
    assert [row.song_name for row in result.find("BASS -drums")] == ["first"]
    assert [row.song_name for row in result.find("-bass sort:song-", limit=2)] == ["third", "second"]
    assert [row.song_name for row in result.find("piano", song="second", min_notes=1)] == ["second"]
    for filters in ({"nonsense": "x"}, {"min_name": 1}):
        with pytest.raises(TypeError, match="There is no filter"):
            list(result.find(**filters))
    with pytest.raises(QueryError, match="do you mean `instrument`"):
        list(result.find("instrumnt:bass"))


def test_facts_that_are_not_computed_are_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    midiprism.split_library("songs", "result", workers=0)
    result = midiprism.open_result("result")
    list(result.find("key:C"))
    assert caplog.records == []
    with open_catalog(str(folder / "result" / "catalog.sqlite")) as catalog:
        catalog.run_in_transaction(
            lambda: catalog.connection.execute(tracks.update().values(facts_version=None))
        )
    shutil.rmtree(folder / "result" / INDEX_FOLDER)
    list(result.find("key:C"))
    assert caplog.messages == ["key: not computed yet for this result."]


def test_saved_searches_work_in_python_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDIPRISM_SEARCHES", str(folder / "searches"))
    SavedSearches(str(folder / "searches")).save("low", "bass")
    midiprism.split_library("songs", "result", workers=0)
    assert [row.song_name for row in midiprism.open_result("result").find("@low")] == ["first"]


def test_damage_is_found(folder: Path) -> None:
    midiprism.split_library("songs", "result", workers=0)
    result = midiprism.open_result("result")
    assert result.verify().ok
    next((folder / "result" / "tracks").rglob("*.mid")).unlink()
    assert not result.verify().ok


def test_a_tree_of_some_tracks_is_exported(folder: Path) -> None:
    midiprism.split_library("songs", "result", workers=0)
    result = midiprism.open_result("result")
    assert result.export("tree", layout="{family}/{song}", family="piano", dry_run=True).files_new == 2
    assert not (folder / "tree").exists()
    result.export("tree", layout="{family}/{song}", family="piano")
    assert sorted(path.name for path in (folder / "tree").rglob("*.mid")) == ["first.mid", "second.mid"]
    assert result.export("bass", "bass , song:third").files_new == 2


def test_a_folder_without_a_result_is_refused(folder: Path) -> None:
    with pytest.raises(NotAResultError):
        midiprism.open_result("songs")
