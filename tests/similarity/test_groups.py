"""Tests of the groups in the catalog: what they are, that they grow, and that nothing is left half done."""

from pathlib import Path

import pytest

from midiprism.api import open_result
from midiprism.catalog.reader import open_reader
from midiprism.errors import InUseError, NotGroupedError
from midiprism.results.identity import StoreKind
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import open_catalog_of
from midiprism.results.song_groups import read_song_groups
from midiprism.search.find import open_search
from midiprism.search.one_per_group import one_per_group
from midiprism.search.parse_query import parse_query
from midiprism.search.query import Query
from midiprism.similarity import groups as groups_module
from support import catalog_access
from support.index_checks import assert_index_equals_scan
from support.melodies import TRANSFORMATIONS, make_melody, ornamented, transposed
from support.removals import forget
from support.similar_results import address_of, group, song_groups, split_melodies, track_groups

STORES: tuple[StoreKind, ...] = ("files", "parquet")
FIRST, SECOND, THIRD = (ornamented(make_melody(seed)) for seed in (1, 2, 3))
LIBRARY = {
    "first": [FIRST, make_melody(10)],
    "first in D": [transposed(FIRST, 2)],
    "second": [SECOND],
    "alone": [make_melody(20)],
}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.usefixtures("catalog_backend")
def test_groups_grow_with_the_library(tmp_path: Path, store: StoreKind) -> None:
    out = split_melodies(tmp_path, LIBRARY, store)
    counts = group(out)
    assert (counts.tracks_added, counts.tracks_changed, counts.songs_changed) == (5, 2, 2)
    assert track_groups(out) == [["first", "first in D"]]
    assert song_groups(out) == [{"first", "first in D"}]
    again = group(out)
    assert (again.tracks_added, again.tracks_changed, again.songs_changed) == (0, 0, 0)
    split_melodies(tmp_path, {"second, wrong": [TRANSFORMATIONS["3 % of notes wrong"](SECOND)]}, store)
    split_melodies(tmp_path, {"first, short": [FIRST[:70]]}, store)
    counts = group(out)
    assert (counts.tracks_added, counts.tracks_changed, counts.songs_changed) == (2, 3, 3)
    assert track_groups(out) == [["first", "first in D", "first, short"], ["second", "second, wrong"]]


def test_growing_gives_the_groups_of_all_at_once(tmp_path: Path) -> None:
    songs = {
        f"{seed} {name}": [change(ornamented(make_melody(seed)))]
        for seed in range(4)
        for name, change in TRANSFORMATIONS.items()
    }
    whole = split_melodies(tmp_path / "whole", songs)
    group(whole)
    for name, melodies in songs.items():
        out = split_melodies(tmp_path / "parts", {name: melodies})
        if name.endswith(("e", "s")):
            group(out)
    group(out)
    assert track_groups(out) == track_groups(whole)
    assert len(track_groups(out)) == 4


def test_another_threshold_groups_all_anew(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [FIRST], "b": [TRANSFORMATIONS["3 % of notes wrong"](FIRST)]})
    assert group(out).tracks_changed == 2
    counts = group(out, 0.95)
    assert (counts.threshold, counts.tracks_changed) == (0.95, 2)
    assert track_groups(out) == []
    assert group(out).threshold == 0.95
    group(out, 0.15)
    assert track_groups(out) == [["a", "b"]]


def test_removed_tracks_leave_their_groups(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, {"a": [FIRST], "b": [transposed(FIRST, 1)], "c": [transposed(FIRST, 2)]})
    group(out)
    forget(out, "a")
    group(out)
    assert track_groups(out) == [["b", "c"]]
    forget(out, "b")
    group(out)
    assert track_groups(out) == []
    assert song_groups(out) == []


