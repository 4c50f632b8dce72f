"""Tests of relocations that are interrupted or meet damage, or disks that are full or fail."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from midiprism.catalog import VerifyScope
from midiprism.catalog.sqlite import backup as copying
from midiprism.errors import CatalogError, MidiprismError, StoreError, UnfinishedRelocationError, UsageError
from midiprism.fs import fsync as durable
from midiprism.fs.file_system_probe import PROBE_PREFIX
from midiprism.integrity.repair import repair_result
from midiprism.pipeline import RerunPolicy
from midiprism.relocate import copy as carrying
from midiprism.relocate import relocate as relocate_module
from midiprism.relocate.errors import DamagedResultError
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import locate_result, read_marker, require_result
from support.fake_songs import PIANO, fake_split, read_tree
from support.relocation import (
    KINDS,
    forbid_renames,
    is_intact,
    make_result,
    raises_advice,
    relocate,
    relocated_content,
)
from support.runs import make_settings, run_split


def track(out: Path, text: str = PIANO) -> Path:
    return next(path for path in (out / "tracks").rglob("*.mid") if path.read_bytes() == text.encode())


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize("store", KINDS)
def test_an_interrupted_copy_resumes(tmp_path: Path, store: StoreKind) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "new"
    calls: list[int] = []

    def stop() -> bool:
        calls.append(1)
        return len(calls) > 2

    stopped = relocate(out, new, stop=stop)
    assert (stopped.stopped, stopped.arrived) == (True, False)
    assert locate_result(str(out)) == str(out)
    assert is_intact(out, out)
    with pytest.raises(UsageError, match=f"unfinished relocation of {out}, which is still the result"):
        locate_result(str(new))
    for refusing in (require_result, lambda place: run_split(tmp_path / "songs", Path(place))):
        with raises_advice(UnfinishedRelocationError, f"`midiprism relocate {out} {new}` continues it"):
            refusing(str(new))
    done = relocate(out, new)
    assert (done.arrived, done.files_already_copied) == (True, stopped.files_copied)
    assert done.files_already_copied + done.files_copied == done.files
    assert is_intact(new, new)


@pytest.mark.usefixtures("separate_file_systems")
def test_partial_files_after_a_power_cut_are_replaced(tmp_path: Path) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    before = relocated_content(out, out)
    relocate(out, new, stop=lambda: True)
    for number, path in enumerate(sorted((new / "tracks").rglob("*.mid"))):
        path.chmod(0o644)
        path.write_bytes((b"", bytes(path.stat().st_size), path.read_bytes())[number % 3])
    done = relocate(out, new)
    assert 0 < done.files_already_copied < done.files == done.files_already_copied + done.files_copied
    assert relocated_content(new, new) == before
    assert is_intact(new, new)


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize("store", KINDS)
def test_a_run_between_two_attempts_leaves_no_outdated_files(tmp_path: Path, store: StoreKind) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "new"
    answers = iter([False, False])
    relocate(out, new, stop=lambda: next(answers, True))
    settings = make_settings(workers=0, rerun_policy=RerunPolicy(redo=True))
    options: dict[str, Any] = {"splitter": lambda data: fake_split(data.replace(b"Slap", b"Fretless"))}
    assert run_split(tmp_path / "songs", out, settings, **options).state == "done"
    wanted = relocated_content(out, out)
    assert not wanted[0].keys() >= {path for path in read_tree(new) if path.startswith("tracks")}, (
        "some are gone"
    )
    assert relocate(out, new).arrived
    assert relocated_content(new, new) == wanted
    assert is_intact(new, new)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "lost": Path.unlink,
    "changed": lambda path: path.write_bytes(path.read_bytes()[::-1]),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "a folder": lambda path: [do(path) for do in (Path.unlink, Path.mkdir)],
}


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("store", KINDS)
def test_damage_stops_a_relocation_with_the_repair_command(
    tmp_path: Path, store: StoreKind, damage: str
) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "new out"
    wanted = relocated_content(out, out)
    path = track(out) if store == "files" else next((out / "tracks").glob("*.parquet"))
    path.chmod(0o644)
    DAMAGES[damage](path)
    with raises_advice(DamagedResultError, f"repair it with `midiprism verify {out} --repair`"):
        relocate(out, new, remove=True)
    assert locate_result(str(out)) == str(out)
    assert not (new / "catalog.sqlite").exists()
    assert repair_result(str(out), VerifyScope(), splitter=fake_split).ok
    assert relocate(out, new).arrived
    assert is_intact(new, new)
    assert relocated_content(new, new)[2] == wanted[2]


@pytest.mark.usefixtures("separate_file_systems")
def test_a_damaged_songs_table_stops_a_relocation_and_a_missing_one_is_recreated(
    tmp_path: Path,
) -> None:
    out, new = make_result(tmp_path, "parquet"), tmp_path / "new"
    (out / "songs" / "songs.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(StoreError, match="Repair the result"):
        relocate(out, new)
    (out / "songs" / "songs.parquet").unlink()
    assert relocate(out, new).arrived
    assert run_split(tmp_path / "songs", new, make_settings(workers=0)).state == "done"
    assert is_intact(new, new)


@pytest.mark.usefixtures("separate_file_systems")
def test_a_damaged_catalog_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    with monkeypatch.context() as patch:
        patch.setattr(copying, "find_damage", lambda *_arguments: "Page 7 is lost.")
        with pytest.raises(CatalogError, match="is damaged: Page 7 is lost"):
            relocate(out, new)
    with monkeypatch.context() as patch:
        patch.setattr(copying, "_counts", lambda path: path)
        with pytest.raises(CatalogError, match="does not hold the same"):
            relocate(out, new)
    (out / "catalog.sqlite").write_bytes(b"no database" * 999)
    with pytest.raises(CatalogError):
        relocate(out, new)
    assert locate_result(str(out)) == str(out)


@pytest.mark.usefixtures("separate_file_systems")
def test_a_result_without_a_catalog_is_relocated(tmp_path: Path) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    shutil.rmtree(out / "tracks")
    (out / "catalog.sqlite").unlink()
    done = relocate(out, new, remove=True)
    assert (done.arrived, done.files) == (True, 0)
    assert run_split(tmp_path / "songs", new).state == "done"


@pytest.mark.slow
@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("call", ["open", "write", "mkdir", "fsync", "replace"])
@pytest.mark.parametrize("store", KINDS)
def test_a_disk_failure_leaves_one_folder_as_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: StoreKind, call: str, number: int
) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "new"
    wanted = relocated_content(out, out)
    function = getattr(os, call)
    errors, done = [], None
    for after in range(9):
        calls: list[int] = []

        def call_or_fail(
            *arguments: Any, _calls: list[int] = calls, _after: int = after, **options: Any
        ) -> Any:
            path = os.fsdecode(arguments[0]) if call in ("open", "mkdir") else str(new)
            in_new_folder = str(new) in path and PROBE_PREFIX not in path
            if in_new_folder and (call != "open" or arguments[1] & os.O_CREAT):
                _calls.append(1)
                if len(_calls) == _after + 1:
                    raise OSError(number, os.strerror(number))
            return function(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, call_or_fail)
            try:
                done = relocate(out, new)
            except MidiprismError as error:
                errors.append(str(error))
                if read_marker(str(out))["midiprism"] == "result":
                    assert relocated_content(out, out) == wanted
                    assert is_intact(out, out)
    assert errors
    assert [error for error in errors if "cannot be written" not in error] == []
    assert (done or relocate(out, new)).arrived
    assert relocated_content(new, new) == wanted
    assert is_intact(new, new)


@pytest.mark.usefixtures("separate_file_systems")
def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = make_result(tmp_path)

    def forbid(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "makedirs", forbid)
    with pytest.raises(StoreError, match="Permission is denied"):
        relocate(out, tmp_path / "new")
    assert is_intact(out, out)


EMPTY_DISK = {
    "f_frsize": 4096,
    "f_blocks": 1 << 31,
    "f_bfree": 1 << 30,
    "f_bavail": 1 << 30,
    "f_files": 1 << 30,
    "f_favail": 1 << 30,
}
"""The values of ``os.statvfs`` on a disk with room."""


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize(
    ("free", "message"),
    [
        ({"f_bavail": 1}, "needs 0.00 GB more, and 0.00 GB are free there"),
        ({"f_favail": 3}, "needs 4 more files, and the disk has room for 3"),
    ],
)
def test_too_little_space_is_reported_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: dict[str, int], message: str
) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    disk = EMPTY_DISK | free
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(**disk))
    with pytest.raises(StoreError, match=message):
        relocate(out, new)
    assert not new.exists()
    monkeypatch.setattr(
        carrying, "locate_storage", lambda _path: SimpleNamespace(device="sda1", file_system="btrfs")
    )
    if "f_bavail" in free:  # blocks are shared
        assert relocate(out, new).arrived


@pytest.mark.usefixtures("separate_file_systems")
def test_files_that_are_copied_already_need_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    assert relocate(out, new, stop=lambda: True).files_copied == 4
    disk = EMPTY_DISK | {"f_favail": 0}
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(**disk))
    assert relocate(out, new).files_already_copied == 4


def test_files_are_durable_before_the_switch_and_before_any_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    order: list[str] = []

    def record_calls(owner: Any, name: str, describe: Callable[..., str]) -> None:
        function = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            order.append(describe(*arguments))
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    forbid_renames(monkeypatch)
    record_calls(os, "replace", lambda _source, target: str(Path(target).relative_to(tmp_path)))
    record_calls(durable.Flusher, "flush", lambda _flusher: "flush")
    record_calls(relocate_module, "fsync_dir", lambda folder: f"sync {Path(folder).name}")
    record_calls(relocate_module, "finish_relocation", lambda _folder: "finish")
    record_calls(os, "unlink", lambda path: "unlink track" if Path(path).suffix == ".mid" else "")
    relocate(out, new, remove=True)
    order = [step for step in order if step]
    switch = len(order) - 1 - order[::-1].index("out/midiprism.json")
    assert order[:3] == ["out/midiprism.json", "new/midiprism.json", "sync new"], "a rename was tried first"
    assert order[switch - 3 : switch] == ["flush", "new/catalog.sqlite", "sync new"]
    assert order[switch + 1 : switch + 4] == ["sync out", "finish", "new/midiprism.json"]
    assert order[switch + 4 :] == ["unlink track"] * 4
