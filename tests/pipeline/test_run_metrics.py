"""Tests of the metrics that a run records: its samples, and the locations that it reads and writes."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog.queries.run_history import latest_sampled_run, recent_runs, samples_of
from midiprism.metrics import sampler
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline import RunProgress, run_metrics
from midiprism.pipeline.settings import RunIntervals
from midiprism.pipeline.tuner import Decision, Tunables
from midiprism.results.result_dir import open_snapshots_of
from midiprism.sample.write import write_songs
from midiprism.smf.types import SplitSong
from support import catalog_access
from support.executor_runs import SlowSplitter
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.runs import make_settings, run_split

pytestmark = pytest.mark.usefixtures("catalog_backend")


def recorded_metrics(out: Path) -> tuple[dict[str, Any], dict[str, Any], list[RunSample]]:
    """Return the settings and totals of the last run, and its samples."""
    with (
        open_snapshots_of(str(out), catalog_access.postgres_address(out)) as snapshots,
        snapshots() as reader,
    ):
        (last,) = recent_runs(reader, 1)
        assert latest_sampled_run(reader) == last.id
        return (
            last.settings,
            last.totals,
            [RunSample.from_dict(one) for one in samples_of(reader, last.id)],
        )


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO, f"{BASS}{n}") for n in range(60)})


def busy_split(data: bytes) -> SplitSong:
    """Split a fake song, with more processor time than the system's resolution of hundredths of a second."""
    until = time.process_time() + 0.001
    while time.process_time() < until:
        pass
    return fake_split(data)


def test_the_last_sample_of_a_run_has_its_totals(tmp_path: Path, songs: Path) -> None:
    summary = run_split(songs, tmp_path / "out", make_settings(workers=0, batch_songs=7), splitter=busy_split)
    _, _, samples = recorded_metrics(tmp_path / "out")
    window = SampleWindow(samples[0], samples[-1])
    assert window.songs == window.songs_committed == summary.songs_done == 60
    assert samples[-1].tracks == summary.tracks
    assert samples[-1].tracks_new == summary.tracks_new
    assert samples[-1].songs_total == 60
    assert samples[-1].batch_size == 7
    assert window.commits > 0
    assert window.rows == 60 + 120 + 61  # songs, links, tracks
    assert window.stage("commit").seconds > 0
    assert window.stage("read").seconds > 0
    assert window.coordinator_cpu > 0
    assert [sample.elapsed_seconds for sample in samples] == sorted(
        sample.elapsed_seconds for sample in samples
    )


def test_the_settings_of_a_run_have_its_locations(tmp_path: Path, songs: Path) -> None:
    run_split(songs, tmp_path / "out")
    settings, _, _ = recorded_metrics(tmp_path / "out")
    assert set(settings["locations"]) == {"source", "output", "catalog", "temporary"}
    assert settings["locations"]["source"]["path"] == str(songs)
    assert settings["locations"]["output"]["path"] == settings["out"] == str(tmp_path / "out")
    assert settings["cpus"] >= 1
    database = catalog_access.postgres_address(tmp_path / "out")
    assert settings["database"] == (database.cli_options if database else None)
    assert settings["locations"]["catalog"]["kind"] == (
        "local server" if database else settings["locations"]["output"]["kind"]
    )


def test_stage_timers_of_all_workers_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "PERIOD_SECONDS", 0.05)
    write_songs(tmp_path / "songs", 300, seed=1)
    run_split(tmp_path / "songs", tmp_path / "out", make_settings(workers=2, batch_songs=20), splitter=None)
    _, _, samples = recorded_metrics(tmp_path / "out")
    last = samples[-1]
    assert last.songs == 300
    assert last.workers == 2
    assert last.worker_cpu > 0
    assert last.stage("split").seconds > 0
    assert last.stage("hash").seconds > 0
    assert last.stage("store").seconds > 0
    assert last.stage("commit").seconds > 0
    assert last.idle > 0
    assert all(stage.waited <= stage.seconds for stage in last.stages.values())


def test_progress_has_the_metrics_of_the_last_seconds(tmp_path: Path, songs: Path) -> None:
    seen: list[RunProgress] = []
    run_split(songs, tmp_path / "out", on_progress=seen.append)
    assert seen[-1].window is not None
    assert seen[-1].window.last.songs == 60
    assert seen[-1].recorded_settings["out"] == os.path.abspath(tmp_path / "out")


def test_old_samples_are_dropped_during_a_run(
    tmp_path: Path, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "PERIOD_SECONDS", 0.002)
    monkeypatch.setattr(run_metrics, "samples_to_drop", lambda times, _now: list(times)[1:])
    intervals = RunIntervals(record=0.0, record_rest_factor=0.0, downsample=0.0)
    settings = make_settings(workers=0, batch_songs=5)
    run_split(songs, tmp_path / "out", settings, splitter=SlowSplitter(0.005), intervals=intervals)
    _, _, samples = recorded_metrics(tmp_path / "out")
    assert samples[0].songs == 0
    assert samples[-1].songs == 60
    # There was one for each 2 ms, and a record after each 5 songs.
    assert [sample.songs for sample in samples if 0 < sample.songs <= 40] == []


class OneDecisionTuner:
    """A tuner that makes one decision."""

    def __init__(self, tunables: Tunables) -> None:
        self.tunables: Tunables | None = tunables

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        wanted, self.tunables = self.tunables, None
        return Decision(wanted, "to see what happens") if wanted else None


def test_a_decision_of_a_tuner_takes_effect_and_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "PERIOD_SECONDS", 0.02)
    write_songs(tmp_path / "songs", 400, seed=2)
    settings = make_settings(workers=1, batch_songs=10, in_flight=2)
    tuner = OneDecisionTuner(Tunables(3, 20, 6))
    summary = run_split(tmp_path / "songs", tmp_path / "out", settings, splitter=None, tuner=tuner)
    assert summary.songs_done == 400
    _, totals, samples = recorded_metrics(tmp_path / "out")
    (decision,) = totals["decisions"]
    assert (decision["workers"], decision["batch_size"], decision["in_flight"]) == (3, 20, 6)
    assert decision["reason"] == "to see what happens"
    assert (samples[-1].workers, samples[-1].batch_size, samples[-1].in_flight_limit) == (3, 20, 6)
