"""Tests of relocating results. Those of killed relocations are in test_relocate_kill_points.py."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from midiprism.catalog import PostgresAddress, VerifyScope
from midiprism.catalog.sqlite import backup as copying
from midiprism.cli.advice import explain
from midiprism.errors import (
    CatalogError,
    CatalogLocationError,
    MidiprismError,
    StoreError,
    UnfinishedRelocationError,
    UsageError,
)
from midiprism.fs import fsync as durable
from midiprism.fs.file_system_probe import PROBE_PREFIX
from midiprism.integrity.repair import repair_result
from midiprism.pipeline import RerunPolicy
from midiprism.relocate import copy as carrying
from midiprism.relocate import relocate as relocate_module
from midiprism.relocate.errors import DamagedResultError, RelocationRemainsError
from midiprism.relocate.relocate import relocate_result
from midiprism.relocate.relocation import RelocationProgress, RelocationReporter
from midiprism.results.identity import StoreKind
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import locate_result, read_marker, require_result, write_marker
from midiprism.results.status import read_status
from support import catalog_access
from support.fake_songs import PIANO, fake_song, fake_split, read_tree, write_files
from support.postgres import PostgresServer
from support.relocation import (
    OTHER_FILES,
    SONGS,
    forbid_renames,
    is_intact,
    make_result,
    relocate,
    relocated_content,
)
from support.runs import locked_by_other_process, make_settings, run_split

KINDS: list[StoreKind] = ["files", "parquet"]


@pytest.fixture
def separate_file_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all folders look as if they were on different file systems."""
    forbid_renames(monkeypatch)


