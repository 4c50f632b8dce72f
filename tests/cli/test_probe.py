import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midiprism.advise.probe import disk_results as places
from midiprism.advise.probe import probe as probe_module
from midiprism.advise.probe.disk_results import DiskSpeed, FasterDisk, load_disk_speeds
from midiprism.advise.probe.mounts import MountPoint
from midiprism.advise.probe.temp_dir import TEMP_DIR_PREFIX
from midiprism.cli import main
from midiprism.errors import StoreError
from midiprism.metrics.devices import StorageLocation, locate_storage
from midiprism.pipeline import runner
from support.disk_speeds import make_disk_speed
from support.fake_songs import BASS, PIANO, LoadedSplitter, fake_song, fake_split, write_files

Run = Callable[..., tuple[int, str, str]]

MEMORY = StorageLocation("/m", "", "memory", None, "tmpfs", "/m")
SSD = StorageLocation("/fast", "nvme0n1p1", "disk", False, "ext4", "/fast")
SPINNING = StorageLocation("/slow", "sda1", "disk", True, "ext4", "/slow")
KNOWN = {
    "/m": make_disk_speed(MEMORY, create_us=5.0, flush_ms=0.1, reads_cached=True),
    "/fast": make_disk_speed(SSD, create_us=20.0),
    "/slow": make_disk_speed(SPINNING, create_us=200.0, reads_cached=True, shard_us=None, commit_ms=None),
}


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def three_disks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Offer three disks with known speeds; return the folders that are probed."""
    probed: list[str] = []

    def fake_probe(folder: str) -> DiskSpeed:
        probed.append(folder)
        return KNOWN[folder]

    mount_points = [MountPoint(known.location, 10**12, 10**8) for known in KNOWN.values()]
    network_mount = MountPoint(
        StorageLocation("/far", kind="network"), skip_reason="it is across a network: name it to measure it"
    )
    monkeypatch.setattr(
        "midiprism.advise.probe.mounts.find_mount_points", lambda: [*reversed(mount_points), network_mount]
    )
    monkeypatch.setattr(probe_module, "probe", fake_probe)
    return probed


def test_disks_are_ranked_and_the_best_is_named(run_cli: Run, three_disks: list[str]) -> None:
    code, out, err = run_cli("probe")
    creates, others = (table.splitlines()[2:5] for table in out.split("\n\n"))
    assert code == 0
    assert [line.split()[0] for line in creates] == ["/m", "/fast", "/slow"]
    assert [line.split()[0] for line in others] == ["/m", "/fast", "/slow"]
    assert "memory (tmpfs)" in creates[0]
    assert "ssd (/dev/nvme0n1p1)" in creates[1]
    assert creates[1].split()[-4:] == ["50,000", "66,667", "40,000", "10.0"]
    assert "disk, spins (/dev/sda1)" in creates[2]
    assert others[1].split()[1:] == ["200,000", "500", "900", "99,010", "50,000"]
    assert others[2].split()[1:] == ["200,000*", "500", "900", "-", "-"]
    assert "read from memory" in out
    assert "Best for a result with a file for each track: /fast, 40,000 files a second" in out
    assert "lost when the machine is switched off" in out
    assert "/far: it is across a network" in err


def test_all_columns_are_shown_on_a_narrow_terminal(
    three_disks: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    narrow = Console(force_terminal=True, width=40, color_system=None, markup=False)
    monkeypatch.setattr("midiprism.cli.render.probe_text.make_console", lambda **_options: narrow)
    main(["probe"])
    out = capsys.readouterr().out
    assert "…" not in out
    for known in ("/m ", "/fast ", "/slow ", "memory", "spins", "66,667", "99,010", "tracks/s"):
        assert known in out


def test_folders_are_announced_before_they_are_written(
    run_cli: Run, three_disks: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    announcements: list[str] = []

    def fake_probe(folder: str) -> DiskSpeed:
        announcements.append(capfd.readouterr().err)
        return KNOWN[folder]

    monkeypatch.setattr(probe_module, "probe", fake_probe)
    assert run_cli("probe")[0] == 0
    assert f"{TEMP_DIR_PREFIX}... is made in each of these" in announcements[0]
    assert all(f"  {place}  (" in announcements[0] for place in KNOWN)


def test_speeds_are_stored(run_cli: Run, three_disks: list[str]) -> None:
    assert run_cli("probe")[0] == 0
    assert {one.location.path for one in load_disk_speeds()} == set(KNOWN)


def test_speeds_that_cannot_be_stored_are_still_shown(
    run_cli: Run, three_disks: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path / "file"))
    code, out, err = run_cli("probe")
    assert (code, "cannot be stored" in err, "/fast" in out) == (0, True, True)


def test_a_dry_run_only_lists_disks(run_cli: Run, three_disks: list[str]) -> None:
    code, out, err = run_cli("probe", "--dry-run", "--json")
    facts = json.loads(out)
    assert (code, three_disks, load_disk_speeds()) == (0, [], [])
    assert [place["path"] for place in facts["places"]] == ["/slow", "/fast", "/m"]
    assert facts["skipped"] == [{"path": "/far", "reason": "it is across a network: name it to measure it"}]
    assert facts["dry_run"] is True
    assert "would be made" in err


def test_json_is_the_last_line_and_has_the_speeds(run_cli: Run, three_disks: list[str]) -> None:
    code, out, err = run_cli("probe", "--json")
    facts = json.loads(out)
    assert code == 0
    assert [(place["rank"], place["path"]) for place in facts["places"]] == [
        (1, "/m"),
        (2, "/fast"),
        (3, "/slow"),
    ]
    assert facts["best"] == "/fast"
    fast = facts["places"][1]
    assert fast["creates_per_second"] == {"1": 50_000.0, "2": 66_666.7}
    assert fast["durable_creates_per_second"] == 40_000.0
    assert fast["persistent"] is True
    assert DiskSpeed.from_dict(fast) == KNOWN["/fast"]
    assert "flush" in err


def test_a_folder_that_cannot_be_measured_is_reported_and_others_are_measured(
    run_cli: Run, three_disks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_probe(folder: str) -> DiskSpeed:
        if folder == str(tmp_path):
            raise StoreError("it broke \x1b[31m")
        return make_disk_speed(locate_storage(folder))

    monkeypatch.setattr(probe_module, "probe", fake_probe)
    (tmp_path / "good").mkdir()
    code, out, err = run_cli("probe", tmp_path, tmp_path / "nowhere\u202e", tmp_path / "good", "--json")
    facts = json.loads(out)
    assert code == 1
    assert [place["path"] for place in facts["places"]] == [str(tmp_path / "good")]
    assert facts["failed"] == [{"path": str(tmp_path), "message": "it broke \x1b[31m"}]
    assert facts["skipped"][0]["reason"] == "it does not exist: create it first"
    assert "nowhere\\u202e: it does not exist" in err
    assert "it broke \\x1b[31m" in err


def test_a_system_without_disks_is_reported(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midiprism.advise.probe.mounts.find_mount_points", list)
    code, out, err = run_cli("probe")
    assert (code, out, "There is nothing to measure" in err) == (1, "", True)


def test_memory_alone_is_not_recommended(
    run_cli: Run, three_disks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "midiprism.advise.probe.mounts.find_mount_points", lambda: [MountPoint(MEMORY, 10**12, 10**8)]
    )
    code, out, _ = run_cli("probe", "--json")
    assert (code, json.loads(out)["best"]) == (0, None)
    assert "Best" not in run_cli("probe")[1]


def test_a_real_folder_is_measured_and_left_empty(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    code, out, _ = run_cli("probe", tmp_path / "place", "--json")
    (place,) = json.loads(out)["places"]
    assert code == 0
    assert set(place["creates_per_second"]) == {"1", "2", "4", "8"}
    assert set(place["reads_per_second"]) == {"1", "8"}
    assert list((tmp_path / "place").iterdir()) == []
    (known,) = load_disk_speeds()
    assert known.location.path == str(tmp_path / "place")


ENDLESS = """
import sys, time
from midiprism.advise.probe import io_workers, probe
from midiprism.cli import main
def endless(path, data):
    io_workers.create_file(path, data)
    print("begun", flush=True)
    time.sleep(600)
