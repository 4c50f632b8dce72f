"""Tests of walks that begin before a run is ready, and of what is started before there is a song."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from midiprism.cli import main
from midiprism.errors import SourceError
from midiprism.pipeline import RunCallbacks, run_pipeline
from midiprism.pipeline.planner import SongWalk
from midiprism.sources import FolderSource, Notice, SongRef, open_folders
from support.fake_songs import fake_split, write_files
from support.runs import make_settings, run_source


@dataclass(frozen=True)
class CountingSource(FolderSource):
    """A source that notes its walks, and fails where a file is named ``gone.mid``."""

    walks: list[str] = field(default_factory=list)

    def walk(self) -> Iterator[SongRef | Notice]:
        self.walks.append("begun")
        for item in super().walk():
            if isinstance(item, SongRef) and item.path.endswith(b"gone.mid"):
                raise SourceError("The source is gone.")
            yield item


def counting_source(folder: Path) -> CountingSource:
    opened = open_folders([folder])
    return CountingSource(opened.paths, opened.folders)


def names(walk: SongWalk) -> list[bytes]:
    return [item.path.rpartition(b"/")[2] for item in walk if isinstance(item, SongRef)]


def test_a_walk_that_has_begun_is_continued_and_the_next_one_begins_again(tmp_path: Path) -> None:
    source = counting_source(write_files(tmp_path / "s", {f"{name}.mid": b"x" for name in "abc"}))
    walk = SongWalk(source)
    assert walk.has_songs()
    assert names(walk) == [b"a.mid", b"b.mid", b"c.mid"]
    assert len(source.walks) == 1
    assert names(walk) == [b"a.mid", b"b.mid", b"c.mid"]
    assert len(source.walks) == 2


def test_a_folder_without_songs_is_walked_once(tmp_path: Path) -> None:
    source = counting_source(write_files(tmp_path / "s", {"notes.txt": b"x"}))
    walk = SongWalk(source)
    assert not walk.has_songs()
    assert [*walk] == []
    assert len(source.walks) == 1


def test_an_error_of_the_source_is_raised_by_the_walk_itself(tmp_path: Path) -> None:
    walk = SongWalk(counting_source(write_files(tmp_path / "s", {"gone.mid": b"x"})))
    assert not walk.has_songs()
    with pytest.raises(SourceError):
        names(walk)


@pytest.mark.parametrize(("name", "started"), [("song.mid", [(None, 1)]), ("notes.txt", [])])
def test_no_process_is_started_where_there_is_no_song(
    name: str, started: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr("midiprism.pipeline.runner.prepare_executor", lambda *given: calls.append(given))
    source = open_folders([write_files(tmp_path / "s", {name: b"x"})])
    run_source(source, tmp_path / "out", workers=1, executor=None, splitter=fake_split, stop=lambda: True)
    assert calls == started


def test_only_the_command_for_a_new_result_starts_processes_before_it_knows_the_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr("midiprism.pipeline.executors.prepare_executor", lambda *given: calls.append(given))
    songs = write_files(tmp_path / "s", {"a.mid": b"x"})
    for _ in range(2):
        main(["split", str(songs), "-o", str(tmp_path / "out"), "--workers", "0", "--quiet"])
    assert calls == [(None, 0)]


def test_what_the_end_of_a_run_needs_is_loaded_in_another_thread(tmp_path: Path) -> None:
    threads: list[threading.Thread] = []
    callbacks = RunCallbacks(load_after_run=lambda: threads.append(threading.current_thread()))
    source = open_folders([write_files(tmp_path / "s", {"a.mid": b"x"})])
    run_pipeline(source, str(tmp_path / "out"), make_settings(workers=0), callbacks)
    assert len(threads) == 1
    assert threads != [threading.main_thread()]
