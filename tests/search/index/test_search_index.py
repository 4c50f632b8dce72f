"""Tests of what an index of several segments finds, and of the windows that pages show of it."""

from pathlib import Path

import pytest

from midiprism.catalog import BatchRecord, open_catalog
from midiprism.catalog.reader import open_reader
from midiprism.results.result_dir import catalog_path
from midiprism.search.index import update
from midiprism.search.index.search_index import SearchIndex
from midiprism.search.index.update import open_index
from midiprism.search.parse_query import parse_query
from support.index_checks import NOW, make_result
from support.records import link_record, song_record, track_record

DEEP = 1_001  # more rows than are put in order by themselves


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchIndex:
    """Return an index of two segments with one song each, whose paths differ behind a byte 0xFF."""
    monkeypatch.setattr(update, "SMALLEST_TIER_LINKS", 1)
    out = make_result(tmp_path / "out")
    address = catalog_path(str(out))
    for number, path in enumerate((b"/\xff2.mid", b"/\xff1.mid")):
        with open_catalog(address) as catalog:
            links = [link_record(track_record(bytes([notes] * 32), note_count=notes)) for notes in range(5)]
            song = song_record(path, number.to_bytes(32, "big"), *links, song_name="Same")
            run = catalog.begin_run({}, NOW)
            catalog.commit(run, [BatchRecord.from_songs([song])], NOW)
        with open_reader(address) as reader:
            generation = open_index(str(out), address, reader).generation
    assert generation is not None
    assert len(generation.segments) == 2
    return SearchIndex(generation)


@pytest.mark.parametrize("query", ["", "sort:song", "sort:song-,notes"])
def test_deep_windows_have_the_order_of_the_first_rows(index: SearchIndex, query: str) -> None:
    matches = index.search(parse_query(query))
    assert len(matches) == 10
    assert matches.window(0, 10) == matches.window(0, DEEP) == [*matches.first()]


@pytest.mark.parametrize("query", ["", "sort:notes-", "sort:song,key", "notes:9999.. sort:notes"])
def test_a_window_may_have_no_rows(index: SearchIndex, query: str) -> None:
    matches = index.search(parse_query(query))
    assert matches.window(0, 0) == [*matches.first(0)] == []
