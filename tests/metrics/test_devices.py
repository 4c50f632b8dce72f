"""Tests of locating folders and reading the traffic of devices."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from midiprism.metrics.devices import StorageLocation, locate_storage, read_device_io

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sysfs")


def test_a_missing_folder_is_on_the_file_system_of_its_parent(tmp_path: Path) -> None:
    there, later = locate_storage(str(tmp_path)), locate_storage(str(tmp_path / "not" / "there"))
    assert (later.device, later.kind, later.mount_point) == (there.device, there.kind, there.mount_point)
    assert later.path == str(tmp_path / "not" / "there")


@linux
def test_memory_file_systems_are_recognized() -> None:
    place = locate_storage("/dev/shm")
    assert place.kind == "memory"
    assert place.device == ""
    assert place.display_name == "memory (tmpfs)"


@linux
def test_the_device_of_a_disk_is_found_in_sysfs(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [SimpleNamespace(mountpoint="/", device="/dev/sdz9", fstype="ext4")]
    monkeypatch.setattr("psutil.disk_partitions", lambda **_all: mounts)
    monkeypatch.setattr(
        os, "readlink", lambda path: "../../devices/x/block/sdz/sdz9" if "dev/block" in path else ""
    )
    place = locate_storage("/")
    assert (place.device, place.kind, place.display_name) == ("sdz9", "disk", "/dev/sdz9")


@pytest.mark.parametrize(
    ("file_system", "kind"), [("nfs4", "network"), ("CIFS", "network"), ("ramfs", "memory")]
)
def test_network_and_memory_file_systems_are_recognized(
    monkeypatch: pytest.MonkeyPatch, file_system: str, kind: str
) -> None:
    mounts = [SimpleNamespace(mountpoint=os.sep, device="there:/share", fstype=file_system)]
    monkeypatch.setattr("psutil.disk_partitions", lambda **_all: mounts)
    assert locate_storage(os.path.join(os.sep, "share")).kind == kind


def test_without_mount_information_the_location_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_all: bool) -> None:
        raise OSError

    monkeypatch.setattr("psutil.disk_partitions", fails)
    place = locate_storage(os.sep)
    assert (place.kind, place.device, place.rotational) == ("unknown", "", None)
    assert place.display_name == "an unknown disk"


def test_a_location_survives_json() -> None:
    place = StorageLocation("/out", "sda1", "disk", True, "ext4", "/")
    assert StorageLocation.from_dict(place.as_dict()) == place


def test_traffic_is_in_seconds_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = SimpleNamespace(
        read_time=1_500,
        write_time=500,
        busy_time=250,
        read_count=1,
        write_count=2,
        read_bytes=3,
        write_bytes=4,
    )
    monkeypatch.setattr("psutil.disk_io_counters", lambda **_options: {"sda": counted})
    assert read_device_io({"sda", "sdb"}) == {"sda": (0.25, 2.0, 1, 2, 3, 4)}


def test_a_system_without_counters_has_no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.disk_io_counters", lambda **_options: None)
    assert read_device_io({"sda"}) == {}
    assert read_device_io(set()) == {}
