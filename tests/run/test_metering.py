"""What a run keeps of itself: its samples, and where it read and wrote."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog.history import last_runs
from midiprism.catalog.samples import latest_run, samples_of
from midiprism.meter import sampler
from midiprism.meter.sample import Sample, Window
from midiprism.run import Progress, Settings
from midiprism.run.result import catalog_of
from midiprism.run.tuning import Decision, Knobs
from midiprism.sample.write import write_songs
from midiprism.smf.types import Split
from support import catalogs
from support.fake import BASS, PIANO, fake_split, song, write
from support.runs import run

pytestmark = pytest.mark.usefixtures("catalogs")


def told(out: Path) -> tuple[dict[str, Any], dict[str, Any], list[Sample]]:
    """Settings and totals of the last run, and its samples."""
    with catalog_of(str(out), catalogs.database(out)) as catalog, catalog.view() as connection:
        (last,) = last_runs(connection, 1)
        assert latest_run(connection) == last.id
        return last.settings, last.totals, [Sample.from_dict(one) for one in samples_of(connection, last.id)]


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write(tmp_path / "songs", {f"{n}.mid": song(PIANO, f"{BASS}{n}") for n in range(60)})


def busy_split(data: bytes) -> Split:
    """Takes a processor long enough that the system, which counts hundredths of a second, sees it."""
    until = time.process_time() + 0.001
    while time.process_time() < until:
        pass
    return fake_split(data)


def test_a_run_keeps_samples_that_end_with_all_it_did(tmp_path: Path, songs: Path) -> None:
    summary = run(songs, tmp_path / "out", Settings(workers=0, batch_parents=7), splitter=busy_split)
    _, _, samples = told(tmp_path / "out")
    window = Window(samples[0], samples[-1])
    assert window.parents == window.committed == summary.parents_done == 60
    assert samples[-1].tracks == summary.tracks
    assert samples[-1].tracks_new == summary.tracks_new
    assert samples[-1].total == 60
    assert samples[-1].batch_size == 7
    assert window.commits > 0
    assert window.rows == 60 + 120 + 61  # songs, links, tracks
    assert window.stage("commit").seconds > 0
    assert window.stage("read").seconds > 0
    assert window.coordinator_cpu > 0
    assert [sample.at for sample in samples] == sorted(sample.at for sample in samples)


def test_its_settings_say_where_it_reads_and_writes(tmp_path: Path, songs: Path) -> None:
    run(songs, tmp_path / "out")
    settings, _, _ = told(tmp_path / "out")
    assert set(settings["places"]) == {"source", "output", "catalogue", "temporary"}
    assert settings["places"]["source"]["path"] == str(songs)
    assert settings["places"]["output"]["path"] == settings["out"] == str(tmp_path / "out")
    assert settings["cpus"] >= 1
    database = catalogs.database(tmp_path / "out")
    assert settings["database"] == (database.options if database else None)
    assert settings["places"]["catalogue"]["kind"] == (
        "local server" if database else settings["places"]["output"]["kind"]
    )


def test_workers_clocks_add_up_over_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "PERIOD", 0.05)
    write_songs(tmp_path / "songs", 300, seed=1)
    run(tmp_path / "songs", tmp_path / "out", Settings(workers=2, batch_parents=20), splitter=None)
    _, _, samples = told(tmp_path / "out")
    last = samples[-1]
    assert last.parents == 300
    assert last.workers == 2
    assert last.worker_cpu > 0
    assert last.stage("split").seconds > 0
    assert last.stage("hash").seconds > 0
    assert last.stage("store").seconds > 0
    assert last.stage("commit").seconds > 0
    assert last.idle > 0
    assert all(stage.waited <= stage.seconds for stage in last.stages.values())


def test_an_observer_is_told_of_the_last_seconds(tmp_path: Path, songs: Path) -> None:
    seen: list[Progress] = []
    run(songs, tmp_path / "out", listener=seen.append)
    assert seen[-1].window is not None
    assert seen[-1].window.last.parents == 60
    assert seen[-1].facts["out"] == os.path.abspath(tmp_path / "out")


def test_old_samples_are_thinned_while_a_run_goes_on(
    tmp_path: Path, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midiprism.run import engine, metering

    monkeypatch.setattr(metering, "_THIN_SECONDS", 0.0)
    monkeypatch.setattr(engine, "_TELL_SECONDS", 0.0)
    monkeypatch.setattr(metering, "superfluous", lambda moments, _now: list(moments)[1:])
    original = metering.Metering.record

    def record(self: metering.Metering, *args: Any, **options: Any) -> None:
        self.take()
        original(self, *args, **options)

    monkeypatch.setattr(metering.Metering, "record", record)
    run(songs, tmp_path / "out", Settings(workers=0, batch_parents=5))
    _, _, samples = told(tmp_path / "out")
    assert samples[0].parents == 0
    assert samples[-1].parents == 60
    assert len(samples) < 10  # there was one for each of 12 batches


class Once:
    """Wants something else, once."""

    def __init__(self, knobs: Knobs) -> None:
        self.knobs: Knobs | None = knobs

    def decide(self, sample: Sample, knobs: Knobs) -> Decision | None:
        wanted, self.knobs = self.knobs, None
        return Decision(wanted, "to see what happens") if wanted else None


def test_what_a_tuner_decides_is_in_force_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "PERIOD", 0.02)
    write_songs(tmp_path / "songs", 400, seed=2)
    settings = Settings(workers=1, batch_parents=10, in_flight=2)
    tuner = Once(Knobs(3, 20, 6))
    summary = run(tmp_path / "songs", tmp_path / "out", settings, splitter=None, tuner=tuner)
    assert summary.parents_done == 400
    _, totals, samples = told(tmp_path / "out")
    (decision,) = totals["decisions"]
    assert (decision["workers"], decision["batch_size"], decision["in_flight"]) == (3, 20, 6)
    assert decision["why"] == "to see what happens"
    assert (samples[-1].workers, samples[-1].batch_size, samples[-1].in_flight_most) == (3, 20, 6)