measure = probe.probe
probe.probe = lambda folder: measure(folder, probe.ProbeOptions(process_counts=(1,)), create=endless)
sys.exit(main(["probe", sys.argv[1]]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_probe_and_removes_its_files(tmp_path: Path, number: int, code: int) -> None:
    place = tmp_path / "place"
    place.mkdir()
    command = [sys.executable, "-c", ENDLESS, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert [path.name.startswith(TEMP_DIR_PREFIX) for path in place.iterdir()] == [True]
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert list(place.iterdir()) == []


@pytest.fixture
def songs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    monkeypatch.chdir(tmp_path)
    return write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO, BASS)})


@pytest.fixture
def faster_disk_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer a disk that is much faster than any other."""
    found = FasterDisk(KNOWN["/slow"], KNOWN["/fast"], 8.4)
    monkeypatch.setattr(places, "find_faster_disk", lambda _out: found)


def test_split_suggests_a_much_faster_disk(run_cli: Run, songs: Path, faster_disk_found: None) -> None:
    code, _, err = run_cli("split", "songs", "-o", "out")
    assert code == 0
    assert "/fast takes new files 8.4 times as fast as the disk of out: 40,000 a second against" in err
    assert "a spinning disk" in err
    assert "`-o /fast/out` puts the result there." in err
    _, _, err = run_cli("split", "songs", "-o", "out")
    assert "`midiprism relocate out /fast/out` moves the result there" in err


@pytest.mark.parametrize("options", [["--quiet"], ["--dry-run"], ["--store", "parquet"]])
def test_split_suggests_no_disk_if_it_does_not_matter(
    run_cli: Run, songs: Path, faster_disk_found: None, options: list[str]
) -> None:
    code, _, err = run_cli("split", "songs", "-o", "out", *options)
    assert (code, "times as fast" in err) == (0, False)


def test_split_neither_measures_nor_stores_disk_speeds(
    run_cli: Run, songs: Path, tmp_path: Path, three_disks: Any
) -> None:
    code, _, err = run_cli("split", "songs", "-o", "out")
    assert (code, three_disks, "times as fast" in err) == (0, [], False)
    assert not (tmp_path / "cache").exists()
