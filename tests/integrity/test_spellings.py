"""Tests that nothing is lost where names are listed in another spelling than they were created with."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope, open_catalog
from midiprism.integrity.damage_report import DamageReport, RepairReport
from midiprism.integrity.repair import repair_result
from midiprism.integrity.verify import verify_result
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.results.upkeep import remove_leftovers
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.file_systems import RespellingFileSystem, decomposed, lower_case, upper_case
from support.relocation import forbid_renames, relocate
from support.runs import run_split

FLUTE = "Pipe;Flute;Fl\u00f6te \u00c9lan \uac00;d"
SONGS = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(DRUMS, FLUTE), "c.mid": fake_song(FLUTE + "x")}

Spell = Callable[[str], str]
SPELLINGS: list[Spell] = [lower_case, upper_case, decomposed, lambda name: decomposed(name.lower())]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a result whose tracks have capitals and accents in their names."""
    assert run_split(write_files(tmp_path / "songs", SONGS), tmp_path / "out").state == "done"
    return tmp_path / "out"


@pytest.fixture(params=SPELLINGS, ids=["lower", "upper", "decomposed", "lower-decomposed"])
def spell(request: pytest.FixtureRequest) -> Spell:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[False, True], ids=["numbers", "numbers-by-path"])
def file_system(request: pytest.FixtureRequest, out: Path, spell: Spell) -> RespellingFileSystem:
    return RespellingFileSystem(out, spell, numbers_by_path=request.param)


def verify(out: Path, file_system: RespellingFileSystem) -> DamageReport:
    return verify_result(str(out), VerifyScope(), file_system=file_system)


def repair(out: Path, file_system: RespellingFileSystem, *, dry_run: bool = False) -> RepairReport:
    return repair_result(
        str(out), VerifyScope(), splitter=fake_split, file_system=file_system, dry_run=dry_run
    )


def tracks(out: Path) -> dict[str, bytes]:
    return {path: data for path, data in read_tree(out).items() if path.startswith("tracks/")}


def test_files_in_another_spelling_are_those_of_the_rows(
    out: Path, file_system: RespellingFileSystem
) -> None:
    before = tracks(out)
    assert len(before) == 5
    assert verify(out, file_system).counts == {}
    for _ in range(2):
        repaired = repair(out, file_system)
        assert (repaired.damage_report.counts, repaired.orphans, repaired.files) == ({}, 0, 0)
        assert tracks(out) == before


def test_a_lost_track_is_restored_once_and_stays(out: Path, file_system: RespellingFileSystem) -> None:
    before = tracks(out)
    os.unlink(out / next(iter(before)))
    assert verify(out, file_system).counts == {"missing": 1}
    assert repair(out, file_system, dry_run=True).files == 1
    assert repair(out, file_system).files == 1
    assert tracks(out) == before
    assert repair(out, file_system).damage_report.counts == {}
    assert tracks(out) == before


def test_unknown_files_are_still_found_and_removed(out: Path, file_system: RespellingFileSystem) -> None:
    before = tracks(out)
    folder = (out / next(iter(before))).parent
    (folder / ("Stray-" + "ab" * 16 + ".mid")).write_bytes(b"x")
    (folder / ".0123456789abcdef.tmp").write_bytes(b"x")
    assert verify(out, file_system).damage_count == 2
    repaired = repair(out, file_system)
    assert (repaired.ok, repaired.orphans + repaired.temporaries) == (True, 2)
    assert tracks(out) == before


def test_the_cleaning_before_a_run_removes_no_track(out: Path, file_system: RespellingFileSystem) -> None:
    catalog_access.execute(out, "UPDATE runs SET state = 'running'")
    before = tracks(out)
    write_files(out / "tracks", {".0123456789abcdef.tmp": b"x"})
    with (
        open_catalog(catalog_access.catalog_address(out)) as catalog,
        contextlib.closing(
            open_result_store(str(out), require_identity(str(out)), file_system=file_system)
        ) as store,
    ):
        removed = remove_leftovers(catalog, store, str(out))
    assert tracks(out) == before or removed == 0
    assert {path: data for path, data in tracks(out).items() if path in before} == before


def test_a_relocation_that_continues_keeps_the_copies(
    tmp_path: Path, out: Path, spell: Spell, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_renames(monkeypatch)
    before, new = tracks(out), tmp_path / "new"
    calls = iter(range(1000))
    relocate(out, new, stop=lambda: next(calls) > 8, file_system=RespellingFileSystem(tmp_path, spell))
    copied = {path: (new / path).stat().st_ino for path in tracks(new)}
    done = relocate(out, new, remove=True, file_system=RespellingFileSystem(tmp_path, spell))
    assert done.arrived
    assert tracks(new) == before
    assert {path: (new / path).stat().st_ino for path in copied} == copied, (
        "no copy was removed and made again"
    )
    assert tracks(out) == {}, "the files in the old folder are recognized, and removed"


def copy_under_other_name(out: Path, data: bytes) -> Path:
    """Give the bytes of a track a second file, whose name is in small letters, and return it."""
    path = next(path for path in (out / "tracks").rglob("*.mid") if path.read_bytes() == data)
    other = path.with_name(path.name.lower())
    assert other != path
    other.write_bytes(data)
    return other


def test_a_second_file_in_another_spelling_is_a_stray_where_case_counts(out: Path) -> None:
    before = tracks(out)
    copy_under_other_name(out, PIANO.encode())
    assert verify_result(str(out), VerifyScope()).counts == {"orphan": 1}
    assert repair_result(str(out), VerifyScope(), splitter=fake_split).orphans == 1
    assert tracks(out) == before


@pytest.mark.parametrize("name", ["copy.mid", "Other-{digest}.mid", ".0123456789abcdef.tmp"])
def test_the_only_file_with_the_bytes_of_a_track_is_kept(tmp_path: Path, out: Path, name: str) -> None:
    path = next(path for path in (out / "tracks").rglob("*.mid") if path.read_bytes() == PIANO.encode())
    other = path.with_name(name.format(digest=path.stem.rpartition("-")[2]))
    path.rename(other)
    # The song is there, but its splits are others now: nothing else has these bytes.
    (tmp_path / "songs" / "a.mid").write_bytes(fake_song(BASS, "Piano;Piano;New;n"))
    repaired = repair_result(str(out), VerifyScope(), splitter=fake_split)
    assert not repaired.ok
    assert other.read_bytes() == PIANO.encode()
    write_files(tmp_path / "songs", SONGS)
    assert repair_result(str(out), VerifyScope(), splitter=fake_split).ok
    assert path.read_bytes() == PIANO.encode()
    assert not other.exists()


def test_the_cleaning_before_a_run_keeps_the_only_file_with_the_bytes_of_a_track(out: Path) -> None:
    path = next(path for path in (out / "tracks").rglob("*.mid") if path.read_bytes() == PIANO.encode())
    other = path.with_name(".0123456789abcdef.tmp")
    path.rename(other)
    catalog_access.execute(out, "UPDATE runs SET state = 'running'")
    run_split(out.parent / "songs", out)
    assert other.read_bytes() == PIANO.encode()
