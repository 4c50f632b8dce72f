import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import func, select

from midiprism.catalog import (
    Address,
    BatchRecord,
    Catalog,
    CommitResult,
    KnownSong,
    LinkRecord,
    ProblemRecord,
    SongRecord,
    TrackRecord,
    find_tracks,
    open_catalog,
    open_read_only,
)
from midiprism.catalog.schema import links, metadata
from midiprism.errors import CatalogError
from midiprism.records.batches import make_storable
from support import catalog_access
from support.records import link_record, song_record, track_record

NOW = "2026-01-01T00:00:00+00:00"


def track(number: int, name: str | None = "Lead", notes: int = 5) -> TrackRecord:
    return track_record(number.to_bytes(32), name=name, note_count=notes)


def link(content: TrackRecord, number: int = 0) -> LinkRecord:
    return link_record(content, track_number=number)


def song(path: bytes, digest: int | None, *links: LinkRecord, outcome: str | None = "split") -> SongRecord:
    key = None if digest is None else digest.to_bytes(32)
    return song_record(path, key, *links, outcome=outcome)


def batch(*songs: SongRecord) -> BatchRecord:
    return BatchRecord.from_songs(songs, seconds=0.5)


def commit(catalog: Catalog, run: int, record: BatchRecord) -> CommitResult:
    if catalog.newest_run() is None:
        catalog.begin_run({}, NOW)
    (committed,) = catalog.commit(run, [record], NOW)
    return committed


sqlite_only = pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)


@pytest.fixture
def address(tmp_path: Path, catalog_backend: str) -> Address:
    """Return an address for a new catalog, in a file or in PostgreSQL."""
    return catalog_access.catalog_address(tmp_path)


def count(path: Address, table: str) -> int:
    number: int
    with open_read_only(path) as catalog, catalog.read_transaction() as connection:
        (number,) = connection.execute(select(func.count()).select_from(metadata.tables[table])).one()
    return number


def counts(path: Address) -> dict[str, int]:
    tables = ("songs", "song_paths", "tracks", "links", "batches")
    return {table: count(path, table) for table in tables}


def test_the_disk_usage_includes_the_write_ahead_log(address: Address) -> None:
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(*(song(b"/%d.mid" % n, n, link(track(n))) for n in range(1, 2_000))))
        disk_bytes = catalog.local_disk_bytes()
        before = os.path.getsize(address) if isinstance(address, str) else 0
    if isinstance(address, str):
        assert disk_bytes == os.path.getsize(address) > before
    else:
        assert disk_bytes == 0


def test_a_batch_is_recorded_completely(address: Address) -> None:
    one, two = track(1), track(2)
    with open_catalog(address) as catalog:
        run = catalog.begin_run({"by": "auto"}, NOW)
        committed = commit(
            catalog,
            run,
            batch(song(b"/a.mid", 1, link(one), link(two, 1)), song(b"/b.mid", 2, link(one))),
        )
    assert (committed.links, committed.tracks_new, committed.paths_of_known_songs) == (3, 2, 0)
    assert committed.outcomes == {"split": 2}
    assert counts(address) == {"songs": 2, "song_paths": 2, "tracks": 2, "links": 3, "batches": 1}


def test_two_identical_tracks_of_one_song_are_two_links(address: Address) -> None:
    with open_catalog(address) as catalog:
        content = track(1)
        committed = commit(catalog, 1, batch(song(b"/a.mid", 1, link(content), link(content, 1))))
    assert (committed.links, committed.tracks_new) == (2, 1)


@pytest.mark.parametrize("number", [15, 16, 17, 40])
def test_any_number_of_links_is_recorded_in_order(address: Address, number: int) -> None:
    contents = [track(1), track(2), track(3, name=None)]
    linked = [link(contents[index % 3], index) for index in range(number)]
    with open_catalog(address) as catalog:
        commit(catalog, catalog.begin_run({}, NOW), batch(song(b"/a.mid", 1, *linked)))
        found = [(it.position, it.track_number, it.track_id) for it in catalog.fetch_all(select(links))]
        ids = catalog.run_in_transaction(lambda: catalog.select_track_ids(it.digest for it in contents))
    expected = [(index, index, ids[contents[index % 3].digest]) for index in range(number)]
    assert sorted(found) == expected


