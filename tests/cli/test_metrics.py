"""Tests of ``midiprism split --metrics-port``: metrics for Prometheus during a run."""

import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from midiprism.sample.write import write_songs

Run = Callable[..., tuple[int, str, str]]


def test_metrics_are_served_during_a_run(tmp_path: Path) -> None:
    write_songs(tmp_path / "songs", 1_500, seed=5)
    command = [
        sys.executable,
        "-m",
        "midiprism",
        "split",
        str(tmp_path / "songs"),
        "-o",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen(
        [*command, "--workers", "1", "--metrics-port", "0"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/metrics", line)
        assert address, line
        songs = 0.0
        while process.poll() is None and not songs:
            try:
                with urllib.request.urlopen(address.group(), timeout=5) as reply:
                    match = re.search(r"^midiprism_songs_total (\S+)$", reply.read().decode(), re.MULTILINE)
            except OSError:
                continue
            songs = float(match.group(1)) if match else 0.0
        process.communicate()
        assert process.returncode == 0
    assert 0 < songs <= 1_500


def test_an_unusable_address_is_reported_before_anything_is_written(tmp_path: Path, run_cli: Run) -> None:
    write_songs(tmp_path / "songs", 3, seed=5)
    code, _, errors = run_cli(
        "split", tmp_path / "songs", "-o", tmp_path / "out", "--metrics-port", 9_000,
        "--metrics-address", "192.0.2.1",
    )  # fmt: skip
    assert code == 2
    assert "--metrics-port" in errors
    assert not (tmp_path / "out").exists()


def test_quiet_serves_without_a_message(tmp_path: Path, run_cli: Run) -> None:
    write_songs(tmp_path / "songs", 3, seed=5)
    code, out, errors = run_cli(
        "split", tmp_path / "songs", "-o", tmp_path / "out", "--quiet", "--workers", 0, "--metrics-port", 0
    )
    assert (code, out, errors) == (0, "", "")
