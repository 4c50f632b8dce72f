"""A song that kills its worker or hangs costs itself, and nothing else."""

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from midiprism import split
from midiprism.features.track_facts import FactsCalculator
from midiprism.generations import track_stores
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.generations.fetching import ReadAhead
from midiprism.generations.plan import SplitSettings
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.splitting import Machine, SongSplitter
from midiprism.generations.verify import verify_generations
from midiprism.objects import open_storage
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.records.batches import LINK_COUNT
from midiprism.smf import split_song
from midiprism.smf.types import SplitSong
from support.failing_parts import CrashingSplitter
from support.fake_songs import BASS, PIANO, fake_song, fake_split
from support.generation_results import (
    local_rows,
    memory_url,
    options,
    parts,
    some_songs,
    source_with,
    stored_rows,
    table_rows,
)

ONE_CHUNK = ChunkLimits(max_songs=20, min_songs=20)


def _songs() -> dict[str, bytes]:
    return {f"{number:02}.mid": fake_song(PIANO, BASS + str(number)) for number in range(8)}


def test_songs_that_kill_or_hang_their_workers_have_an_outcome_of_their_own(tmp_path: Path) -> None:
    bad = {"02x.mid": b"song kill", "04x.mid": b"song hang", "05x.mid": b"song memory"}
    bad["06x.mid"] = bad["02x.mid"]
    source, url = source_with(_songs() | bad), memory_url()
    machine = Machine(1, make_splitter=lambda *_: CrashingSplitter(str(tmp_path)))
    run_options = options(settings=SplitSettings(timeout=0.5, facts=False), chunks=ONE_CHUNK)
    summary = split_to_storage(source, url, run_options, parts(machine=machine))
    assert summary.outcomes == {"failed": 4, "split": 8}
    storage = open_storage(url)
    rows = table_rows(storage, open_result(storage).newest_manifest(), "songs")
    failed = {row["path"]: (row["blake3"] is None, row["problems"][:10]) for row in rows if row["problems"]}
    assert failed == {
        "02x.mid": (True, '[["crash",'),
        "04x.mid": (True, '[["timeout'),
        "05x.mid": (True, '[["interna'),
        "06x.mid": (True, '[["crash",'),
    }
    again = split_to_storage(source, url, run_options, parts(machine=machine))
    assert (again.generation, again.songs_planned) == (1, 0)


@dataclass(frozen=True)
class KillingSplitter:
    """A splitter that ends its process at one song while a file is there."""

    switch: str

    def __call__(self, data: bytes) -> SplitSong:
        if b"b3" in data and os.path.exists(self.switch):
            os.kill(os.getpid(), signal.SIGKILL)
        return fake_split(data)


def test_a_song_that_kills_its_workers_only_in_pass_c_is_never_half_committed(tmp_path: Path) -> None:
    source, url = source_with(_songs()), memory_url()
    switch = tmp_path / "switch"

    def turn_on(progress: object) -> None:
        if getattr(progress, "pass_name", "") == "c":
            switch.touch()

    run_options = options(settings=SplitSettings(facts=False), chunks=ONE_CHUNK)
    machine = Machine(1, make_splitter=lambda *_: KillingSplitter(str(switch)))
    with pytest.raises(GenerationError, match=r"03\.mid was split once, and could not be split again"):
        split_to_storage(source, url, run_options, parts(machine=machine, on_progress=turn_on))
    assert open_result(open_storage(url)).newest_manifest().number == 0
    switch.unlink()
    split_to_storage(source, url, run_options, parts(machine=machine))
    other = memory_url()
    split_to_storage(source, other, run_options, parts(machine=Machine(make_splitter=lambda *_: fake_split)))
    assert stored_rows(url) == stored_rows(other)


def test_a_defect_in_reading_names_costs_the_names_and_no_track(monkeypatch: pytest.MonkeyPatch) -> None:
    source, url, other = source_with(some_songs(4, 0)), memory_url(), memory_url()
    split_to_storage(source, other, options(), parts())

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(split_song, "choose_names", fail)
    summary = split_to_storage(source, url, options(), parts())
    assert summary.outcomes == {"repaired": 4, "corrupt": 1}
    storage = open_storage(url)
    songs = table_rows(storage, open_result(storage).newest_manifest(), "songs")
    repaired = [row for row in songs if row["outcome"] == "repaired"]
    assert all('[["internal", "' in row["problems"] for row in repaired)
    tracks = table_rows(storage, open_result(storage).newest_manifest(), "tracks")
    assert {row["name"] for row in tracks} == {None}
    other_storage = open_storage(other)
    named = table_rows(other_storage, open_result(other_storage).newest_manifest(), "tracks")
    assert {row["blake3"] for row in tracks} == {row["blake3"] for row in named}