def test_ids_continue_after_the_catalog_is_reopened(address: Address) -> None:
    for number in range(3):
        with open_catalog(address) as catalog:
            catalog.begin_run({}, NOW)
            commit(catalog, 1, batch(song(b"/%d.mid" % number, number, link(track(number)))))
    assert counts(address)["tracks"] == 3
    assert count(address, "runs") == 3


def test_tracks_have_the_id_of_the_run_that_added_them(address: Address) -> None:
    with open_catalog(address) as catalog:
        runs = [catalog.begin_run({}, NOW) for _ in range(2)]
        for number, run in enumerate((*runs, *runs)):
            commit(catalog, run, batch(song(b"/%d.mid" % number, number, link(track(number)))))
    with open_read_only(address) as catalog, catalog.read_transaction() as connection:
        table = metadata.tables["tracks"]
        columns = (table.c.digest, table.c.run_id, table.c.shard_id, table.c.shard_row)
        found = connection.execute(select(*columns).order_by(table.c.digest)).all()
    assert [tuple(row) for row in found] == [
        (number.to_bytes(32), runs[number % 2], None, None) for number in range(4)
    ]


def test_a_known_song_only_gets_another_path(address: Address) -> None:
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(song(b"/b.mid", 1, link(track(1)))))
        committed = commit(catalog, 1, batch(song(b"/a.mid", 1, outcome=None)))
        assert (committed.paths_of_known_songs, committed.outcomes.total()) == (1, 0)
        (row,) = find_tracks(catalog.connection)
    assert row.song_path == b"/a.mid", "the bytewise smallest path names the song, whichever was seen first"
    assert counts(address)["song_paths"] == 2


def test_a_song_that_another_batch_recorded_is_not_recorded_again(address: Address) -> None:
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(song(b"/a.mid", 1, link(track(1)))))
        committed = commit(catalog, 1, batch(song(b"/b.mid", 1, link(track(1)))))
    assert (committed.paths_of_known_songs, committed.links) == (1, 0)
    assert counts(address)["links"] == 1


def test_known_paths_songs_and_tracks_are_queried_in_bulk(address: Address) -> None:
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(*(song(b"/%d" % n, n, link(track(n))) for n in range(1200))))
        paths = catalog.known_paths(b"/5", 400)
        assert list(paths) == sorted(b"/%d" % n for n in range(1200) if b"/%d" % n >= b"/5")[:400]
        assert paths[b"/7"] == (10, 20)
        assert len(catalog.known_songs(n.to_bytes(32) for n in range(1100, 1300))) == 100
        assert catalog.known_songs([bytes(32)])[bytes(32)] == KnownSong(1, "split", 1, 1)
        assert catalog.known_tracks([(5).to_bytes(32), (9999).to_bytes(32)]) == {(5).to_bytes(32)}
        assert catalog.known_paths(b"0", 9) == {}


def test_an_unreadable_song_is_replaced_once_it_can_be_read(address: Address) -> None:
    unreadable = SongRecord(
        b"/a.mid", 1, "a", 10, 20, None, "unreadable", problems=(ProblemRecord("permission", "No."),)
    )
    with open_catalog(address) as catalog:
        for _ in range(2):
            commit(catalog, 1, batch(unreadable))
            assert catalog.known_paths(b"/a.mid", 1) == {b"/a.mid": (None, None)}
        assert count(address, "songs") == 1
        commit(catalog, 1, batch(song(b"/a.mid", 1)))
    assert count(address, "songs") == 1
    assert count(address, "song_paths") == 1


def test_a_path_with_new_content_no_longer_names_the_old_song(address: Address) -> None:
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(song(b"/a.mid", 1, link(track(1, "old")))))
        commit(catalog, 1, batch(song(b"/a.mid", 2, link(track(2, "new")))))
        assert [row.link.name for row in find_tracks(catalog.connection)] == ["new"]
    assert count(address, "songs") == 2


def test_a_commit_that_fails_leaves_nothing_and_the_next_one_works(address: Address) -> None:
    good = song(b"/a.mid", 1, link(track(1)))
    with open_catalog(address) as catalog:
        with pytest.raises(CatalogError, match="has lost a song"):
            commit(catalog, 1, batch(good, song(b"/b.mid", 9, outcome=None)))
        assert set(counts(address).values()) == {0}
        commit(catalog, 1, batch(good))
    assert counts(address)["tracks"] == 1


