"""Tests of a folder with 1,000 good songs and 100 broken, empty, forbidden, vanishing or irregular ones."""

import json
import os
from pathlib import Path

import pytest

from midiprism.cli import main
from midiprism.sample.write import write_songs
from midiprism.sources import folder
from midiprism.sources.folder import read_file
from midiprism.sources.source import SongContent, UnreadableError

FAILURE_CODES = ("not_midi", "permission", "vanished", "io")


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Return a folder with 1,000 sample songs, and 100 bad files named after their failure codes."""
    root = tmp_path / "songs"
    write_songs(root, 1_000, seed=3)
    bad = root / "bad"
    bad.mkdir()
    for number in range(20):
        (bad / f"{number} not_midi.mid").write_bytes(b"RIFF of another kind" * number + b"x")
        (bad / f"{number} empty.mid").write_bytes(b"")
        (bad / f"{number} permission.mid").write_bytes(b"MThd")
        (bad / f"{number} vanished.mid").write_bytes(b"MThd")
        (bad / f"{number} io.mid").symlink_to(f"{number} io.mid")  # a link to itself
    return root


def read_or_fail(path: bytes, limit: int, *status: int) -> SongContent:
    """Read a file; remove it first if it must vanish, refuse it if its permission must be denied."""
    if path.endswith(b"vanished.mid"):
        os.unlink(path)
    if path.endswith(b"permission.mid") and os.geteuid() == 0:
        raise UnreadableError("permission", "It cannot be read: Permission denied.")
    return read_file(path, limit, *status)


@pytest.mark.slow
def test_every_file_is_accounted_for_by_name_and_reason(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in (songs / "bad").glob("*permission.mid"):
        path.chmod(0)
    monkeypatch.setattr(folder, "read_file", read_or_fail)
    out = str(tmp_path / "out")
    assert main(["split", str(songs), "-o", out, "--json", "--workers", "0"]) == 1
    summary = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (summary["songs_seen"], summary["junk_skipped"], summary["state"]) == (1_080, 20, "done")
    assert summary["outcomes"]["split"] == 1_000
    assert summary["outcomes"]["unreadable"] == 60
    assert summary["outcomes"]["corrupt"] == 20
    assert main(["status", out, "--failed", "--json"]) == 0
    failures = [json.loads(failure) for failure in capfd.readouterr().out.splitlines()]
    codes = {
        os.path.basename(path["path"]): failure["code"] for failure in failures for path in failure["paths"]
    }
    assert codes == {f"{number} {code}.mid": code for number in range(20) for code in FAILURE_CODES}
    assert main(["verify", out, "--quiet"]) == 0


@pytest.mark.slow
def test_workers_account_for_them_too(songs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["split", str(songs), "-o", out, "--json", "--workers", "2", "--batch-size", "50"]) == 1
    summary = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (summary["songs_seen"], summary["junk_skipped"]) == (1_080, 20)
    assert summary["outcomes"]["split"] == 1_000
    assert main(["status", out, "--failed", "--json"]) == 0
    failures = [json.loads(failure) for failure in capfd.readouterr().out.splitlines()]
    names = {os.path.basename(path["path"]) for failure in failures for path in failure["paths"]}
    assert names == {f"{number} {code}.mid" for number in range(20) for code in FAILURE_CODES}
