"""Tests of the parts of a run that are slow on purpose."""

from pathlib import Path

import psycopg

from midiprism.catalog import PostgresAddress
from midiprism.metrics.snapshot import RunSample
from midiprism.pipeline.tuner import Decision, Tunables
from midiprism.sources import open_folders
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.postgres import PostgresServer
from support.result_content import result_content
from support.runs import make_settings, run_source, run_split
from support.slow_parts import SlowSource, busy_processors, latency_proxy, open_with_slow_store, proxied_url


class LastSampleTuner:
    """A tuner that changes nothing and keeps the last sample."""

    last = RunSample()

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        self.last = sample
        return None


def songs(folder: Path) -> Path:
    return write_files(folder, {f"{n}.mid": fake_song(PIANO + str(n), BASS) for n in range(160)})


def test_a_run_waits_for_a_slow_source_and_store_and_gives_the_same_result(tmp_path: Path) -> None:
    source = songs(tmp_path / "songs")
    tuner = LastSampleTuner()
    summary = run_source(
        SlowSource(open_folders([source]), 0.01, 2),
        str(tmp_path / "out"),
        make_settings(workers=3, batch_songs=4),
        splitter=fake_split,
        open_result=open_with_slow_store(0.02, 2, 0.01),
        tuner=tuner,
    )
    assert (summary.state, summary.songs_done) == ("done", 160)
    storing = tuner.last.stage("store")
    assert storing.waited > storing.seconds / 2 > 0, "it sleeps"
    run_split(source, tmp_path / "whole")
    assert result_content(tmp_path / "out") == result_content(tmp_path / "whole")


def test_a_distant_server_gives_the_same_result(tmp_path: Path, postgres: PostgresServer) -> None:
    source = songs(tmp_path / "songs")
    local_url = postgres.new_database()
    with latency_proxy(postgres, 0.02) as port:
        distant_url = proxied_url(port, local_url)
        sessions = [psycopg.connect(distant_url) for _ in range(5)]
        assert [session.execute("SELECT 1").fetchone() for session in sessions] == [(1,)] * 5
        rows = sessions[0].execute("SELECT repeat('x', 10000) FROM generate_series(1, 500)").fetchall()
        assert {row[0] for row in rows} == {"x" * 10_000}
        for session in sessions:
            session.close()
        settings = make_settings(workers=2, batch_songs=20, database=PostgresAddress(distant_url))
        assert run_split(source, tmp_path / "out", settings).songs_done == 160
    run_split(source, tmp_path / "whole")
    assert result_content(tmp_path / "out", local_url) == result_content(tmp_path / "whole")


def test_busy_processors_are_released_afterwards() -> None:
    import psutil

    before = {child.pid for child in psutil.Process().children()}
    with busy_processors(2):
        spinning = [child for child in psutil.Process().children() if child.pid not in before]
        assert len(spinning) == 2
    assert not any(one.is_running() for one in spinning)
