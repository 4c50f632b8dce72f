"""Tests of relocations. Failures are in test_relocate_failures.py, kills in test_relocate_kill_points.py."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import PostgresAddress
from midiprism.errors import CatalogLocationError, StoreError, UsageError
from midiprism.relocate import copy as carrying
from midiprism.relocate import relocate as relocate_module
from midiprism.relocate.errors import RelocationRemainsError
from midiprism.relocate.relocate import relocate_result
from midiprism.relocate.relocation import RelocationProgress, RelocationReporter
from midiprism.results.identity import StoreKind
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import locate_result, read_marker, write_marker
from midiprism.results.status import read_status
from support import catalog_access
from support.fake_songs import PIANO, fake_song, read_tree, write_files
from support.postgres import PostgresServer
from support.relocation import (
    KINDS,
    OTHER_FILES,
    SONGS,
    forbid_renames,
    is_intact,
    make_result,
    raises_advice,
    relocate,
    relocated_content,
)
from support.runs import locked_by_other_process, make_settings, run_split


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


@pytest.mark.usefixtures("separate_file_systems")
@pytest.mark.parametrize("store", KINDS)
def test_the_card_of_a_data_set_goes_along_with_what_a_person_wrote(tmp_path: Path, store: StoreKind) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "new"
    card = out / "README.md"
    card.write_text(card.read_text().replace("license: unknown", "license: mit"))
    text = card.read_bytes()
    write_files(out, {".README.md.0123456789abcdef.tmp": b"cut off"})
    done = relocate(out, new, remove=True)
    assert (done.method, done.files_left) == ("copy", 0)
    assert (new / "README.md").read_bytes() == text
    assert not card.exists()


@pytest.mark.usefixtures("separate_file_systems")
def test_a_card_that_was_not_copied_stays(tmp_path: Path) -> None:
    out, new = make_result(tmp_path), tmp_path / "new"
    (tmp_path / "mine.md").write_text("# Mine")
    (out / "README.md").unlink()
    (out / "README.md").symlink_to(tmp_path / "mine.md")
    assert relocate(out, new, remove=True).files_left == 1
    assert (out / "README.md").is_symlink()
