"""Tests of Ctrl-C and SIGTERM at any moment, and of readers of the output that go away."""

import io
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from midiprism.cli import main
from midiprism.cli.interrupt import Terminated, interruptible, terminable
from midiprism.sample.write import write_songs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

Run = Callable[..., tuple[int, str, str]]
NEVER_PRINTED = ("Traceback", "bug", "No MIDI files found", "Exception ignored", "Fatal")
FORKSERVER = """
import os, signal
from multiprocessing import forkserver
from midiprism.pipeline.executors.processes.start_process import (
    process_context, start_process, start_process_server
)
if __name__ == "__main__":
    start_process_server()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(forkserver._forkserver._forkserver_pid, number)
    process = start_process(process_context(), print, ("worker",), import_main=False)
    process.join()
    print(process.exitcode, signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""
SIGNAL_AT_LOCATE = """
import os, sys
from midiprism.cli import main
import midiprism.cli.commands.{command} as command
command.locate = lambda *_arguments, **_options: (os.kill(os.getpid(), {number}), sys.exit(7))
sys.exit(main())
"""


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "songs"
    write_songs(folder, 300, seed=5)
    return folder


@pytest.fixture(scope="module")
def out(songs: Path) -> Path:
    """Return a result."""
    result = songs.parent / "out"
    assert main(["split", str(songs), "-o", str(result), "--quiet", "--limit", "5", "--workers", "0"]) == 0
    return result


def check_presses(songs: Path, folder: Path, seconds: list[float]) -> Iterator[bool]:
    """Press Ctrl-C once in each of many runs, into a new and an existing result in turn; yield whether the
    run was still active."""
    pytest.importorskip("pty")
    from support.terminal_presses import press_ctrl_c

    out = folder / "out"
    for number, press_at in enumerate(seconds):
        if number % 2 == 0:
            shutil.rmtree(out, ignore_errors=True)
        ended = press_ctrl_c(["split", str(songs), "-o", str(out)], press_at)
        case = f"press {number}, after {press_at:.3f} s: {ended.printed}"
        assert not [words for words in NEVER_PRINTED if words in ended.printed], case
        if ended.code == 0:
            assert "songs known already" in ended.printed or "Split " in ended.printed, case
        else:
            assert (ended.code, "Stopp" in ended.printed) == (130, True), case
        yield ended.was_pressed
    assert main(["split", str(songs), "-o", str(out), "--quiet"]) == 0
    assert main(["verify", str(out), "--quiet"]) == 0


@pytest.mark.slow
def test_ctrl_c_ends_a_run_with_130_in_plain_words(songs: Path, tmp_path: Path) -> None:
    pressed = [*check_presses(songs, tmp_path, [0.0, 0.05, 0.15, 0.3, 0.5, 0.8])]
    assert any(pressed)


@pytest.mark.nightly
def test_ctrl_c_ends_a_run_with_130_at_any_moment(tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    write_songs(songs, 4_000, seed=6)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    times = random.Random(seed)
    pressed = [*check_presses(songs, tmp_path, [times.uniform(0, 5) for _ in range(200)])]
    assert sum(pressed) > 100


def test_processes_that_are_starting_are_not_ended_by_ctrl_c() -> None:
    done = subprocess.run([sys.executable, "-c", FORKSERVER], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("worker\n0 set()\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("arguments", [["list", "out"], ["export", "out", "--to", "to"]])
def test_a_signal_before_anything_was_done_ends_a_command_at_once(
    arguments: list[str], number: int, code: int
) -> None:
    script = SIGNAL_AT_LOCATE.format(command=arguments[0], number=int(number))
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (code, "midiprism: Stopped.\n")


@pytest.mark.parametrize(
    "arguments",
    [["split", "{songs}", "-o", "{out}", "--workers", workers] for workers in ("auto", "0", "2")]
    + [["inspect", "{song}"]],
    ids=["split", "split-inline", "split-workers", "inspect"],
)
def test_ctrl_c_while_the_splitter_is_compiled_ends_the_command_soon(
    arguments: list[str], songs: Path, tmp_path: Path
) -> None:
    places = {"songs": songs, "out": tmp_path / "out", "song": next(songs.rglob("*.mid"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "midiprism", *(word.format(**places) for word in arguments)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.readline().startswith("Compiling the splitter")
        process.send_signal(signal.SIGINT)
        printed = process.stderr.read()
    assert (process.wait(60), "Stop" in printed) == (130, True)
    assert not [words for words in NEVER_PRINTED if words in printed]
    assert [*tmp_path.rglob("split_kernel.*.code")] == [], "it ends before the splitter is compiled"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    script = SIGNAL_AT_LOCATE.format(command="list", number=int(signal.SIGINT))
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", script, "list", "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (7, "")


class InterruptedWrite(io.RawIOBase):
    """A stream during whose first write Ctrl-C is pressed."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        if not self.written:
            os.kill(os.getpid(), signal.SIGINT)
        self.written += bytes(data)
        return len(data)


def test_ctrl_c_while_something_is_printed_is_answered_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = InterruptedWrite()
    stream = io.TextIOWrapper(io.BufferedWriter(raw), write_through=True)  # type: ignore[type-var]
    monkeypatch.setattr(sys, "stderr", stream)
    with interruptible("Stopping.") as stop:
        stream.write("progress\n")
        stream.flush()
        assert stop()
    assert raw.written == b"progress\nmidiprism: Stopping.\n"


def test_signals_are_raised_where_something_must_be_removed() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Terminated), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("options", [["list"], ["list", "--json"], ["analyze"]])
def test_a_reader_that_has_gone_is_no_failure(out: Path, options: list[str]) -> None:
    assert end_without_reader([*options, str(out)]) == (0, b"")


def test_the_exit_code_is_true_although_the_reader_has_gone(out: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(out, damaged)
    next((damaged / "tracks").rglob("*.mid")).unlink()
    assert end_without_reader(["verify", str(damaged)])[0] == 1


def end_without_reader(arguments: list[str]) -> tuple[int, bytes]:
    """Return the exit code of a command whose output nobody reads, and what it says on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "midiprism", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    return process.wait(60), errors
