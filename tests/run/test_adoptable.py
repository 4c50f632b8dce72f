"""A check of another program's library says what taking it over needs, and what is in the way."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.errors import UsageError
from midiprism.library.pathmap import PathMap, path_map
from midiprism.run import adoptable
from midiprism.run.adoptable import Adoptable, check_library
from support.foreign import build
from support.owned import Owned, reader
from support.postgres import Server

SONGS = 60


@pytest.fixture
def owned(postgres: Server, tmp_path: Path) -> Owned:
    return Owned.new(postgres, tmp_path)


def checked(url: str, paths: PathMap | None = None, out: str | None = None) -> Adoptable:
    return check_library(PostgresAddress(url), paths or PathMap(), out)


def lacking(found: Adoptable) -> set[str]:
    return {right.name for right in found.rights if not right.held}


def test_a_library_that_can_be_taken_over(postgres: Server, tmp_path: Path) -> None:
    url = postgres.new_database()
    library = build(url, tmp_path, songs=SONGS, columns=True, triggers=True)
    links = int(postgres.psql(url, "SELECT count(*) FROM track_splits"))
    before = postgres.dump(url)
    found = checked(url, out=str(tmp_path / "out"))
    assert postgres.dump(url) == before
    assert found.ok
    assert found.obstacles == []
    assert found.counts is not None
    assert found.counts.parents == len(library.parents)
    assert found.counts.begun == round(0.372 * len(library.parents))
    assert found.counts.links == found.counts.splits == links
    assert found.counts.files == len(list(tmp_path.rglob("*.mid")))
    assert (found.songs.sampled, found.songs.missing) == (len(library.parents), [])
    assert (found.splits.sampled, found.splits.missing) == (links, [])
    assert (found.hashes.checked, found.hashes.wrong) == (len(library.parents), [])
    assert lacking(found) == set()
    assert {column.name for column in found.shape.further} == {"rating", "remark", "last_heard"}
    assert len(found.shape.triggers) == 3
    assert found.own is None
    assert not (tmp_path / "out").exists()


def test_room_is_estimated_from_what_the_splits_take(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    library = build(url, tmp_path, songs=SONGS)
    found = checked(url)
    assert found.room is not None
    assert found.counts is not None
    files = list((tmp_path / "splits").rglob("*.mid"))
    blocks = sum(-(-path.stat().st_size // 4096) for path in files)
    left = len(library.parents) - found.counts.begun
    assert found.room.bytes == -(-left * blocks * 4096 // found.counts.begun)
    assert found.room.files == -(-left * len(files) // found.counts.begun)
    assert (found.room.free_bytes, found.room.enough) == (None, True)
    assert f"the {len(files):,} splits of {found.counts.begun} songs" in found.room.basis
    monkeypatch.setattr(adoptable, "_free", lambda _out: (found.room.bytes - 1, None, 4096))
    short = checked(url).room
    assert short is not None
    assert not short.enough


def test_without_splits_room_is_estimated_from_the_songs(owned: Owned) -> None:
    owned.song("a.mid", b"x" * 700, tracks=5)
    owned.song("b.mid", b"y" * 300, tracks=2)
    owned.song("c.mid", b"z" * 100, tracks=1)
    room = checked(owned.url, out=str(owned.folder / "a" / "b" / "out")).room
    assert room is not None
    block = os.statvfs(owned.folder).f_frsize
    assert (room.bytes, room.files) == (1_000 + 7 * block, 7)
    assert room.free_bytes is not None
    assert room.free_bytes > 0


def test_a_folder_of_other_files_is_no_place_for_the_result(owned: Owned) -> None:
    owned.song("a.mid", b"x")
    with pytest.raises(UsageError, match="holds other files, such as a"):
        checked(owned.url, out=str(owned.folder))


def test_another_hash_is_refused_and_named(owned: Owned) -> None:
    for number in range(3):
        data = b"song %d" % number
        owned.song(f"{number}.mid", data, hashlib.sha256(data).digest())
    found = checked(owned.url)
    assert not found.ok
    (obstacle,) = found.obstacles
    assert obstacle.startswith("content_hash is not the BLAKE3 of 3 of 3 songs, such as ")
    assert obstacle.endswith(".mid; it is SHA-256.")
    assert str(owned.folder) in obstacle


def test_one_song_that_changed_is_refused_too(owned: Owned) -> None:
    for number in range(3):
        owned.song(f"{number}.mid", b"song %d" % number)
    (owned.folder / "1.mid").write_bytes(b"edited")
    (obstacle,) = checked(owned.url).obstacles
    path = owned.folder / "1.mid"
    assert obstacle == f"content_hash is not the BLAKE3 of 1 of 3 songs, such as {path}."


def test_no_more_songs_are_digested_and_looked_for_than_said(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoptable, "LOOKED_FOR", 6)
    monkeypatch.setattr(adoptable, "DIGESTED", 4)
    for number in range(10):
        owned.song(f"{number}.mid", b"song %d" % number)
    found = checked(owned.url)
    assert (found.songs.sampled, found.hashes.checked) == (6, 4)
    again = checked(owned.url)
    assert again.songs == found.songs


def test_files_that_are_gone_are_named_and_the_rest_is_digested(owned: Owned) -> None:
    for number in range(4):
        owned.split(owned.song(f"{number}.mid", b"song %d" % number), 0, f"s{number}", b"split %d" % number)
    for gone in ("1.mid", "s2", "s3"):
        (owned.folder / gone).unlink()
    found = checked(owned.url)
    assert found.ok
    assert found.songs.missing == [os.fsencode(owned.folder / "1.mid")]
    assert len(found.splits.missing) == 2
    assert found.hashes.checked == 3


def test_a_library_that_has_moved_needs_its_paths_mapped(owned: Owned, tmp_path: Path) -> None:
    owned.song("lib/a.mid", b"song")
    (tmp_path / "lib").rename(tmp_path / "elsewhere")
    (obstacle,) = checked(owned.url).obstacles
    assert (
        obstacle == "None of the songs in the sample can be read, so that no content_hash could be checked."
    )
    assert checked(owned.url, path_map([f"{tmp_path / 'lib'}={tmp_path / 'elsewhere'}"])).ok


def test_a_role_that_may_only_read_sees_what_it_lacks(postgres: Server, owned: Owned) -> None:
    owned.song("a.mid", b"song")
    with reader(postgres, owned.url) as url:
        found = checked(url)
    assert found.counts is not None
    assert found.counts.parents == 1
    assert found.hashes.checked == 1
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


def test_a_role_with_what_it_needs_and_no_more_is_enough(postgres: Server, owned: Owned) -> None:
    owned.song("a.mid", b"song")
    with reader(postgres, owned.url, "SELECT, INSERT ON files, track_splits") as url:
        postgres.psql(
            owned.url,
            "GRANT USAGE ON SEQUENCE files_id_seq, track_splits_id_seq TO onlooker;"
            "CREATE SCHEMA midiprism; GRANT USAGE, CREATE ON SCHEMA midiprism TO onlooker",
        )
        found = checked(url)
    assert found.ok
    assert lacking(found) == {"DELETE on files", "DELETE on track_splits"}


def test_a_role_that_may_not_read_is_told_so(postgres: Server, owned: Owned) -> None:
    with reader(postgres, owned.url, "INSERT ON files") as url:
        found = checked(url)
    assert found.counts is None
    assert "The role lacks: SELECT on files." in found.obstacles


def test_a_column_that_must_be_filled_is_in_the_way(postgres: Server, owned: Owned) -> None:
    owned.song("a.mid", b"song")
    postgres.psql(owned.url, "ALTER TABLE track_splits ADD who text NOT NULL")
    assert checked(owned.url).obstacles == [
        "track_splits: no row can be added without who, which has no default."
    ]


def test_tables_of_another_shape_are_not_read(postgres: Server, owned: Owned) -> None:
    postgres.psql(owned.url, "ALTER TABLE files DROP COLUMN duration_ticks")
    found = checked(owned.url)
    assert found.obstacles == ["files: the column duration_ticks is missing (bigint)."]
    assert (found.counts, found.room, found.rights) == (None, None, [])


def test_a_catalogue_of_ours_is_seen(postgres: Server, owned: Owned) -> None:
    owned.song("a.mid", b"song")
    open_catalog(PostgresAddress(owned.url)).close()
    found = checked(owned.url)
    assert found.own is not None
    assert found.own.parents == 0
    assert found.ok
    with reader(postgres, owned.url) as url:
        onlooker = checked(url)
    assert onlooker.own == (None, None)
    postgres.psql(owned.url, "UPDATE midiprism.alembic_version SET version_num = '0000'")
    (obstacle,) = checked(owned.url).obstacles
    assert obstacle.startswith("The catalogue in schema midiprism is of version 0000, and this midiprism")


def test_it_ends_when_asked(owned: Owned) -> None:
    owned.song("a.mid", b"song")
    stop: Callable[[], bool] = lambda: True  # noqa: E731
    found = check_library(PostgresAddress(owned.url), PathMap(), stop=stop)
    assert (found.stopped, found.ok, found.counts) == (True, False, None)
