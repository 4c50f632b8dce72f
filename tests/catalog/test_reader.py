"""Tests of reading a catalog by its driver alone: one snapshot, the usual errors, whatever can be written."""

import os
from pathlib import Path

import pytest

from midiprism.catalog import Address, BatchRecord, PostgresAddress, open_catalog
from midiprism.catalog.errors import OutdatedCatalogError
from midiprism.catalog.queries.index_rows import catalog_state, commits
from midiprism.catalog.reader import open_reader
from midiprism.errors import CatalogError
from support import catalog_access
from support.records import link_record, song_record, track_record

pytestmark = pytest.mark.usefixtures("catalog_backend")


@pytest.fixture
def address(tmp_path: Path) -> Address:
    address = catalog_access.catalog_address(tmp_path)
    with open_catalog(address) as catalog:
        catalog.begin_run({}, "2026-01-01")
    return address


def commit_song(address: Address, name: str) -> None:
    song = song_record(f"/{name}.mid".encode(), name.encode().ljust(32), link_record(track_record()))
    with open_catalog(address) as catalog:
        catalog.commit(1, [BatchRecord.from_songs([song])], "2026-01-01")


def test_a_snapshot_does_not_change_and_every_commit_gives_another_state(address: Address) -> None:
    states = set()
    for name in "abc":
        with open_reader(address) as reader:
            before = catalog_state(reader)
            commit_song(address, name)
            assert catalog_state(reader) == before
            states.add(before)
    with open_reader(address) as reader:
        states.add(catalog_state(reader))
        assert [commit.changed_songs is None for commit in commits(reader)] == [False] * 3
    assert len(states) == 4


def test_rows_of_a_stream_may_be_read_while_another_is_open(address: Address) -> None:
    for name in "abc":
        commit_song(address, name)
    statement = "SELECT path FROM {song_paths} WHERE path > ? ORDER BY path"
    with open_reader(address) as reader:
        first = next(reader.stream(statement, [b"/a.mid"]))
        assert [row[0] for row in first] == [b"/b.mid", b"/c.mid"]
        assert reader.fetch(statement, [b"/b.mid"]) == [(b"/c.mid",)]


def test_a_statement_that_fails_is_an_error_of_the_catalog(address: Address) -> None:
    with open_reader(address) as reader, pytest.raises(CatalogError, match="cannot be used"):
        reader.fetch("SELECT mood FROM {tracks}")


def test_a_catalog_of_another_version_is_refused(tmp_path: Path, address: Address) -> None:
    catalog_access.execute(tmp_path, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(OutdatedCatalogError), open_reader(address):
        pass


def test_a_catalog_in_a_folder_that_cannot_be_written_is_read(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(address, PostgresAddress):
        pytest.skip("it is in no folder")
    commit_song(address, "a")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with open_reader(address) as reader:
        assert reader.fetch("SELECT song_name FROM {song_paths}") == [("a",)]
    with pytest.raises(CatalogError, match="does not exist"), open_reader(f"{address}-elsewhere"):
        pass
