import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import midiprism
from midiprism.cli import main
from midiprism.cli.app import make_app
from support.midi_writer import note, song, track

HEAVY_MODULES = (
    *("numba", "numpy", "llvmlite", "blake3", "sqlite3", "sqlalchemy", "alembic", "psycopg", "pyarrow"),
    *("psutil", "platformdirs", "rich", "multiprocessing", "concurrent", "asyncio", "http", "logging"),
)
MAX_MODULES = 300
"""Fewer than these are loaded, the interpreter's own among them."""
PROGRAM = f"""
import sys
from midiprism.cli import main
code = main(["--help"])
print([name for name in {HEAVY_MODULES} if name in sys.modules], len(sys.modules) < {MAX_MODULES})
sys.exit(code)
"""


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] True"


def test_a_command_loads_neither_other_commands_nor_what_they_use() -> None:
    program = """
import sys
from midiprism.cli import main
main(["list", "nowhere"])
commands = [name for name in sys.modules if name.startswith("midiprism.cli.commands.")]
heavy = "numba numpy llvmlite alembic pyarrow prometheus_client jinja2 rich".split()
print(commands, [name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['midiprism.cli.commands.list'] []\n"


@pytest.mark.parametrize("command", ["status", "status --failed", "analyze", "list"])
def test_commands_that_read_a_catalog_of_sqlite_load_no_sqlalchemy(tmp_path: Path, command: str) -> None:
    songs, out = tmp_path / "songs", tmp_path / "out"
    songs.mkdir()
    (songs / "a.mid").write_bytes(b"junk")
    midiprism.split_library(str(songs), str(out), workers=0)
    program = (
        "import sys; from midiprism.cli import main; "
        "print(main(sys.argv[1:]), 'sqlalchemy' in sys.modules, 'numba' in sys.modules)"
    )
    arguments = [*command.split(), str(out)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 False False"


@pytest.mark.parametrize("command", ["split", "verify", "status", "list", "export", "inspect", "sample"])
def test_help_of_every_command_answers(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: midiprism" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"midiprism {midiprism.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["split"], ["split", "x"], ["list", "x", "--channel", "17"]]
)
def test_usage_errors_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().out


THREADS_PROGRAM = """
import os, sys
from midiprism.cli import main
main()
import numpy, psutil
from midiprism.pipeline.executors.processes.start_process import process_context
print(os.environ["OPENBLAS_NUM_THREADS"], psutil.Process().num_threads(), flush=True)
worker = process_context().Process(target=os.system, args=["echo $OPENBLAS_NUM_THREADS"])
worker.start()
worker.join()
"""


def run_threads_program(given: dict[str, str]) -> list[str]:
    """Return the setting and the number of threads of a command's process, and the setting of its worker."""
    others = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", THREADS_PROGRAM, "--version"],
        capture_output=True,
        text=True,
        env=others | given,
        check=True,
    )
    return done.stdout.split()[-3:]


def test_numpy_starts_no_threads_in_the_processes_of_a_command() -> None:
    assert run_threads_program({}) == ["1", "1", "1"]


def test_the_number_of_threads_that_the_user_gives_numpy_holds() -> None:
    setting, _, of_worker = run_threads_program({"OPENBLAS_NUM_THREADS": "2"})
    assert (setting, of_worker) == ("2", "2")


def test_the_library_leaves_the_environment_of_its_user_alone(tmp_path: Path) -> None:
    program = """
import os, sys
before = dict(os.environ)
import midiprism
from midiprism.cli import main
main(["--version"])
print(midiprism.split_library(sys.argv[1], sys.argv[2], workers=1).songs_split, dict(os.environ) == before)
"""
    songs = tmp_path / "songs"
    songs.mkdir()
    (songs / "a.mid").write_bytes(song(track(note(0, 60, 0, 96))))
    done = subprocess.run(
        [sys.executable, "-c", program, str(songs), str(tmp_path / "result")], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "1 True"


def test_hostile_arguments_are_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list", "--\x1b[31m.mid"]) == 2
    assert main(["list", "a", "\x1b[31m.mid"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_bug_is_reported_in_a_sentence_and_with_verbose_by_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("oh \x1b[31mno")

    monkeypatch.setattr("midiprism.sources.open_source", fail)
    assert main(["split", str(tmp_path), "-o", "out"]) == 1
    assert "this is a bug" in (errors := capsys.readouterr().err)
    assert "Traceback" not in errors
    assert "\x1b" not in errors
    assert main(["split", str(tmp_path), "-o", "out", "--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_module_runs_as_a_program() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "midiprism", "list", "nowhere\u202e\udcff"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("midiprism: nowhere\\u202e\\xff holds no midiprism result")


def test_a_command_whose_output_nobody_reads_any_more_ends_without_a_message(tmp_path: Path) -> None:
    song = tmp_path / "a.mid"
    song.write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0")
    reader, writer = os.pipe()
    os.close(reader)
    program = "import sys; from midiprism.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-u", "-c", program, "inspect", str(song)], stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_help_says_of_each_command_what_the_command_says_of_itself() -> None:
    summaries: Any = get_command(make_app(["--help"]))
    commands: Any = get_command(make_app())
    said = {name: (command.help or "").split("\n\n")[0] for name, command in commands.commands.items()}
    assert {name: command.help for name, command in summaries.commands.items()} == {
        name: text.replace("\n", " ") for name, text in said.items()
    }
