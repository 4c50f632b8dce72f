"""Tests of preflights, which report the needs of an adoption and its obstacles."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from midiprism.adopt import preflight
from midiprism.adopt.preflight import run_preflight
from midiprism.adopt.preflight_report import PreflightReport
from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.errors import UsageError
from midiprism.sources.path_map import PathMap, parse_path_map
from support.foreign_library import build_foreign_library
from support.owner_library import OwnerLibrary, read_only_role
from support.postgres import PostgresServer

SONGS = 60


@pytest.fixture
def owner_library(postgres: PostgresServer, tmp_path: Path) -> OwnerLibrary:
    return OwnerLibrary.create(postgres, tmp_path)


def run_check(url: str, paths: PathMap | None = None, out: str | None = None) -> PreflightReport:
    return run_preflight(PostgresAddress(url), paths or PathMap(), out)


def missing_privileges(report: PreflightReport) -> set[str]:
    return {right.name for right in report.privileges if not right.granted}


def test_a_sound_library_can_be_adopted(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.new_database()
    library = build_foreign_library(url, tmp_path, song_count=SONGS, extra_columns=True, triggers=True)
    links = int(postgres.psql(url, "SELECT count(*) FROM track_splits"))
    before = postgres.dump(url)
    report = run_check(url, out=str(tmp_path / "out"))
    assert postgres.dump(url) == before
    assert report.ok
    assert report.obstacles == []
    assert report.counts is not None
    assert report.counts.songs == len(library.song_ids)
    assert report.counts.already_split == round(0.372 * len(library.song_ids))
    assert report.counts.links == report.counts.tracks == links
    assert report.counts.files == len(list(tmp_path.rglob("*.mid")))
    assert (report.songs.sampled, report.songs.missing) == (len(library.song_ids), [])
    assert (report.tracks.sampled, report.tracks.missing) == (links, [])
    assert (report.hash_check.checked, report.hash_check.mismatched) == (len(library.song_ids), [])
    assert missing_privileges(report) == set()
    assert {column.name for column in report.foreign_schema.extra_columns} == {
        "rating",
        "remark",
        "last_heard",
    }
    assert len(report.foreign_schema.triggers) == 3
    assert report.own_catalog is None
    assert not (tmp_path / "out").exists()


def test_space_is_estimated_from_the_existing_tracks(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    library = build_foreign_library(url, tmp_path, song_count=SONGS)
    report = run_check(url)
    assert report.space is not None
    assert report.counts is not None
    files = list((tmp_path / "splits").rglob("*.mid"))
    blocks = sum(-(-path.stat().st_size // 4096) for path in files)
    left = len(library.song_ids) - report.counts.already_split
    assert report.space.bytes == -(-left * blocks * 4096 // report.counts.already_split)
    assert report.space.files == -(-left * len(files) // report.counts.already_split)
    assert (report.space.free_bytes, report.space.enough) == (None, True)
    assert f"the {len(files):,} tracks of {report.counts.already_split} songs" in report.space.basis
    nearly_full = SimpleNamespace(f_frsize=4096, f_bavail=report.space.bytes // 4096 - 1, f_files=0)
    monkeypatch.setattr(os, "statvfs", lambda _path: nearly_full)
    short = run_check(url, out=str(tmp_path / "out")).space
    assert short is not None
    assert not short.enough


def test_without_tracks_space_is_estimated_from_the_songs(owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"x" * 700, track_count=5)
    owner_library.add_song("b.mid", b"y" * 300, track_count=2)
    owner_library.add_song("c.mid", b"z" * 100, track_count=1)
    space = run_check(owner_library.url, out=str(owner_library.folder / "a" / "b" / "out")).space
    assert space is not None
    block = os.statvfs(owner_library.folder).f_frsize
    assert (space.bytes, space.files) == (1_000 + 7 * block, 7)
    assert space.free_bytes is not None
    assert space.free_bytes > 0


def test_a_folder_of_other_files_is_refused_for_the_result(owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"x")
    with pytest.raises(UsageError, match="holds other files, such as a"):
        run_check(owner_library.url, out=str(owner_library.folder))


def test_another_hash_is_refused_and_named(owner_library: OwnerLibrary) -> None:
    for number in range(3):
        data = b"song %d" % number
        owner_library.add_song(f"{number}.mid", data, hashlib.sha256(data).digest())
    report = run_check(owner_library.url)
    assert not report.ok
    (obstacle,) = report.obstacles
    assert obstacle.startswith("content_hash is not the BLAKE3 of 3 of 3 songs, such as ")
    assert obstacle.endswith(".mid; it is SHA-256.")
    assert str(owner_library.folder) in obstacle


def test_one_song_that_changed_is_refused_too(owner_library: OwnerLibrary) -> None:
    for number in range(3):
        owner_library.add_song(f"{number}.mid", b"song %d" % number)
    (owner_library.folder / "1.mid").write_bytes(b"edited")
    (obstacle,) = run_check(owner_library.url).obstacles
    path = owner_library.folder / "1.mid"
    assert obstacle == f"content_hash is not the BLAKE3 of 1 of 3 songs, such as {path}."


def test_samples_are_bounded(owner_library: OwnerLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "FILE_SAMPLE_SIZE", 6)
    monkeypatch.setattr(preflight, "HASH_SAMPLE_SIZE", 4)
    for number in range(10):
        owner_library.add_song(f"{number}.mid", b"song %d" % number)
    report = run_check(owner_library.url)
    assert (report.songs.sampled, report.hash_check.checked) == (6, 4)
    again = run_check(owner_library.url)
    assert again.songs == report.songs


def test_missing_files_are_listed_and_the_rest_is_digested(owner_library: OwnerLibrary) -> None:
    for number in range(4):
        owner_library.add_track(
            owner_library.add_song(f"{number}.mid", b"song %d" % number),
            0,
            f"s{number}",
            b"split %d" % number,
        )
    for missing in ("1.mid", "s2", "s3"):
        (owner_library.folder / missing).unlink()
    report = run_check(owner_library.url)
    assert report.ok
    assert report.songs.missing == [os.fsencode(owner_library.folder / "1.mid")]
    assert len(report.tracks.missing) == 2
    assert report.hash_check.checked == 3


def test_a_library_that_has_moved_needs_its_paths_mapped(owner_library: OwnerLibrary, tmp_path: Path) -> None:
    owner_library.add_song("lib/a.mid", b"song")
    (tmp_path / "lib").rename(tmp_path / "elsewhere")
    (obstacle,) = run_check(owner_library.url).obstacles
    assert obstacle == "None of the songs in the sample can be read, so no content_hash could be checked."
    assert run_check(owner_library.url, parse_path_map([f"{tmp_path / 'lib'}={tmp_path / 'elsewhere'}"])).ok


def test_a_read_only_role_sees_the_privileges_it_lacks(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", b"song")
    with read_only_role(postgres, owner_library.url) as url:
        report = run_check(url)
    assert report.counts is not None
    assert report.counts.songs == 1
    assert report.hash_check.checked == 1
    assert missing_privileges(report) == {
        "INSERT on files",
        "INSERT on track_splits",
        "USAGE on sequence files_id_seq",
        "USAGE on sequence track_splits_id_seq",
        f"CREATE on database {url.rpartition('/')[2]} (for schema midiprism)",
        "DELETE on files",
        "DELETE on track_splits",
    }
    assert "The role lacks: INSERT on files." in report.obstacles
    assert not any("DELETE" in obstacle for obstacle in report.obstacles)


def test_a_role_with_only_the_needed_privileges_is_enough(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", b"song")
    with read_only_role(postgres, owner_library.url, "SELECT, INSERT ON files, track_splits") as url:
        postgres.psql(
            owner_library.url,
            "GRANT USAGE ON SEQUENCE files_id_seq, track_splits_id_seq TO onlooker;"
            "CREATE SCHEMA midiprism; GRANT USAGE, CREATE ON SCHEMA midiprism TO onlooker",
        )
        report = run_check(url)
    assert report.ok
    assert missing_privileges(report) == {"DELETE on files", "DELETE on track_splits"}


def test_a_role_that_may_not_read_is_an_obstacle(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    with read_only_role(postgres, owner_library.url, "INSERT ON files") as url:
        report = run_check(url)
    assert report.counts is None
    assert "The role lacks: SELECT on files." in report.obstacles


def test_an_unknown_required_column_is_an_obstacle(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", b"song")
    postgres.psql(owner_library.url, "ALTER TABLE track_splits ADD who text NOT NULL")
    assert run_check(owner_library.url).obstacles == [
        "track_splits: no row can be added without who, which has no default."
    ]


def test_unknown_tables_are_not_read(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    postgres.psql(owner_library.url, "ALTER TABLE files DROP COLUMN duration_ticks")
    report = run_check(owner_library.url)
    assert report.obstacles == ["files: the column duration_ticks is missing (bigint)."]
    assert (report.counts, report.space, report.privileges) == (None, None, [])


def test_an_own_catalog_is_reported(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"song")
    open_catalog(PostgresAddress(owner_library.url)).close()
    report = run_check(owner_library.url)
    assert report.own_catalog is not None
    assert report.own_catalog.songs == 0
    assert report.ok
    with read_only_role(postgres, owner_library.url) as url:
        onlooker = run_check(url)
    assert onlooker.own_catalog == (None, None)
    postgres.psql(owner_library.url, "UPDATE midiprism.alembic_version SET version_num = '0000'")
    (obstacle,) = run_check(owner_library.url).obstacles
    assert obstacle.startswith("The catalog in schema midiprism is of version 0000, and this midiprism")


def test_a_preflight_stops_on_request(owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"song")
    stop: Callable[[], bool] = lambda: True  # noqa: E731
    report = run_preflight(PostgresAddress(owner_library.url), PathMap(), stop=stop)
    assert (report.stopped, report.ok, report.counts) == (True, False, None)
