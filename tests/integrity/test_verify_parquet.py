"""Tests of damage to a result in shards: verifying finds it, and a repair restores it from the songs."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from midiprism.catalog import VerifyScope
from midiprism.integrity.damage_report import DamageReport, RepairReport
from midiprism.integrity.repair import repair_result
from midiprism.integrity.verify import verify_result
from midiprism.stores.parquet.schema import rows_to_columns
from midiprism.stores.parquet.shard_set import ParquetShards
from support import catalog_access
from support.catalog_access import execute, query
from support.fake_songs import fake_split, read_tree, write_files
from support.nightly import on_both_databases
from support.parquet_rows import overwrite_shard, parquet_rows, track_row
from support.result_content import catalog_content
from support.result_damage import LAST, SONGS
from support.runs import make_settings, run_split

pytestmark = pytest.mark.usefixtures("catalog_backend")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a result of two runs, which has two shards of each kind."""
    source, out = write_files(tmp_path / "songs", SONGS), tmp_path / "out"
    split(source, out)
    write_files(source, {"last.mid": LAST})
    split(source, out)
    return out


def split(source: Path, out: Path) -> None:
    assert run_split(source, out, make_settings(store="parquet", workers=0)).state == "done"


def verify(out: Path, scope: VerifyScope = VerifyScope()) -> DamageReport:  # noqa: B008 - it is frozen
    return verify_result(str(out), scope, database=catalog_access.postgres_address(out))


def repair(out: Path, scope: VerifyScope = VerifyScope(), *, dry_run: bool = False) -> RepairReport:  # noqa: B008 - it is frozen
    return repair_result(
        str(out), scope, database=catalog_access.postgres_address(out), splitter=fake_split, dry_run=dry_run
    )


def first(out: Path, kind: str = "tracks") -> Path:
    """Return the first shard of a kind."""
    name = query(out, f"SELECT name FROM shards WHERE name LIKE '{kind}/%' ORDER BY id LIMIT 1")[0][0]
    return out / str(name)


def cut(out: Path) -> None:
    overwrite_shard(first(out), first(out).read_bytes()[:-200])


def empty(out: Path) -> None:
    overwrite_shard(first(out), b"")


