"""Tests of an index that is kept while its catalog changes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from midiprism.catalog.queries.found_rows import found_rows
from midiprism.catalog.reader import open_reader
from midiprism.results.result_dir import catalog_path
from midiprism.search.live_index import LiveIndex
from midiprism.search.query import Query
from support.fake_songs import BASS, PIANO, fake_song, write_files
from support.removals import forget
from support.runs import run_split


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS + "b")})


def count(live: LiveIndex, out: Path) -> int:
    with open_reader(catalog_path(str(out))) as reader:
        return len(live.current(reader).index.search(Query()))


def test_the_same_index_answers_until_the_catalog_changes(tmp_path: Path, songs: Path) -> None:
    out = tmp_path / "out"
    run_split(songs, out)
    live = LiveIndex(str(out), catalog_path(str(out)), follows_at_once=True)
    with open_reader(catalog_path(str(out))) as reader:
        first = live.current(reader)
        assert live.current(reader) is first
    write_files(songs, {"c.mid": fake_song(PIANO + "c")})
    run_split(songs, out)
    with open_reader(catalog_path(str(out))) as reader:
        second = live.current(reader)
    assert second is not first
    assert (len(first.index.search(Query())), len(second.index.search(Query()))) == (3, 4)


def test_right_after_a_refresh_an_older_index_answers_with_rows_that_are_there(
    tmp_path: Path, songs: Path
) -> None:
    out = tmp_path / "out"
    run_split(songs, out)
    live = LiveIndex(str(out), catalog_path(str(out)))
    assert count(live, out) == 3
    forget(out, "a")
    with open_reader(catalog_path(str(out))) as reader:
        matches = live.current(reader).index.search(Query())
        rows = [*found_rows(reader, matches.first())]
    assert [row.song_name for row in rows] == ["b"]


def test_an_index_of_an_earlier_state_is_never_kept(tmp_path: Path, songs: Path) -> None:
    out = tmp_path / "out"
    run_split(songs, out)
    saved = Path(catalog_path(str(out))).read_bytes()
    write_files(songs, {"c.mid": fake_song(PIANO + "c")})
    run_split(songs, out)
    live = LiveIndex(str(out), catalog_path(str(out)))
    assert count(live, out) == 4
    Path(catalog_path(str(out))).write_bytes(saved)  # put back from a backup
    assert count(live, out) == 3


def test_an_index_that_must_be_refreshed_first_is_not_at_hand(tmp_path: Path, songs: Path) -> None:
    out = tmp_path / "out"
    run_split(songs, out)
    live = LiveIndex(str(out), catalog_path(str(out)), follows_at_once=True)
    with open_reader(catalog_path(str(out))) as reader:
        assert live.at_hand(reader) is None
        assert live.current(reader) is live.at_hand(reader)
    write_files(songs, {"c.mid": fake_song(PIANO + "c")})
    run_split(songs, out)
    with open_reader(catalog_path(str(out))) as reader:
        assert live.at_hand(reader) is None
        assert live.current(reader) is live.at_hand(reader)


def test_threads_that_ask_at_once_get_one_index(tmp_path: Path, songs: Path) -> None:
    out = tmp_path / "out"
    run_split(songs, out)
    live = LiveIndex(str(out), catalog_path(str(out)), follows_at_once=True)

    def ask(_number: int) -> int:
        with open_reader(catalog_path(str(out))) as reader:
            return id(live.current(reader).index)

    with ThreadPoolExecutor(8) as threads:
        assert len({*threads.map(ask, range(40))}) == 1