def test_text_that_a_database_refuses_is_made_storable(address: Address) -> None:
    odd = track(1, make_storable("nul\0 lone\ud800"))
    record = song(b"/\xff\xfe.mid", 1, link(odd))
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(record))
        (row,) = find_tracks(catalog.connection)
    assert row.link.name == "nul\ufffd lone\ufffd"
    assert row.song_path == b"/\xff\xfe.mid"
    assert row.song_name == "\ufffd\ufffd"


def test_only_the_last_run_decides_whether_runs_ended_cleanly(address: Address) -> None:
    with open_catalog(address) as catalog:
        assert not catalog.last_run_ended_cleanly()
        run = catalog.begin_run({}, NOW)
        assert not catalog.last_run_ended_cleanly()
        catalog.end_run(run, "interrupted", {"tracks": 1}, NOW)
        assert catalog.last_run_ended_cleanly()
        catalog.begin_run({}, NOW)
        catalog.end_run(catalog.begin_run({}, NOW), "done", {}, NOW)
        assert catalog.last_run_ended_cleanly(), "only the last run matters: what came before was swept"
        catalog.end_run(catalog.begin_run({}, NOW), "stopped", {}, NOW)
        assert not catalog.last_run_ended_cleanly()


def test_a_catalog_of_another_version_is_refused(tmp_path: Path, address: Address) -> None:
    open_catalog(address).close()
    catalog_access.execute(tmp_path, "UPDATE alembic_version SET version_num = '999'")
    for opening in (open_catalog, open_read_only):
        with pytest.raises(CatalogError, match="version 999"):
            opening(address)


@sqlite_only
def test_a_file_that_is_not_a_catalog_is_refused_and_unchanged(address: str) -> None:
    Path(address).write_bytes(b"my diary" * 100)
    for opening in (open_catalog, open_read_only):
        with pytest.raises(CatalogError, match="cannot be used"):
            opening(address)
    assert Path(address).read_bytes() == b"my diary" * 100


@sqlite_only
def test_a_database_of_another_program_is_refused_and_unchanged(address: str) -> None:
    connection = sqlite3.connect(address)
    connection.execute("CREATE TABLE diary (day)")
    connection.close()
    before = Path(address).read_bytes()
    for opening in (open_catalog, open_read_only):
        with pytest.raises(CatalogError, match="not a catalog"):
            opening(address)
    assert Path(address).read_bytes() == before


@sqlite_only
def test_reading_does_not_create_a_missing_catalog(address: str) -> None:
    with pytest.raises(CatalogError, match="does not exist"):
        open_read_only(address)
    assert not Path(address).exists()


def test_a_catalog_opened_for_reading_cannot_be_written(address: Address) -> None:
    open_catalog(address).close()
    with (
        open_read_only(address) as catalog,
        catalog.interruptible(lambda: True),  # otherwise it waits for a server that is a standby
        pytest.raises(CatalogError, match=r"read.?only"),
    ):
        catalog.begin_run({}, NOW)


@sqlite_only
def test_a_catalog_in_a_read_only_folder_can_be_read(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(song(b"/a.mid", 1, link(track(1)))))
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    with open_read_only(address) as catalog:
        assert len(list(find_tracks(catalog.connection))) == 1
    assert [file.name for file in Path(address).parent.iterdir()] == ["catalog.sqlite"]


def test_a_path_with_odd_characters_is_opened(tmp_path: Path) -> None:
    odd = str(tmp_path / "a?b#c%20\udcff.sqlite")
    open_catalog(odd).close()
    open_read_only(odd).close()
    assert len(list(tmp_path.iterdir())) == 1


def test_source_metadata_of_a_song_is_kept_until_its_file_changes(address: Address) -> None:
    def stored_metadata(catalog: Catalog) -> str | None:
        with catalog.read_transaction() as connection:
            found: str | None = connection.scalar(select(metadata.tables["song_paths"].c.source_metadata))
            return found

    described = song(b"/a.mid", 1, link(track(1)))._replace(source_metadata='{"genre": "polka"}')
    with open_catalog(address) as catalog:
        commit(catalog, 1, batch(described))
        commit(catalog, 1, batch(song(b"/a.mid", 1, outcome=None)))
        assert stored_metadata(catalog) == '{"genre": "polka"}', "who reads it again need not know"
        commit(catalog, 1, batch(described._replace(source_metadata='{"genre": "waltz"}', outcome=None)))
        assert stored_metadata(catalog) == '{"genre": "waltz"}'
        commit(catalog, 1, batch(song(b"/a.mid", 2, link(track(2)))._replace(mtime_ns=21)))
        assert stored_metadata(catalog) is None
