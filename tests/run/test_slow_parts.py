"""What is slow on purpose does what it stands for, for all worker processes together."""

from pathlib import Path

import psycopg

from midiprism.catalog import PostgresAddress
from midiprism.library import open_folders
from midiprism.meter.sample import Sample
from midiprism.run import Settings, split_library
from midiprism.run.tuning import Decision, Knobs
from support.fake import BASS, PIANO, fake_split, song, write
from support.postgres import Server
from support.runs import run
from support.slow_parts import SlowLibrary, busy, distant, distant_url, slow_store
from support.trouble import everything


class Watching:
    """A tuner that changes nothing, and remembers the last sample."""

    last = Sample()

    def decide(self, sample: Sample, knobs: Knobs) -> Decision | None:
        self.last = sample
        return None


def songs(folder: Path) -> Path:
    return write(folder, {f"{n}.mid": song(PIANO + str(n), BASS) for n in range(160)})


def test_a_run_with_a_slow_source_and_a_slow_store_gives_the_same_and_waits_for_them(tmp_path: Path) -> None:
    source = songs(tmp_path / "songs")
    seen = Watching()
    summary = split_library(
        SlowLibrary(open_folders([source]), 0.01, 2),
        str(tmp_path / "out"),
        Settings(workers=3, batch_parents=4),
        splitter=fake_split,
        opening=slow_store(0.02, 2, 0.01),
        tuner=seen,
    )
    assert (summary.state, summary.parents_done) == ("done", 160)
    assert seen.last.stage("store").waited > seen.last.worker_cpu > 0, "it sleeps"
    run(source, tmp_path / "whole")
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_a_distant_server_is_the_same_server(tmp_path: Path, postgres: Server) -> None:
    source = songs(tmp_path / "songs")
    near = postgres.new_database()
    with distant(postgres, 0.02) as port:
        far = distant_url(port, near)
        sessions = [psycopg.connect(far) for _ in range(5)]
        assert [session.execute("SELECT 1").fetchone() for session in sessions] == [(1,)] * 5
        rows = sessions[0].execute("SELECT repeat('x', 10000) FROM generate_series(1, 500)").fetchall()
        assert {row[0] for row in rows} == {"x" * 10_000}
        for session in sessions:
            session.close()
        settings = Settings(workers=2, batch_parents=20, database=PostgresAddress(far))
        assert run(source, tmp_path / "out", settings).parents_done == 160
    run(source, tmp_path / "whole")
    assert everything(tmp_path / "out", near) == everything(tmp_path / "whole")


def test_a_busy_processor_is_free_again_afterwards() -> None:
    import psutil

    before = {child.pid for child in psutil.Process().children()}
    with busy(2):
        spinning = [child for child in psutil.Process().children() if child.pid not in before]
        assert len(spinning) == 2
    assert not any(one.is_running() for one in spinning)
