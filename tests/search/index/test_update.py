"""Tests of updates of the index: what they read, what they leave, what happens where they cannot write."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from sqlalchemy import select

from midiprism.catalog import utc_now
from midiprism.catalog.changed_ids import parse_ids
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.reader import open_reader
from midiprism.catalog.schema import batches, links
from midiprism.catalog.schema import tracks as catalog_tracks
from midiprism.results.background import run_inline
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import catalog_path
from midiprism.search.find import open_search
from midiprism.search.index import update
from midiprism.search.index.generation import Generation, index_folder, read_generation, remove_index
from midiprism.search.index.search_index import SearchIndex
from midiprism.search.index.update import index_in_memory, open_index
from midiprism.search.parse_query import parse_query
from midiprism.search.query import Query
from midiprism.search.upkeep import update_search_index
from support.index_checks import ChangingCatalog, make_result
from support.kill_points import KILLED_EXIT_CODE, count_points, find_write_points, run_killed_at
from support.nightly import every

T = TypeVar("T")

QUERIES = [
    *map(parse_query, ("", "bass", "notes:1.. sort:bpm-", "-a sort:song-,key", "shared:2..", "key:Dm~"))
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return make_result(tmp_path / "out")


@pytest.fixture
def changing(out: Path) -> ChangingCatalog:
    return ChangingCatalog.of_seed(out, 1)


def opened(out: Path) -> Generation:
    with open_reader(catalog_path(str(out))) as reader:
        generation = open_index(str(out), catalog_path(str(out)), reader).generation
    assert generation is not None
    return generation


def answers(generation: Generation) -> list[object]:
    index = SearchIndex(generation)
    found = [index.search(query) for query in QUERIES]
    return [([*matches.first()], matches.facets(("family", "key", "source"))) for matches in found]


def rebuilt(out: Path) -> Generation:
    with open_reader(catalog_path(str(out))) as reader:
        return index_in_memory(reader)


def files_of(out: Path) -> set[str]:
    return {name for name in os.listdir(index_folder(str(out))) if name.endswith(".columns")}


def test_an_index_that_followed_many_changes_equals_one_that_is_made_from_nothing(
    out: Path, changing: ChangingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update, "SMALLEST_TIER_LINKS", 4)
    for _ in range(40):
        changing.change()
        followed = opened(out)
        assert answers(followed) == answers(rebuilt(out))
        assert len(followed.segments) < 12
        assert files_of(out) == {segment.name for segment in followed.segments}


def songs_of_last_commit(changing: ChangingCatalog) -> set[int]:
    """Return the ids of the songs that it recorded, and of those that have a track that got facts by it."""
    with changing.open() as catalog:
        columns = (batches.c.changed_songs, batches.c.changed_tracks)
        (row,) = catalog.fetch_all(select(*columns).order_by(batches.c.id.desc()).limit(1))
        changed_songs, changed_tracks = (ids_in(text or "") for text in row)
        query = select(links.c.song_id).where(links.c.track_id.in_(changed_tracks))
        return changed_songs | {song_id for (song_id,) in catalog.fetch_all(query)}


def dead_songs(index: Generation) -> int:
    """Return how many songs of segments are in a later one."""
    return sum(len(segment.dead_songs) for segment in index.segments)


def ids_in(text: str) -> set[int]:
    return {number for first, last in parse_ids(text) for number in range(first, last + 1)}


def test_an_update_reads_only_the_songs_that_have_changed(out: Path, changing: ChangingCatalog) -> None:
    for _ in range(20):
        changing.add()
    before = opened(out)
    changing.add()
    after = opened(out)
    assert [segment.name for segment in after.segments[:-1]] == [segment.name for segment in before.segments]
    assert sorted(after.segments[-1].columns["songs.id"]) == sorted(songs_of_last_commit(changing))
    changing.move()
    moved = opened(out)
    assert len(moved.segments[-1].columns["songs.id"]) == 1
    assert dead_songs(moved) == dead_songs(after) + 1


def test_an_index_that_is_up_to_date_is_not_written(out: Path, changing: ChangingCatalog) -> None:
    changing.add()
    opened(out)
    before = {entry.name: entry.stat() for entry in os.scandir(index_folder(str(out)))}
    opened(out)
    assert {entry.name: entry.stat() for entry in os.scandir(index_folder(str(out)))} == before


def test_a_commit_that_may_have_changed_any_song_makes_the_index_anew(
    out: Path, changing: ChangingCatalog
) -> None:
    changing.add()
    before = opened(out)
    with changing.open() as catalog:
        catalog.run_in_transaction(lambda: record_change(catalog, 1, utc_now()))
    assert {one.name for one in opened(out).segments}.isdisjoint(one.name for one in before.segments)


def test_songs_whose_tracks_got_facts_are_read_again(out: Path, changing: ChangingCatalog) -> None:
    for _ in range(5):
        changing.add()
    before = opened(out)
    with changing.open() as catalog:

        def set_facts() -> None:
            changed = catalog_tracks.update().where(catalog_tracks.c.id.in_([1, 3])).values(role="pad")
            catalog.connection.execute(changed)
            record_change(catalog, 1, utc_now(), (), changed_tracks=[1, 3], seconds=1.0)

        catalog.run_in_transaction(set_facts)
    after = opened(out)
    assert [one.name for one in after.segments[:-1]] == [one.name for one in before.segments]
    assert answers(after) == answers(rebuilt(out))
    (key,) = [SearchIndex(after).search(parse_query("role:pad")).facets(["role"])]
    assert key[0].counts[0].value == "pad"


def lose_all(out: Path) -> None:
    assert remove_index(str(out))


def lose_a_segment(out: Path) -> None:
    os.unlink(os.path.join(index_folder(str(out)), min(files_of(out))))


def cut_a_segment_off(out: Path) -> None:
    os.truncate(os.path.join(index_folder(str(out)), min(files_of(out))), 100)


def damage_the_pointer(out: Path) -> None:
    Path(index_folder(str(out)), "current").write_bytes(b"midiprism index\n" + bytes(100))


DAMAGES = [lose_all, lose_a_segment, cut_a_segment_off, damage_the_pointer]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_or_damaged_index_is_made_anew(
    out: Path, changing: ChangingCatalog, damage: Callable[[Path], None]
) -> None:
    changing.add()
    expected = answers(opened(out))
    damage(out)
    assert answers(opened(out)) == expected
    assert read_generation(index_folder(str(out))) is not None


@pytest.mark.parametrize("many", [0, 50_000])
def test_a_long_build_is_announced_and_an_update_is_not(
    out: Path, changing: ChangingCatalog, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(update, "MANY_SONGS", many)
    announced: list[str] = []
    for _ in range(2):
        changing.add()
        with open_search(str(out), None, lambda: announced.append("build")):
            pass
    assert announced == ["build"] * (many == 0)


@pytest.mark.parametrize("is_changed_meanwhile", [False, True])
def test_another_process_makes_a_half_of_a_large_index(
    out: Path, changing: ChangingCatalog, monkeypatch: pytest.MonkeyPatch, is_changed_meanwhile: bool
) -> None:
    for _ in range(6):
        changing.add()
    monkeypatch.setattr(update, "MANY_SONGS", 0)
    monkeypatch.setattr(update, "FEW_LINKS", 4)
    monkeypatch.setattr(update, "MAX_SEGMENT_LINKS", 9)
    with open_reader(catalog_path(str(out))) as reader:
        expected = answers(index_in_memory(reader))
        if is_changed_meanwhile:
            changing.add()
        generation = update.update_index(str(out), catalog_path(str(out)), reader).generation
    assert generation is not None
    assert len(generation.segments) > 3
    assert answers(generation) == expected
    assert files_of(out) == {segment.name for segment in generation.segments}


def test_a_run_has_a_half_of_what_is_new_made_in_the_background(
    out: Path, changing: ChangingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing.add()
    opened(out)
    for _ in range(6):
        changing.add()
    started: list[str] = []

    def in_background(function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        started.append(function.__name__)
        return run_inline(function, *arguments)

    address = catalog_path(str(out))
    for few, expected_work in [(10**6, []), (4, ["make_segment_files"])]:
        monkeypatch.setattr(update, "FEW_LINKS", few)
        changing.add()
        with open_reader(address) as reader:
            generation = update.update_index(
                str(out), address, reader, in_background=in_background
            ).generation
            expected = answers(index_in_memory(reader))
        assert generation is not None
        assert answers(generation) == expected
        assert started == expected_work
        for _ in range(3):
            changing.add()


def test_facts_that_come_before_any_song_is_found_are_no_error(out: Path, changing: ChangingCatalog) -> None:
    assert opened(out).segments == []
    with changing.open() as catalog:
        catalog.run_in_transaction(
            lambda: record_change(catalog, 1, utc_now(), (), changed_tracks=[5], seconds=1.0)
        )
    assert opened(out).segments == []


def test_an_index_of_other_columns_is_made_anew(
    out: Path, changing: ChangingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing.add()
    opened(out)
    monkeypatch.setattr("midiprism.search.index.generation.SIGNATURE", [["tracks.mood", True]])
    assert read_generation(index_folder(str(out))) is None


def test_a_catalog_that_was_put_back_from_a_backup_gets_another_index(
    out: Path, changing: ChangingCatalog, tmp_path: Path
) -> None:
    changing.add()
    shutil.copy(catalog_path(str(out)), tmp_path / "backup")
    changing.add()
    opened(out)
    shutil.copy(tmp_path / "backup", catalog_path(str(out)))
    assert answers(opened(out)) == answers(rebuilt(out))
    changing.add()
    assert answers(opened(out)) == answers(rebuilt(out))


def test_a_reader_keeps_its_generation_while_others_follow(out: Path, changing: ChangingCatalog) -> None:
    changing.add()
    before = opened(out)
    expected = answers(before)
    with changing.open() as catalog:
        catalog.run_in_transaction(lambda: record_change(catalog, 1, utc_now()))
    changing.add()
    opened(out)
    assert not os.path.exists(os.path.join(index_folder(str(out)), before.segments[0].name))
    assert answers(before) == expected


def test_a_search_during_an_update_reads_what_is_new_into_memory(
    out: Path, changing: ChangingCatalog
) -> None:
    changing.add()
    opened(out)
    changing.add()
    with lock_exclusive(index_folder(str(out))):
        with open_search(str(out)) as search:
            assert search.obstacle is None
            assert len([*search.tracks(Query())]) == search.count(Query())
        assert answers(opened(out)) == answers(rebuilt(out))
    assert not any(name.endswith(".tmp") for name in os.listdir(index_folder(str(out))))


@pytest.mark.parametrize("was_made_before", [False, True])
def test_without_a_place_for_the_index_a_search_finds_the_same(
    out: Path, changing: ChangingCatalog, was_made_before: bool
) -> None:
    changing.add()
    if was_made_before:
        opened(out)
        changing.add()
        Path(index_folder(str(out)), ".midiprism.lock").unlink()
        Path(index_folder(str(out)), ".midiprism.lock").mkdir()
    else:
        Path(index_folder(str(out))).write_text("in the way")
    expected = rebuilt(out)
    with open_search(str(out)) as search:
        assert search.obstacle is not None
        keys = [(row.song_id, row.link.track_number) for row in search.tracks(Query())]
        assert len(keys) == len([*SearchIndex(expected).search(Query()).first()])
        assert search.finds_any(parse_query("-zzzz"))
        assert search.count(Query()) == len(keys)
        assert search.facets(Query(), ["family"]) == SearchIndex(expected).search(Query()).facets(["family"])
        assert search.missing_facts()[1] >= search.missing_facts()[0]


def test_a_snapshot_before_the_newest_generation_is_searched_in_memory(
    out: Path, changing: ChangingCatalog
) -> None:
    changing.add()
    with open_reader(catalog_path(str(out))) as reader:
        expected = answers(index_in_memory(reader))
        changing.add()
        newest = opened(out)
        assert open_index(str(out), catalog_path(str(out)), reader).generation is None
        assert answers(index_in_memory(reader)) == expected
    kept = read_generation(index_folder(str(out)))
    assert kept is not None
    assert kept.state == newest.state


def test_songs_of_more_than_a_segment_are_divided(
    out: Path, changing: ChangingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        changing.add()
    expected = answers(rebuilt(out))
    monkeypatch.setattr(update, "MAX_SEGMENT_LINKS", 7)
    generation = opened(out)
    assert len(generation.segments) > 3
    assert answers(generation) == expected
    ids = np.concatenate([segment.columns["songs.id"] for segment in generation.segments])
    assert len(ids) == len(set(ids.tolist()))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes")
@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
@pytest.mark.parametrize("is_new", [False, True], ids=["update", "build"])
def test_an_update_killed_at_any_write_leaves_the_next_search_right(
    tmp_path: Path, torn: bool, is_new: bool
) -> None:
    def prepare(folder: Path) -> tuple[Path, Callable[[], str]]:
        out = make_result(folder)
        changing = ChangingCatalog.of_seed(out, 2)
        for _ in range(4):
            changing.add()
        if not is_new:
            opened(out)
        changing.forget()
        changing.move()
        changing.add()

        def work() -> str:
            update_search_index(str(out), catalog_path(str(out)))
            return "done"

        return out, work

    _, work = prepare(tmp_path / "whole")
    points = find_write_points(work) if torn else [*range(1, count_points(work) + 1)]
    assert len(points) >= (2 if torn else 10)
    for kill_at in every(1 if torn else 3, points):
        killed, task = prepare(tmp_path / f"{kill_at}")
        assert run_killed_at(task, killed, kill_at, tear_write=torn) == KILLED_EXIT_CODE
        assert answers(opened(killed)) == answers(rebuilt(killed))
        assert not any(name.endswith(".tmp") for name in os.listdir(index_folder(str(killed))))
