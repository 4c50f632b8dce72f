"""Tests of ``midiprism serve`` as a command."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from midiprism.cli.commands import serve
from support.sound_banks import write_bank
from support.web_client import split, write_samples

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    return split(write_samples(folder / "songs", 4), folder / "out")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command, and give the address that it prints."""
    command = [sys.executable, "-m", "midiprism", "serve", *arguments, "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert " at http://" in line, line + process.stderr.read()
        yield line.partition(" at ")[2].partition(" ")[0], process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()


def read(address: str) -> bytes:
    with urllib.request.urlopen(address) as answer:
        data: bytes = answer.read()
    return data


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_pages_are_served_until_a_signal_ends_it(result: Path, number: int, code: int) -> None:
    with running(str(result)) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        assert b"midiprism-token" in read(address)
        assert json.loads(read(address + "api/search"))["total"] > 0
        os.kill(process.pid, number)
        assert process.wait() == code
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_sound_bank_is_taken_from_its_file(result: Path, tmp_path: Path) -> None:
    bank = write_bank(tmp_path / "bank.sf2")
    with running(str(result), "--soundfont", str(bank)) as (address, _):
        assert json.loads(read(address + "api/sound"))["bank"]["name"] == "Made bank"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such addresses of the loopback device")
def test_the_address_with_the_token_is_printed_where_other_machines_can_ask(result: Path) -> None:
    with running(str(result), "--host", "0.0.0.0") as (address, process):
        assert "?token=" in address
        assert process.stderr is not None
        assert "Other machines can reach this server" in process.stderr.readline()
        port = address.partition("//")[2].partition("/")[0].rpartition(":")[2]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            read(f"http://127.0.0.1:{port}/api/search")


def test_a_folder_without_a_result_is_refused(run_cli: Run, tmp_path: Path) -> None:
    code, _, error = run_cli("serve", str(tmp_path), "--no-open")
    assert code == 2
    assert "no midiprism result" in error


def test_a_file_that_is_no_sound_bank_is_refused(run_cli: Run, result: Path, tmp_path: Path) -> None:
    (tmp_path / "song.mid").write_bytes(b"MThd" + bytes(100))
    code, _, error = run_cli("serve", str(result), "--no-open", "--soundfont", str(tmp_path / "song.mid"))
    assert code == 2
    assert "no sound bank" in error


def test_a_port_that_is_taken_is_named(run_cli: Run, result: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, error = run_cli("serve", str(result), "--no-open", "--port", port)
    assert code == 1
    assert port in error
    assert "--port" in error


def test_a_browser_is_opened_only_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not serve.has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert serve.has_screen()