@pytest.fixture
def other_file_system(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that really is on another file system."""
    device = os.stat(tmp_path).st_dev
    for place in ("/dev/shm", tempfile.gettempdir(), "/var/tmp", str(Path.home())):
        if os.path.isdir(place) and os.access(place, os.W_OK) and os.stat(place).st_dev != device:
            with tempfile.TemporaryDirectory(prefix="midiprism-", dir=place) as folder:
                yield Path(folder)
            return
    pytest.skip("there is one file system only")


def track(out: Path, text: str = PIANO) -> Path:
    return next(path for path in (out / "tracks").rglob("*.mid") if path.read_bytes() == text.encode())


@pytest.mark.usefixtures("catalog_backend")
@pytest.mark.parametrize("store", KINDS)
def test_a_folder_is_renamed_if_possible(tmp_path: Path, store: StoreKind) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "deep" / "new"
    wanted, inode = relocated_content(out, out), (out / "midiprism.json").parent.stat().st_ino
    assert relocate(out, new, dry_run=True).method == "rename"
    assert not new.parent.exists()
    done = relocate(out, new)
    assert (done.method, done.arrived, done.files_copied, out.exists()) == ("rename", True, 0, False)
    assert new.stat().st_ino == inode
    assert relocated_content(out, new) == wanted
    assert is_intact(out, new)
    again = relocate(out, new)
    assert (again.method, again.already_moved, again.arrived) == ("rename", True, True)
    assert locate_result(str(out)) == str(out), "nobody knows any more"


def test_a_result_is_relocated_into_an_empty_folder_and_through_links(tmp_path: Path) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    write_files(new, {".midiprism.lock": b""})
    (tmp_path / "to out").symlink_to(out)
    (tmp_path / "to new").symlink_to(new)
    assert relocate(tmp_path / "to out", tmp_path / "to new").method == "rename"
    assert not out.exists()
    assert is_intact(new, new)
    assert (tmp_path / "to new").is_symlink()


@pytest.mark.usefixtures("catalog_backend")
@pytest.mark.parametrize("store", KINDS)
def test_a_result_is_copied_to_another_file_system(
    tmp_path: Path, other_file_system: Path, store: StoreKind
) -> None:
    out, new = (
        write_files(make_result(tmp_path, store), dict.fromkeys(OTHER_FILES, b"mine")),
        other_file_system / "new",
    )
    wanted = {path: data for path, data in read_tree(out).items() if path not in OTHER_FILES}
    modes = {path.name: path.stat().st_mode for path in out.rglob("*.[mp]*") if "mine" not in path.name}
    planned = relocate(out, new, dry_run=True)
    assert (planned.method, planned.arrived, new.exists(), planned.files) == (
        "copy",
        False,
        False,
        planned.files,
    )
    done = relocate(out, new)
    assert (done.method, done.arrived, done.files_copied) == ("copy", True, planned.files)
    assert done.bytes_copied == done.bytes > 0
    copied = read_tree(new)
    assert copied.keys() - {".midiprism.lock"} == wanted.keys() - {".midiprism.lock"}, "nothing of others"
    assert [
        path for path in wanted if path.startswith(("tracks", "links")) and copied[path] != wanted[path]
    ] == []
    assert {path.name: path.stat().st_mode for path in new.rglob("*.[mp]*")} == modes
    assert is_intact(out, new)
    assert {path: data for path, data in read_tree(out).items() if path in OTHER_FILES} == dict.fromkeys(
        OTHER_FILES, b"mine"
    )
    emptied = relocate(out, new, remove=True)
    assert (emptied.already_moved, emptied.files_left) == (True, len(OTHER_FILES))
    assert set(read_tree(out)) == {"midiprism.json", *OTHER_FILES}
    assert relocate(out, new, remove=True).files_removed == 0
    assert is_intact(out, new)


@pytest.mark.usefixtures("separate_file_systems", "catalog_backend")
@pytest.mark.parametrize("store", KINDS)
def test_the_next_run_continues_in_the_new_folder(tmp_path: Path, store: StoreKind) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "new"
    relocate(out, new, remove=True)
    write_files(tmp_path / "songs", {"f.mid": fake_song(PIANO + "f")})
    with pytest.raises(UsageError, match=f"was relocated to {new}: name that folder"):
        run_split(tmp_path / "songs", out)
    settings = make_settings(workers=0, database=catalog_access.postgres_address(out))
    summary = run_split(tmp_path / "songs", Path(locate_result(str(out))), settings)
    assert (summary.state, summary.songs_done, summary.tracks_new) == ("done", 1, 1)
    assert is_intact(out, new)
    assert "result" not in read_marker(str(new)) or catalog_access.postgres_address(out) is not None


@pytest.mark.usefixtures("separate_file_systems")
def test_a_result_can_be_relocated_again_and_back(tmp_path: Path) -> None:
    out, new, third = make_result(tmp_path), tmp_path / "new", tmp_path / "third"
    wanted = relocated_content(out, out)
    relocate(out, new, remove=True)
    relocate(out, third, remove=True)
    assert [locate_result(str(place)) for place in (out, new, third)] == [str(third)] * 3
    assert relocate(third, out, remove=True).method == "copy"
    assert [locate_result(str(place)) for place in (out, new, third)] == [str(out)] * 3
    assert relocated_content(out, out) == wanted
    assert is_intact(out, out)


def test_a_result_is_renamed_back_over_its_relocation_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    with monkeypatch.context() as patch:
        forbid_renames(patch)
        relocate(out, new)
    with raises_advice(RelocationRemainsError, f"relocate {out} {new} --remove` empties it"):
        relocate(new, out)
    relocate(out, new, remove=True)
    assert relocate(new, out).method == "rename"
    assert is_intact(out, out)
    assert not new.exists()


@pytest.mark.usefixtures("separate_file_systems")
def test_loops_and_missing_folders_are_reported(tmp_path: Path) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    relocate(out, new)
    shutil.move(str(new), tmp_path / "unmounted")
    with pytest.raises(UsageError, match=f"was relocated to {new}, which holds no result now: bring"):
        locate_result(str(out))
    new.mkdir()
    write_marker(str(new), "moved", {"to": str(out)})
    with pytest.raises(UsageError, match="in a circle"):
        locate_result(str(out))
    write_marker(str(new), "moved", {})
    with pytest.raises(UsageError, match="is damaged: it has no 'to'"):
        locate_result(str(out))


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


@contextlib.contextmanager
def raises_advice(kind: type[MidiprismError], advice: str) -> Iterator[None]:
    """Expect an error for which the command line gives this advice."""
    with pytest.raises(kind) as raised:
        yield
    assert advice in explain(raised.value)


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
    disk = {"f_bavail": 1 << 30, "f_frsize": 4096, "f_files": 1 << 30, "f_favail": 1 << 30} | free
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
    disk = {"f_bavail": 1 << 30, "f_frsize": 4096, "f_files": 1 << 30, "f_favail": 0}
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(**disk))
    assert relocate(out, new).files_already_copied == 4


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize("store", KINDS)
def test_blocks_are_shared_if_the_file_system_supports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: StoreKind
) -> None:
    import fcntl

    out, new = make_result(tmp_path, store), tmp_path / "new"

    def clone(target: int, request: int, source: int) -> int:
        assert request == 0x40049409
        return os.write(target, os.read(source, 1 << 20))

    monkeypatch.setattr(fcntl, "ioctl", clone)
    done = relocate(out, new)
    assert done.files_reflinked == done.files_copied == done.files
    assert is_intact(new, new)


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


@pytest.mark.usefixtures("separate_file_systems")
def test_the_old_path_leads_to_the_result_at_any_time(tmp_path: Path) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    seen: list[tuple[str, int]] = []

    def check_status(progress: RelocationProgress) -> None:
        place = locate_result(str(out))
        status = read_status(place)
        assert status.locked or place == str(new)
        seen.append((Path(place).name, status.inventory.counts.tracks))
        assert progress.seconds >= 0

    def report(reporter: RelocationReporter, stage: Any, at: int, total: int | None = None) -> None:
        check_status(RelocationProgress(stage, at, total, 0, reporter.seconds))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RelocationReporter, "report", report)
        relocate(out, new, remove=True)
    assert {place for place, _ in seen} == {"out", "new"}
    assert {tracks for _, tracks in seen} == {4}


def edit(out: Path, **facts: object) -> None:
    path = out / "midiprism.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def test_invalid_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = make_result(tmp_path)
    write_files(tmp_path, {"full/thesis.txt": b"", "file": b""})
    other = make_result(tmp_path, name="other")
    (tmp_path / "tree").mkdir()
    write_marker(str(tmp_path / "tree"), "export", {})
    for new, message in (
        (out, "is where the result is"),
        (out / "inner", f"{out / 'inner'} lies in {out}"),
        (tmp_path, f"{out} lies in {tmp_path}"),
        (tmp_path / "full", "holds other files, such as thesis.txt"),
        (tmp_path / "file", "is not a folder"),
        (other, "is itself a folder that midiprism made"),
        (tmp_path / "tree", "is itself a folder that midiprism made"),
    ):
        with pytest.raises(UsageError, match=message):
            relocate(out, new)
    for source in (tmp_path / "songs", tmp_path / "nothing"):
        with pytest.raises(UsageError, match="holds no midiprism result"):
            relocate(source, tmp_path / "new")
    with monkeypatch.context() as patch:
        forbid_renames(patch)
        relocate(other, tmp_path / "begun", stop=lambda: True)
        with pytest.raises(UsageError, match=f"unfinished relocation of {other}"):
            relocate(out, tmp_path / "begun")
        relocate(other, tmp_path / "third", remove=True)
        with pytest.raises(UsageError, match="says where another result is"):
            relocate(out, other)
    with monkeypatch.context() as patch:
        patch.setattr(relocate_module, "network_file_system", lambda _path: "nfs4")
        with pytest.raises(UsageError, match=r"network file system \(nfs4\)"):
            relocate(out, tmp_path / "new")
    edit(out, adopted=True)
    with pytest.raises(UsageError, match="the owner's tables name its files by that path"):
        relocate(out, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert is_intact(out, out)


def test_a_locked_folder_is_refused_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    forbid_renames(monkeypatch)
    with locked_by_other_process(out), pytest.raises(StoreError, match=f"{out} is being written by process"):
        relocate(out, new)
    new.mkdir()
    with lock_exclusive(str(new)), pytest.raises(StoreError, match=f"{new} is being written by process"):
        relocate(out, new)
    assert relocate(out, new).arrived


def test_a_catalog_in_postgresql_is_not_moved(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = PostgresAddress(postgres.new_database())
    forbid_renames(monkeypatch)
    out, new = tmp_path / "out", tmp_path / "new"
    settings = make_settings(workers=0, database=address)
    run_split(write_files(tmp_path / "songs", SONGS), out, settings)
    mark = read_marker(str(out))["result"]
    with raises_advice(CatalogLocationError, "give its address by --database"):
        relocate_result(str(out), str(new))
    postgres.psql(
        address.url,
        "UPDATE midiprism.runs SET state = 'running', expires_at = now() + INTERVAL '1 hour'",
    )
    with pytest.raises(StoreError, match=f"Run 1 on {out} is active"):
        relocate_result(str(out), str(new), database=address)
    postgres.psql(address.url, "UPDATE midiprism.runs SET state = 'done', expires_at = NULL")
    monkeypatch.setattr(relocate_module, "network_file_system", lambda _path: "nfs4")
    assert relocate_result(str(out), str(new), database=address, remove=True).arrived
    assert read_marker(str(new))["result"] == mark
    assert not (new / "catalog.sqlite").exists()
    assert set(read_tree(out)) == {"midiprism.json"}
    summary = run_split(tmp_path / "songs", new, settings)
    assert (summary.state, summary.songs_done, summary.songs_skipped) == ("done", 0, 5)


def test_a_run_on_another_machine_stops_a_relocation(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = PostgresAddress(postgres.new_database())
    forbid_renames(monkeypatch)
    out, new = tmp_path / "out", tmp_path / "new"
    run_split(write_files(tmp_path / "songs", SONGS), out, make_settings(workers=0, database=address))
    copy = carrying.ResultCopier.copy

    def copy_and_run(content: carrying.ResultCopier, *, resumed: bool) -> None:
        copy(content, resumed=resumed)
        if not resumed:
            postgres.psql(
                address.url,
                "INSERT INTO midiprism.runs (started_at, updated_at, state, settings, totals) "
                "VALUES ('', '', 'done', '{}', '{}')",
            )

    monkeypatch.setattr(carrying.ResultCopier, "copy", copy_and_run)
    with pytest.raises(StoreError, match="began and ended meanwhile: give the same command again"):
        relocate_result(str(out), str(new), database=address)
    assert locate_result(str(out)) == str(out)
    assert relocate_result(str(out), str(new), database=address).arrived