def flip(out: Path) -> None:
    """Flip a byte of the contents, which the checksum of their page detects."""
    data = bytearray(first(out).read_bytes())
    data[len(data) // 3] ^= 1
    overwrite_shard(first(out), bytes(data))


def grow(out: Path) -> None:
    overwrite_shard(first(out), first(out).read_bytes() + b"more")


def missing(out: Path) -> None:
    first(out).unlink()


def all_missing(out: Path) -> None:
    for folder in ("tracks", "links", "songs"):
        shutil.rmtree(out / folder)


def folder(out: Path) -> None:
    place = first(out)
    place.unlink()
    place.mkdir()


def link(out: Path) -> None:
    place = first(out)
    place.rename(out.parent / "outside.parquet")
    place.symlink_to(out.parent / "outside.parquet")


def links_cut(out: Path) -> None:
    overwrite_shard(first(out, "links"), first(out, "links").read_bytes()[:-1])


def links_missing(out: Path) -> None:
    first(out, "links").unlink()


def songs_table_missing(out: Path) -> None:
    (out / "songs" / "songs.parquet").unlink()


def songs_table_cut(out: Path) -> None:
    place = out / "songs" / "songs.parquet"
    overwrite_shard(place, place.read_bytes()[:-9])


def songs_table_of_an_earlier_version(out: Path) -> None:
    place = out / "songs" / "songs.parquet"
    table = pq.read_table(place).drop_columns(["source"])
    place.unlink()
    pq.write_table(table, place)


def songs_table_outdated(out: Path) -> None:
    execute(out, "INSERT INTO batches SELECT * FROM batches WHERE id < 0")
    ParquetShards(out).write_songs_table([], "1")


def orphan(out: Path) -> None:
    ParquetShards(out).write_tracks("9-9", rows_to_columns([track_row(b"nobody's")]))


def temporary(out: Path) -> None:
    (out / "tracks" / ".tracks-9-9-0.parquet.tmp").write_bytes(b"half")
    (out / "songs" / ".songs.parquet.0a.tmp").write_bytes(b"half")


def swapped(out: Path) -> None:
    execute(out, "UPDATE tracks SET shard_row = 1 - shard_row WHERE shard_row < 2")


def displaced(out: Path) -> None:
    execute(out, "UPDATE tracks SET shard_id = NULL WHERE name = 'Bassline'")


def row_missing(out: Path) -> None:
    execute(out, "DELETE FROM tracks WHERE name = 'Bassline'")


def link_row_missing(out: Path) -> None:
    execute(out, "DELETE FROM links WHERE position = 1")


def link_row_changed(out: Path) -> None:
    execute(out, "UPDATE links SET instrument = 'Kazoo' WHERE position = 0")


def songs_missing(out: Path) -> None:
    execute(out, "DELETE FROM songs WHERE outcome = 'repaired'")


def shard_row_missing(out: Path) -> None:
    execute(out, "DELETE FROM shards WHERE id = 1")


def links_shard_row_missing(out: Path) -> None:
    execute(out, "DELETE FROM shards WHERE id = 2")


def songs_without_shard(out: Path) -> None:
    execute(out, "UPDATE songs SET shard_id = NULL")


def stale(out: Path) -> None:
    execute(out, "UPDATE shards SET stale = 1 WHERE id = 2")


def other_digest(out: Path) -> None:
    execute(out, "UPDATE shards SET digest = ? WHERE id = 1", bytes(32))


DAMAGES: list[tuple[Callable[[Path], None], set[str]]] = [
    (cut, {"shard"}),
    (empty, {"shard"}),
    (flip, {"shard"}),
    (grow, {"shard"}),
    (missing, {"shard"}),
    (folder, {"shard"}),
    (link, {"shard"}),
    (all_missing, {"shard", "songs_table"}),
    (links_cut, {"shard"}),
    (links_missing, {"shard"}),
    (songs_table_missing, {"songs_table"}),
    (songs_table_cut, {"songs_table"}),
    (songs_table_outdated, {"songs_table"}),
    (songs_table_of_an_earlier_version, {"songs_table"}),
    (orphan, {"orphan"}),
    (temporary, {"temporary"}),
    (swapped, {"shard"}),
    (displaced, {"track_without_shard", "shard"}),
    (row_missing, {"shard", "links", "shard_links"}),
    (link_row_missing, {"links", "shard_links", "unlinked"}),
    (songs_missing, {"shard_links", "lost_path", "lost_links", "songs_table"}),
    (shard_row_missing, {"track_without_shard", "orphan"}),
    (links_shard_row_missing, {"links_without_shard", "orphan"}),
    (songs_without_shard, {"links_without_shard", "shard_links"}),
    (stale, {"shard_links"}),
    (other_digest, {"shard"}),
]


def test_a_new_result_is_undamaged(out: Path) -> None:
    found = verify(out)
    assert (found.ok, found.tracks, found.files, found.songs, found.links) == (True, 6, 4, 6, 9)


@pytest.mark.parametrize(
    ("catalog_backend", "inflict", "kinds"),
    on_both_databases(DAMAGES, [inflict.__name__ for inflict, _ in DAMAGES]),
    indirect=["catalog_backend"],
)
def test_damage_is_found_and_repaired_as_a_dry_run_predicts(
    tmp_path: Path, out: Path, inflict: Callable[[Path], None], kinds: set[str]
) -> None:
    rows, known, songs = parquet_rows(out), catalog_content(out), read_tree(tmp_path / "songs")
    inflict(out)
    before = {name: data for name, data in read_tree(out).items() if "catalog" not in name}
    found = verify(out)
    assert set(found.counts) == kinds
    assert not found.ok
    predicted = repair(out, dry_run=True)
    assert {name: data for name, data in read_tree(out).items() if "catalog" not in name} == before
    assert (predicted.unrepaired_count, predicted.unrepaired) == (0, [])

    done = repair(out)
    assert done.ok, done.unrepaired
    assert verify(out).counts == {}
    assert catalog_content(out) == known
    assert parquet_rows(out) == rows
    assert read_tree(tmp_path / "songs") == songs
    again = repair(out)
    assert (again.ok, again.run_id, again.damage_report.damage_count) == (True, None, 0)


def test_a_wrong_link_in_the_catalog_is_reported(out: Path) -> None:
    """The repair trusts the catalog, from which shards are written: it cannot know which one is right."""
    link_row_changed(out)
    assert set(verify(out).counts) == {"shard_links"}
    assert repair(out).ok
    assert verify(out).ok


@pytest.mark.parametrize("inflict", [cut, missing, folder], ids=lambda it: it.__name__)
def test_unrepairable_damage_is_named_and_repaired_once_its_songs_return(
    tmp_path: Path, out: Path, inflict: Callable[[Path], None]
) -> None:
    rows = parquet_rows(out)
    inflict(out)
    shutil.move(tmp_path / "songs", tmp_path / "away")
    done = repair(out)
    assert not done.ok
    assert {damage.kind for damage in done.unrepaired} == {"track_without_shard"}
    assert all("bring it back" in damage.message for damage in done.unrepaired)
    assert not verify(out).ok
    left = parquet_rows(out)["tracks"]
    assert set(left) < set(rows["tracks"]), "what is left can be read by everybody"
    shutil.move(tmp_path / "away", tmp_path / "songs")
    assert repair(out).ok
    assert verify(out).counts == {}
    assert parquet_rows(out) == rows


def test_rows_that_may_belong_to_a_missing_song_are_kept(tmp_path: Path, out: Path) -> None:
    rows = parquet_rows(out)
    row_missing(out)
    shutil.move(tmp_path / "songs", tmp_path / "away")
    assert not repair(out).ok
    assert parquet_rows(out)["tracks"] == rows["tracks"]
    shutil.move(tmp_path / "away", tmp_path / "songs")
    assert repair(out).ok
    assert parquet_rows(out) == rows


def test_samples_that_cover_everything_find_everything(out: Path) -> None:
    cut(out)
    links_cut(out)
    orphan(out)
    found = [verify(out, VerifyScope(share=0.5, start=half / 2 + 0.1)) for half in range(2)]
    assert sum(one.tracks for one in found) == 6
    assert sum(one.counts.get("shard", 0) for one in found) == 2
    assert all(one.counts["orphan"] == 1 for one in found), "which shards there are is always looked at"


def test_since_checks_only_shards_of_later_runs(out: Path) -> None:
    cut(out)
    orphan(out)
    found = verify(out, VerifyScope(first_run=2))
    assert (found.ok, found.tracks, found.songs) == (True, 1, 1)
    assert not verify(out, VerifyScope(first_run=1)).ok


def test_a_shard_that_cannot_be_read_is_reported_and_kept(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(first(out))
    lstat = os.lstat

    def forbid_lstat(path: str, **options: object) -> os.stat_result:
        if os.fspath(path) == place:
            raise PermissionError(13, "Permission denied")
        return lstat(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", forbid_lstat)
        done = repair(out)
    assert [damage.kind for damage in done.unrepaired] == ["shard"]
    assert first(out).exists()
    assert repair(out).ok
