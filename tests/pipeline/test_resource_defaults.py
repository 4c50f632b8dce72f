import os
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from midiprism.metrics import devices
from midiprism.pipeline import resource_defaults as machine
from midiprism.pipeline.disk_space import DiskUsage, space_warning

Mount = namedtuple("Mount", "mountpoint fstype device", defaults=["none"])


def test_only_available_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cgroup_cpu_limit", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {1, 5, 7}, raising=False)
    assert machine.cpus() == 3
    monkeypatch.setattr(machine, "_cgroup_cpu_limit", lambda: 2)
    assert machine.cpus() == 2


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mnt/share/out", "nfs4"),
        ("/mnt/share/local/out", None),
        ("/mnt/shared", None),
        ("/elsewhere", None),
        ("/mnt/drive", "fuse.sshfs"),
    ],
)
def test_the_innermost_mount_determines_the_file_system(
    monkeypatch: pytest.MonkeyPatch, path: str, kind: str | None
) -> None:
    mounts = [
        Mount("/", "ext4"),
        Mount("/mnt/share", "nfs4"),
        Mount("/mnt/share/local", "ext4"),
        Mount("/mnt/drive", "fuse.sshfs"),
    ]
    monkeypatch.setattr("psutil.disk_partitions", lambda **_all: mounts)
    assert devices.network_file_system(path) == kind


def test_a_local_disk_is_not_a_network_file_system(tmp_path: Path) -> None:
    assert devices.network_file_system(str(tmp_path / "not there yet")) is None


def fake_disk(monkeypatch: pytest.MonkeyPatch, free: int, inodes: int, *, counts: bool = True) -> None:
    answer = SimpleNamespace(f_bavail=free // 4096, f_frsize=4096, f_favail=inodes, f_files=int(counts))
    monkeypatch.setattr(os, "statvfs", lambda _path: answer)


def test_a_disk_that_is_too_small_is_reported_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    used = DiskUsage()
    used.add(1_000, 4_000, 16_000_000)
    fake_disk(monkeypatch, free=10**12, inodes=10**9)
    assert space_warning("out", 100_000, used, 99_000) is None
    fake_disk(monkeypatch, free=10**9, inodes=10**9)
    message = space_warning("out", 100_000, used, 99_000)
    assert message is not None
    assert "1.8 GB" in message
    assert "1.0 GB are free" in message
    fake_disk(monkeypatch, free=10**12, inodes=300_000)
    message = space_warning("out", 100_000, used, 99_000)
    assert message is not None
    assert "435,600 more files" in message
    fake_disk(monkeypatch, free=10**12, inodes=0, counts=False)
    assert space_warning("out", 100_000, used, 99_000) is None, "some file systems count no inodes"


def test_too_few_songs_give_no_estimate_of_space(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_disk(monkeypatch, free=0, inodes=0)
    assert space_warning("out", 0, DiskUsage(50, 200, 800_000), 99_000) is None
    assert space_warning("out", 0, DiskUsage(50, 200, 800_000), 20) is not None
    assert space_warning("out", 0, DiskUsage(), 0) is None, "nothing is left to do"


def test_a_missing_disk_gives_no_warning(tmp_path: Path) -> None:
    assert space_warning(str(tmp_path / "nothing"), 0, DiskUsage(500, 200, 800_000), 99_000) is None
