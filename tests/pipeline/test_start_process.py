"""Tests of the server that forks worker processes."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from midiprism.sample.write import write_songs

_BEGIN_SECONDS = 60.0
"""Enough to begin to compile, also on a busy machine."""
_END_SECONDS = 10.0
"""Ending takes a second, on a busy machine more; compiling takes much longer."""

_BLOCKING_LIBRARY = """
import pathlib, signal
pathlib.Path(__file__).with_suffix(".loading").touch()
signal.pause()
"""

_PROGRAM = """
import pathlib, sys, time
from midiprism.pipeline.executors.processes.start_process import start_process_server
start_process_server()
while not pathlib.Path(sys.argv[1], "numpy.loading").exists():
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the server")
def test_a_run_that_ends_while_the_splitter_is_loaded_leaves_nobody_with_its_output(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text(_BLOCKING_LIBRARY)
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": paths}
    program = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    # Returns once every process that holds the pipes has ended.
    subprocess.run(program, env=environment, capture_output=True, timeout=60, check=True)


def processes_of_session(session: int) -> list[psutil.Process]:
    """Return the active processes of a session."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the server")
@pytest.mark.parametrize("workers", ["0", "2"])
def test_nobody_goes_on_compiling_after_the_coordinator_was_killed(workers: str, tmp_path: Path) -> None:
    songs, cache = tmp_path / "songs", tmp_path / "cache"
    write_songs(songs, 20, seed=3)
    command = ["split", str(songs), "-o", str(tmp_path / "out"), "--workers", workers]
    coordinator = subprocess.Popen(
        [sys.executable, "-m", "midiprism", *command],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert coordinator.stderr is not None
        with coordinator.stderr:
            assert coordinator.stderr.readline().startswith("Compiling the splitter")
            deadline = time.monotonic() + _BEGIN_SECONDS
            # The coordinator, its resource tracker, the server and one that compiles.
            while len(processes_of_session(coordinator.pid)) < 4:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            coordinator.kill()
        coordinator.wait()
        deadline = time.monotonic() + _END_SECONDS
        while (left := processes_of_session(coordinator.pid)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [process.cmdline() for process in left] == []
    finally:
        for process in processes_of_session(coordinator.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.mark.parametrize(
    "module",
    ["midiprism.pipeline.executors.processes.worker_process", "midiprism.generations.engines.ray_agent"],
)
def test_processes_that_split_load_no_database(module: str) -> None:
    program = (
        f"import sys, {module}; "
        "print([name for name in ('sqlalchemy', 'alembic', 'psycopg', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
