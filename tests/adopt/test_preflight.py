"""A check of another program's library says what taking it over needs, and what is in the way."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.adopt import preflight as adoptable
from midiprism.adopt.preflight import PreflightReport, run_preflight
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


def checked(url: str, paths: PathMap | None = None, out: str | None = None) -> PreflightReport:
    return run_preflight(PostgresAddress(url), paths or PathMap(), out)


def lacking(found: PreflightReport) -> set[str]:
    return {right.name for right in found.rights if not right.granted}


def test_a_library_that_can_be_taken_over(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.new_database()
    library = build_foreign_library(url, tmp_path, song_count=SONGS, extra_columns=True, triggers=True)
    links = int(postgres.psql(url, "SELECT count(*) FROM track_splits"))
    before = postgres.dump(url)
    found = checked(url, out=str(tmp_path / "out"))
    assert postgres.dump(url) == before
    assert found.ok
    assert found.obstacles == []
    assert found.counts is not None
    assert found.counts.songs == len(library.song_ids)
    assert found.counts.already_split == round(0.372 * len(library.song_ids))
    assert found.counts.links == found.counts.tracks == links
    assert found.counts.files == len(list(tmp_path.rglob("*.mid")))
    assert (found.songs.sampled, found.songs.missing) == (len(library.song_ids), [])
    assert (found.tracks.sampled, found.tracks.missing) == (links, [])
    assert (found.hash_check.checked, found.hash_check.mismatched) == (len(library.song_ids), [])
    assert lacking(found) == set()
    assert {column.name for column in found.foreign_schema.extra_columns} == {
        "rating",
        "remark",
        "last_heard",
    }
    assert len(found.foreign_schema.triggers) == 3
    assert found.own_catalog is None
    assert not (tmp_path / "out").exists()


def test_room_is_estimated_from_what_the_splits_take(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    library = build_foreign_library(url, tmp_path, song_count=SONGS)
    found = checked(url)
    assert found.space is not None
    assert found.counts is not None
    files = list((tmp_path / "splits").rglob("*.mid"))
    blocks = sum(-(-path.stat().st_size // 4096) for path in files)
    left = len(library.song_ids) - found.counts.already_split
    assert found.space.bytes == -(-left * blocks * 4096 // found.counts.already_split)
    assert found.space.files == -(-left * len(files) // found.counts.already_split)
    assert (found.space.free_bytes, found.space.enough) == (None, True)
    assert f"the {len(files):,} splits of {found.counts.already_split} songs" in found.space.basis
    monkeypatch.setattr(adoptable, "_free", lambda _out: (found.space.bytes - 1, None, 4096))
    short = checked(url).space
    assert short is not None
    assert not short.enough


def test_without_splits_room_is_estimated_from_the_songs(owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"x" * 700, track_count=5)
    owner_library.add_song("b.mid", b"y" * 300, track_count=2)
    owner_library.add_song("c.mid", b"z" * 100, track_count=1)
    room = checked(owner_library.url, out=str(owner_library.folder / "a" / "b" / "out")).space
    assert room is not None
    block = os.statvfs(owner_library.folder).f_frsize
    assert (room.bytes, room.files) == (1_000 + 7 * block, 7)
    assert room.free_bytes is not None
    assert room.free_bytes > 0


def test_a_folder_of_other_files_is_no_place_for_the_result(owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"x")
    with pytest.raises(UsageError, match="holds other files, such as a"):
        checked(owner_library.url, out=str(owner_library.folder))


def test_another_hash_is_refused_and_named(owner_library: OwnerLibrary) -> None:
    for number in range(3):
        data = b"song %d" % number
        owner_library.add_song(f"{number}.mid", data, hashlib.sha256(data).digest())
    found = checked(owner_library.url)
    assert not found.ok
    (obstacle,) = found.obstacles
    assert obstacle.startswith("content_hash is not the BLAKE3 of 3 of 3 songs, such as ")
    assert obstacle.endswith(".mid; it is SHA-256.")
    assert str(owner_library.folder) in obstacle


def test_one_song_that_changed_is_refused_too(owner_library: OwnerLibrary) -> None:
    for number in range(3):
        owner_library.add_song(f"{number}.mid", b"song %d" % number)
    (owner_library.folder / "1.mid").write_bytes(b"edited")
    (obstacle,) = checked(owner_library.url).obstacles
    path = owner_library.folder / "1.mid"
    assert obstacle == f"content_hash is not the BLAKE3 of 1 of 3 songs, such as {path}."


def test_no_more_songs_are_digested_and_looked_for_than_said(
    owner_library: OwnerLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoptable, "FILE_SAMPLE_SIZE", 6)
    monkeypatch.setattr(adoptable, "HASH_SAMPLE_SIZE", 4)
    for number in range(10):
        owner_library.add_song(f"{number}.mid", b"song %d" % number)
    found = checked(owner_library.url)
    assert (found.songs.sampled, found.hash_check.checked) == (6, 4)
    again = checked(owner_library.url)
    assert again.songs == found.songs


def test_files_that_are_gone_are_named_and_the_rest_is_digested(owner_library: OwnerLibrary) -> None:
    for number in range(4):
        owner_library.add_track(
            owner_library.add_song(f"{number}.mid", b"song %d" % number),
            0,
            f"s{number}",
            b"split %d" % number,
        )
    for gone in ("1.mid", "s2", "s3"):
        (owner_library.folder / gone).unlink()
    found = checked(owner_library.url)
    assert found.ok
    assert found.songs.missing == [os.fsencode(owner_library.folder / "1.mid")]
    assert len(found.tracks.missing) == 2
    assert found.hash_check.checked == 3


def test_a_library_that_has_moved_needs_its_paths_mapped(owner_library: OwnerLibrary, tmp_path: Path) -> None:
    owner_library.add_song("lib/a.mid", b"song")
    (tmp_path / "lib").rename(tmp_path / "elsewhere")
    (obstacle,) = checked(owner_library.url).obstacles
    assert (
        obstacle == "None of the songs in the sample can be read, so that no content_hash could be checked."
    )
    assert checked(owner_library.url, parse_path_map([f"{tmp_path / 'lib'}={tmp_path / 'elsewhere'}"])).ok


def test_a_role_that_may_only_read_sees_what_it_lacks(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", b"song")
    with read_only_role(postgres, owner_library.url) as url:
        found = checked(url)
    assert found.counts is not None
    assert found.counts.songs == 1
    assert found.hash_check.checked == 1
    assert lacking(found) == {
        "INSERT on files",
        "INSERT on track_splits",
        "USAGE on sequence files_id_seq",
        "USAGE on sequence track_splits_id_seq",
        f"CREATE on database {url.rpartition('/')[2]} (for schema midiprism)",
        "DELETE on files",
        "DELETE on track_splits",
    }
    assert "The role lacks: INSERT on files." in found.obstacles
    assert not any("DELETE" in obstacle for obstacle in found.obstacles)


def test_a_role_with_what_it_needs_and_no_more_is_enough(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", b"song")
    with read_only_role(postgres, owner_library.url, "SELECT, INSERT ON files, track_splits") as url:
        postgres.psql(
            owner_library.url,
            "GRANT USAGE ON SEQUENCE files_id_seq, track_splits_id_seq TO onlooker;"
            "CREATE SCHEMA midiprism; GRANT USAGE, CREATE ON SCHEMA midiprism TO onlooker",
        )
        found = checked(url)
    assert found.ok
    assert lacking(found) == {"DELETE on files", "DELETE on track_splits"}


def test_a_role_that_may_not_read_is_told_so(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    with read_only_role(postgres, owner_library.url, "INSERT ON files") as url:
        found = checked(url)
    assert found.counts is None
    assert "The role lacks: SELECT on files." in found.obstacles


def test_a_column_that_must_be_filled_is_in_the_way(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", b"song")
    postgres.psql(owner_library.url, "ALTER TABLE track_splits ADD who text NOT NULL")
    assert checked(owner_library.url).obstacles == [
        "track_splits: no row can be added without who, which has no default."
    ]


def test_tables_of_another_shape_are_not_read(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    postgres.psql(owner_library.url, "ALTER TABLE files DROP COLUMN duration_ticks")
    found = checked(owner_library.url)
    assert found.obstacles == ["files: the column duration_ticks is missing (bigint)."]
    assert (found.counts, found.space, found.rights) == (None, None, [])


def test_a_catalogue_of_ours_is_seen(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"song")
    open_catalog(PostgresAddress(owner_library.url)).close()
    found = checked(owner_library.url)
    assert found.own_catalog is not None
    assert found.own_catalog.songs == 0
    assert found.ok
    with read_only_role(postgres, owner_library.url) as url:
        onlooker = checked(url)
    assert onlooker.own_catalog == (None, None)
    postgres.psql(owner_library.url, "UPDATE midiprism.alembic_version SET version_num = '0000'")
    (obstacle,) = checked(owner_library.url).obstacles
    assert obstacle.startswith("The catalogue in schema midiprism is of version 0000, and this midiprism")


def test_it_ends_when_asked(owner_library: OwnerLibrary) -> None:
    owner_library.add_song("a.mid", b"song")
    stop: Callable[[], bool] = lambda: True  # noqa: E731
    found = run_preflight(PostgresAddress(owner_library.url), PathMap(), stop=stop)
    assert (found.stopped, found.ok, found.counts) == (True, False, None)
