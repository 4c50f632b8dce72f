"""Tests of what no bug causes: each gets a sentence and an exit code, and never a request to report a bug."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midiprism.cli.system_errors import explain_system_error
from midiprism.pipeline.executors.processes.start_process import start_method
from midiprism.sample.write import write_songs
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.nightly import nightly
from support.runs import make_settings, run_split

Run = Callable[..., tuple[int, str, str]]

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="descriptors and shells are those of POSIX")
LARGE = 10**30


@pytest.fixture
def out(tmp_path: Path) -> Path:
    songs = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO, BASS)})
    run_split(songs, tmp_path / "out", make_settings(workers=0), splitter=fake_split)
    return tmp_path / "out"


def run_in_shell(command: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Return the exit code and the error output of a shell command, in which ``$M`` is midiprism."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={**os.environ, "M": f"{sys.executable} -m midiprism", "NUMBA_DISABLE_JIT": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@needs_posix
@pytest.mark.parametrize(
    "command", ["list out --json", "--help", *nightly("list out", "status out", "list out --paths")]
)
def test_a_closed_standard_output_is_reported(out: Path, command: str) -> None:
    code, err = run_in_shell(f"$M {command} >&-", out.parent)
    assert (code, err) == (1, "midiprism: Standard output cannot be written: Bad file descriptor.\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["status out", *nightly("list out --json", "--version")])
def test_a_full_standard_output_is_reported(out: Path, command: str) -> None:
    code, err = run_in_shell(f"$M {command} >/dev/full", out.parent)
    assert (code, err) == (1, "midiprism: Standard output cannot be written: No space left on device.\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("errors", ["2>&-", *nightly("2>/dev/full")])
def test_an_error_output_that_fails_does_not_change_the_exit_code(tmp_path: Path, errors: str) -> None:
    assert run_in_shell(f"$M status nothing {errors}", tmp_path)[0] == 2


@needs_posix
def test_what_is_printed_to_a_closed_stream_never_gets_into_a_file(out: Path) -> None:
    before = (out / "midiprism.json").read_bytes()
    code, _ = run_in_shell("$M export out --to tree --quiet <&- >&- 2>&-", out.parent)
    assert code == 0
    assert (out / "midiprism.json").read_bytes() == before
    for path in (out.parent / "tree").rglob("*.mid"):
        assert path.read_bytes() in (PIANO.encode(), BASS.encode())


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("list", "out", "--limit", LARGE), "--limit"),
        (("list", "out", "--notes", f"{LARGE}.."), "--notes"),
        (("list", "out", "--duration", f"..{LARGE}"), "--duration"),
        (("split", "songs", "-o", "new", "--limit", LARGE), "--limit"),
        (("split", "songs", "-o", "new", "--timeout", "1e300"), "--timeout"),
        (("split", "songs", "-o", "new", "--lease", "inf"), "--lease"),
        (("analyze", "out", "--run", LARGE), "--run"),
        (("sample", "--songs", LARGE, "new"), "--songs"),
        (("sample", "--seed", LARGE, "new"), "--seed"),
        (("catalog", "undo", LARGE), "RUN"),
        (("list", "out", "--name", "x" * 60_000), "--name"),
        (("list", "out", "--song", "%" * 5_000), "--song"),
    ],
)
def test_numbers_that_are_too_large_and_texts_that_are_too_long_are_refused(
    run_cli: Run, out: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...], option: str
) -> None:
    monkeypatch.chdir(out.parent)
    code, _, err = run_cli(*arguments)
    assert code == 2
    assert option in err
    assert "bug" not in err
    assert not (out.parent / "new").exists()


def test_a_long_text_that_is_within_the_limit_is_searched_for(run_cli: Run, out: Path) -> None:
    assert run_cli("list", out, "--name", "%_\\'" * 1_000)[0] == 0


@needs_posix
@pytest.mark.parametrize("limit", [14, *nightly(9, 20)])
def test_too_few_descriptors_are_reported(tmp_path: Path, limit: int) -> None:
    write_songs(tmp_path / "songs", 3, seed=1)
    command = f"ulimit -n {limit}; $M split songs -o out --workers 2 --batch-size 1 --quiet"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "M": f"{sys.executable} -m midiprism", "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "midiprism: Too many files are open: raise the limit" in done.stderr
    assert "this is a bug" not in done.stderr


@needs_posix
@pytest.mark.parametrize(
    "command",
    [
        "split {songs} -o new --workers 0 --quiet",
        *nightly("split . -o {new} --workers 0 --quiet", "export {out} --to tree", "sample --songs 1 new"),
    ],
)
def test_a_current_folder_that_does_not_exist_any_more_is_reported(out: Path, command: str) -> None:
    names = {"songs": out.parent / "songs", "out": out, "new": out.parent / "new"}
    (out.parent / "here").mkdir()
    code, err = run_in_shell(f"cd here && rmdir ../here && $M {command.format(**names)}", out.parent)
    assert (code, err) == (
        2,
        "midiprism: The current folder does not exist any more: change to another one.\n",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers need no socket")
def test_workers_start_where_the_path_of_temporary_files_is_too_long_for_a_socket(tmp_path: Path) -> None:
    temporary = tmp_path / ("d" * 120)
    temporary.mkdir()
    write_songs(tmp_path / "songs", 2, seed=1)
    code, err = run_in_shell(
        "$M split songs -o out --workers 1 --quiet && $M verify out --quiet", tmp_path, TMPDIR=str(temporary)
    )
    assert (code, err) == (0, "")
    assert start_method(str(temporary)) == "spawn"
    assert start_method("/tmp") == "forkserver"


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "/x cannot be used: No space left", 1),
        (OSError(errno.EIO, "Input/output error"), "Input/output error.", 1),
        (OSError(errno.ENFILE, "Too many open files in system"), "Too many files are open", 1),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), "Too many files", 1),
        (MemoryError(), "not enough memory", 1),
    ],
)
def test_what_the_system_refuses_is_no_bug(error: Exception, message: str, code: int) -> None:
    explained = explain_system_error(error)
    assert explained is not None
    assert message in explained[0]
    assert explained[1] == code


def test_an_error_that_the_system_caused_is_found_behind_others() -> None:
    error = RuntimeError("a library failed")
    error.__cause__ = OSError(errno.EMFILE, "Too many open files")
    assert explain_system_error(error) is not None


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.EINVAL, "Invalid argument")])
def test_other_errors_may_be_bugs(error: Exception) -> None:
    assert explain_system_error(error) is None