def test_a_defect_of_the_naming_rule_costs_no_track(monkeypatch: pytest.MonkeyPatch) -> None:
    source, url, other = source_with(some_songs(2, 0)), memory_url(), memory_url()
    split_to_storage(source, other, options(), parts())

    def fail_for_names(name: str | None, instrument: str) -> str:
        if name is not None:
            raise ZeroDivisionError
        return instrument

    monkeypatch.setattr(track_stores, "track_stem", fail_for_names)
    split_to_storage(source, url, options(), parts())
    assert stored_rows(url) == stored_rows(other)


def test_a_defect_in_computing_facts_costs_the_facts_of_one_track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = some_songs(4, 0)
    source, url = source_with(songs), memory_url()
    expected = local_rows(songs, tmp_path / "whole")
    columns = FactsCalculator.columns
    bad = split(songs["good/001 ü#?.mid"]).tracks[0].data

    def fail(self: FactsCalculator, tracks: Sequence[bytes], families: Sequence[str]) -> dict[str, list[Any]]:
        if bad in tracks:
            raise ZeroDivisionError
        return columns(self, tracks, families)

    monkeypatch.setattr(FactsCalculator, "columns", fail)
    split_to_storage(source, url, options(), parts())
    stored, local = stored_rows(url), local_rows(songs, tmp_path / "failing")
    assert (stored["tracks"], stored["links"]) == (local["tracks"], local["links"])
    assert stored["links"] == expected["links"]
    storage = open_storage(url)
    tracks = table_rows(storage, open_result(storage).newest_manifest(), "tracks")
    without = [row["blake3"] for row in tracks if row["is_drums"] is None]
    assert without == [blake3(bad).hexdigest()]
    assert len({*stored["tracks"]} & {*expected["tracks"]}) == len(tracks) - 1


def test_songs_whose_facts_kill_their_workers_have_tracks_without_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = some_songs(4, 0)
    source, url = source_with(songs), memory_url()
    split_batches = SongSplitter.split
    lost: list[FinishedBatch] = []

    def lose_once(self: SongSplitter, batches: ReadAhead[Batch]) -> Iterator[FinishedBatch]:
        for done in split_batches(self, batches):
            rows = done.record.songs
            if lost or LINK_COUNT not in rows.names:
                yield done
                continue
            lost.append(done)
            record = replace(done.record, songs=rows.with_columns(digest=[None] * len(rows)))
            yield replace(done, record=record)

    monkeypatch.setattr(SongSplitter, "split", lose_once)
    split_to_storage(source, url, options(), parts())
    assert len(lost) == 1
    stored, local = stored_rows(url), local_rows(songs, tmp_path / "local")
    assert stored["links"] == local["links"]
    storage = open_storage(url)
    tracks = table_rows(storage, open_result(storage).newest_manifest(), "tracks")
    assert len(tracks) == len(local["tracks"])
    assert any(row["is_drums"] is None for row in tracks)


def test_a_song_that_finds_no_memory_once_is_split_by_a_later_run() -> None:
    source, url, other = source_with(_songs()), memory_url(), memory_url()
    failures = [MemoryError()]

    def split(data: bytes) -> SplitSong:
        if failures:
            raise failures.pop()
        return fake_split(data)

    run_options = options(settings=SplitSettings(facts=False), chunks=ONE_CHUNK)
    machine = Machine(make_splitter=lambda *_: split)
    summary = split_to_storage(source, url, run_options, parts(machine=machine))
    assert summary.outcomes == {"failed": 1, "split": 7}
    assert verify_generations(url).damage == ()
    retried = options(settings=SplitSettings(facts=False), chunks=ONE_CHUNK, retry_failed=True)
    assert split_to_storage(source, url, retried, parts(machine=machine)).outcomes == {"split": 8}
    split_to_storage(source, other, run_options, parts(machine=machine))
    assert stored_rows(url) == stored_rows(other)


def test_a_run_without_workers_that_is_stopped_says_so() -> None:
    source, url = source_with(_songs()), memory_url()
    songs: list[bytes] = []

    def split(data: bytes) -> SplitSong:
        songs.append(data)
        return fake_split(data)

    machine = Machine(make_splitter=lambda *_: split, stop=lambda: len(songs) == 3)
    run_options = options(settings=SplitSettings(facts=False), chunks=ONE_CHUNK)
    with pytest.raises(GenerationStoppedError):
        split_to_storage(source, url, run_options, parts(machine=machine))
