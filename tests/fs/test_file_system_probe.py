"""Tests of the probe of file systems, and of the results that are refused on them."""

import errno
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from midiprism.catalog import PostgresAddress
from midiprism.cli.advice import explain
from midiprism.errors import StoreError
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem, LocalFileSystem
from midiprism.fs.file_system_probe import PROBE_PREFIX, FileSystemTraits, probe_file_system
from midiprism.results.errors import UnsuitableFileSystemError
from midiprism.results.file_system import LONGEST_TRACK_NAME
from midiprism.results.identity import RequestedIdentity, ResultRequest
from midiprism.results.result_dir import lock_result, read_marker
from midiprism.stores import track_path
from midiprism.stores.files.layout import FULL_DIGEST_DIGITS, MAX_STEM_BYTES
from support.file_systems import (
    ExFatLikeFileSystem,
    LimitedFileSystem,
    RespellingFileSystem,
    decomposed,
    lower_case,
)

LINUX = FileSystemTraits(
    case="sensitive",
    normalization="sensitive",
    all_names=True,
    longest_name=255,
    hard_links=True,
    read_only_bits=True,
    shared_memory=True,
    locks=True,
)


def make_result(
    folder: Path,
    file_system: FileSystem = LOCAL_FILE_SYSTEM,
    request: ResultRequest = ResultRequest(),  # noqa: B008
) -> dict[str, object]:
    """Make a result and return the traits of the file system in its marker."""
    with lock_result(str(folder), request, file_system):
        pass
    traits: dict[str, object] = read_marker(str(folder))["file_system"]
    return traits


def test_the_traits_of_a_disk_of_this_machine_are_found_and_nothing_is_left(tmp_path: Path) -> None:
    assert probe_file_system(str(tmp_path)) == LINUX
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("make", "traits"),
    [
        (partial(RespellingFileSystem, spell=lower_case), {"case": "changed", "normalization": "preserved"}),
        (partial(RespellingFileSystem, spell=decomposed), {"case": "preserved", "normalization": "changed"}),
        (
            ExFatLikeFileSystem,
            {
                "case": "preserved",
                "normalization": "preserved",
                "hard_links": False,
                "read_only_bits": False,
            },
        ),
        (lambda _root: LimitedFileSystem(longest_name=143), {"longest_name": 143}),
        (lambda _root: LimitedFileSystem(only_ascii=True), {"all_names": False, "normalization": "changed"}),
        (lambda _root: LimitedFileSystem(without_locks=True), {"locks": False}),
        (lambda _root: LimitedFileSystem(without_shared_memory=True), {"shared_memory": False}),
    ],
    ids=["ntfs-like", "hfs-like", "exfat-like", "short names", "ascii", "no locks", "no shared memory"],
)
def test_the_traits_of_other_file_systems_are_found(
    tmp_path: Path, make: type, traits: dict[str, object]
) -> None:
    assert probe_file_system(str(tmp_path), make(tmp_path)) == replace(LINUX, **traits)  # type: ignore[arg-type]


def test_a_new_result_records_the_traits_and_keeps_them(tmp_path: Path) -> None:
    assert make_result(tmp_path / "out") == LINUX.as_dict()
    assert make_result(tmp_path / "out", LimitedFileSystem(without_locks=True)) == LINUX.as_dict()
    assert sorted(os.listdir(tmp_path / "out")) == [".midiprism.lock", "midiprism.json"]


def test_a_result_is_made_without_hard_links_and_permissions(tmp_path: Path) -> None:
    traits = make_result(tmp_path / "out", ExFatLikeFileSystem(tmp_path))
    assert (traits["hard_links"], traits["read_only_bits"]) == (False, False)


@pytest.mark.parametrize(
    ("file_system", "message", "advice"),
    [
        (LimitedFileSystem(without_locks=True), "locks keep nobody away", "--database"),
        (LimitedFileSystem(longest_name=143), "names are too short", "--store parquet"),
        (LimitedFileSystem(only_ascii=True), "cannot keep every name", "--store parquet"),
    ],
    ids=["locks", "short names", "ascii"],
)
def test_an_unsuitable_file_system_is_refused_with_advice(
    tmp_path: Path, file_system: FileSystem, message: str, advice: str
) -> None:
    with pytest.raises(UnsuitableFileSystemError, match=message) as caught:
        make_result(tmp_path / "out", file_system)
    assert "choose a folder on another disk" in str(caught.value)
    assert advice in explain(caught.value)
    assert os.listdir(tmp_path / "out") == [".midiprism.lock"], "neither a marker nor a probe is left"
    assert make_result(tmp_path / "out") == LINUX.as_dict()


def test_a_file_system_is_accepted_where_what_it_lacks_is_not_needed(tmp_path: Path) -> None:
    in_shards = ResultRequest(RequestedIdentity(store="parquet"))
    make_result(tmp_path / "shards", LimitedFileSystem(longest_name=143, only_ascii=True), in_shards)
    on_server = ResultRequest(database=PostgresAddress("postgresql://host/db"))
    make_result(tmp_path / "server", LimitedFileSystem(without_locks=True), on_server)


def test_the_longest_name_of_a_track_fits_the_limit() -> None:
    path = track_path("Piano", "n" * MAX_STEM_BYTES, bytes(32), FULL_DIGEST_DIGITS)
    assert len(path.rpartition("/")[2]) == LONGEST_TRACK_NAME


def test_a_probe_that_was_cut_off_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "out" / f"{PROBE_PREFIX}0123" / "sub").mkdir(parents=True)
    make_result(tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == [".midiprism.lock", "midiprism.json"]


class FullFileSystem(LocalFileSystem):
    """A file system that is full after some files."""

    files_left = 3

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        self.files_left -= 1
        if self.files_left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return super().open(path, flags, mode)


def test_a_full_disk_is_not_taken_for_an_unsuitable_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="disk is full"):
        make_result(tmp_path / "out", FullFileSystem())
    assert os.listdir(tmp_path / "out") == [".midiprism.lock"]
