"""Tests of the server that forks worker processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_BLOCKING_LIBRARY = """
import pathlib, signal
pathlib.Path(__file__).with_suffix(".loading").touch()
signal.pause()
"""

_PROGRAM = """
import pathlib, sys, time
from midiprism.pipeline.executors.processes.start_process import start_process_server
start_process_server()
while not pathlib.Path(sys.argv[1], "numba.loading").exists():
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the server")
def test_a_run_that_ends_while_the_splitter_is_loaded_leaves_nobody_with_its_output(tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text(_BLOCKING_LIBRARY)
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": paths}
    program = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    # Returns once every process that holds the pipes has ended.
    subprocess.run(program, env=environment, capture_output=True, timeout=60, check=True)


def test_worker_processes_load_no_database() -> None:
    program = (
        "import sys; from midiprism.pipeline.executors.processes import worker_process; "
        "print([name for name in ('sqlalchemy', 'alembic', 'psycopg', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