@pytest.mark.parametrize("name", ["set_groups", "record_change"])
def test_a_killed_grouping_leaves_the_groups_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out = split_melodies(tmp_path, LIBRARY)
    group(out)
    split_melodies(tmp_path, {"second in D": [transposed(SECOND, 2)]})

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(groups_module, name, die)
        with pytest.raises(KeyboardInterrupt):
            group(out)
    assert track_groups(out) == [["first", "first in D"]]
    group(out)
    assert track_groups(out) == [["first", "first in D"], ["second", "second in D"]]


def test_a_grouping_that_is_stopped_at_any_time_leaves_the_groups_of_before(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, LIBRARY)
    for allowed in (0, 1, 2, 3, 5, 20, 60, 100, 1_000):
        calls = iter(range(allowed))
        counts = group(out, stop=lambda calls=calls: next(calls, None) is None)
        if counts.whole:
            break
        assert track_groups(out) == []
    assert counts.whole
    assert track_groups(out) == [["first", "first in D"]]


def test_no_groups_are_written_while_a_run_is_active(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, LIBRARY)
    with lock_exclusive(str(out)), pytest.raises(InUseError):
        group(out)


@pytest.mark.usefixtures("catalog_backend")
def test_queries_know_groups_and_like(tmp_path: Path) -> None:
    import random

    out = split_melodies(tmp_path, LIBRARY)
    group(out)
    address = catalog_access.postgres_address(out)
    with open_search(str(out), address) as search:
        rows = [*search.tracks(parse_query("has:similar_track_group"))]
        assert {row.song_name for row in rows} == {"first", "first in D"}
        number = rows[0].track.similar_track_group
        assert search.count(parse_query(f"similar_track_group:{number}")) == 2
        like = parse_query(f"like:{rows[0].track.digest.hex()[:12]} -song:D")
        assert [row.song_name for row in search.tracks(like)] == ["first"]
        assert search.page(like, 5).total == 1
    assert_index_equals_scan(out, random.Random(1), queries=10)


def test_one_track_of_each_group_is_kept(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, LIBRARY | {"copy": [transposed(FIRST, 2)]})
    with open_search(str(out)) as search, pytest.raises(NotGroupedError):
        next(one_per_group(search, str(out), Query(), None))
    group(out)
    with open_search(str(out)) as search:
        kept = [row.song_name for row in one_per_group(search, str(out), Query(), None)]
        assert kept == ["alone", "copy", "first", "second"]
        assert len([*one_per_group(search, str(out), Query(), 2)]) == 2


def test_a_data_set_has_one_track_of_each_group(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, LIBRARY)
    result = open_result(out)
    with pytest.raises(NotGroupedError):
        result.export_data_set(tmp_path / "early", one_per_group=True)
    group(out)
    assert result.export_data_set(tmp_path / "all").tracks == 5
    done = result.export_data_set(tmp_path / "one of each", one_per_group=True)
    assert (done.tracks, done.links) == (4, 4)


def test_similar_songs_are_in_one_fold(tmp_path: Path) -> None:
    out = split_melodies(tmp_path, LIBRARY)

    def keys() -> list[int]:
        with open_catalog_of(str(out), None) as catalog, catalog.read_transaction() as connection:
            return read_song_groups(connection).keys.tolist()  # type: ignore[no-any-return]

    assert len(set(keys())) == 4
    group(out)
    assert len(set(keys())) == 3


def test_the_first_of_a_group_has_the_most_links_then_notes(tmp_path: Path) -> None:
    from midiprism.catalog.queries.similar_groups import similar_tracks

    songs = {
        "a": [FIRST],
        "b": [transposed(FIRST, 2)],
        "c": [transposed(FIRST, 2), THIRD],
        "d": [FIRST[:100]],
    }
    out = split_melodies(tmp_path, songs)
    group(out)
    with open_reader(address_of(out)) as reader:
        (found,) = similar_tracks(reader)
    assert [track.links for track in found.members] == [2, 1, 1]
    assert found.members[1].note_count > found.members[2].note_count
