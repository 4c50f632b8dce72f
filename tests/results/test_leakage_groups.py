"""Tests of groups of songs that share titles or tracks."""

from collections import defaultdict
from collections.abc import Collection
from random import Random

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midiprism import split
from midiprism.results import leakage_groups
from midiprism.results.leakage_groups import (
    FOLDS,
    MAX_GROUPS,
    MAX_SONGS_PER_FOLDER,
    MAX_TITLES_PER_SONG,
    MIN_NOTES,
    LeakageGroup,
    NoteHashes,
    group_songs,
    hash_titles,
    joined_prefixes,
    leakage_group,
    prefix_numbers,
)
from midiprism.results.title_key import folder_title_keys, title_keys
from support.nightly import NIGHTLY
from support.sample_songs import sample_songs

Pair = tuple[int, int]
Title = tuple[int, str]


def digest(number: int) -> bytes:
    return blake3(b"%d" % number).digest()


def hashed(pairs: list[Pair]) -> NoteHashes:
    return NoteHashes(*np.array(pairs, np.int64).reshape(-1, 2).T)


def grouped(count: int, titles: list[Title], pairs: list[Pair], silent: Collection[int] = ()) -> list[int]:
    has_tracks = np.array([song not in silent for song in range(count)], bool)
    keys: list[int] = group_songs(
        prefix_numbers(joined_prefixes(map(digest, range(count)))),
        has_tracks,
        hash_titles(titles),
        hashed(pairs),
    ).tolist()
    return keys


def parts(keys: list[int]) -> set[frozenset[int]]:
    """Return the songs of each group."""
    found = defaultdict(set)
    for song, key in enumerate(keys):
        found[key].add(song)
    return {frozenset(songs) for songs in found.values()}


def keys_of(title: str) -> list[tuple[str, str | None]]:
    (key,) = title_keys([title])
    return list(folder_title_keys(title)) if key is None else [(key, None)]


def expected_groups(
    count: int, titles: list[Title], pairs: list[Pair], silent: Collection[int] = ()
) -> set[frozenset[int]]:
    """Return the songs of each expected group, by joining sets."""
    keys = [(song, *key) for song, title in titles if song not in silent for key in keys_of(title)]
    holders: dict[object, set[int]] = defaultdict(set)
    for song, note_hash in pairs:
        holders[note_hash].add(song)
    for song, key, folder in keys:
        in_folder = {other for other, _, name in keys if name == folder}
        titles_of_song = {
            it
            for other, it, name in keys
            if other == song and (name is None or name not in collections(keys))
        }
        if (folder is None or len(in_folder) <= leakage_groups.MAX_SONGS_PER_FOLDER) and len(
            titles_of_song
        ) <= leakage_groups.MAX_TITLES_PER_SONG:
            holders[key].add(song)
    groups = [{song} for song in range(count)]
    most = leakage_groups.MAX_GROUPS
    groups = joined(groups, [songs for songs in holders.values() if len(songs) <= most])
    wide = [songs for songs in holders.values() if len(songs) > most]
    few = [songs for songs in wide if sum(bool(group & songs) for group in groups) <= most]
    return {frozenset(songs) for songs in joined(groups, few)}


def collections(keys: list[tuple[int, str, str | None]]) -> set[str | None]:
    """Return the folders that have more songs than one song has versions."""
    songs: dict[str | None, set[int]] = defaultdict(set)
    for song, _, folder in keys:
        songs[folder].add(song)
    return {it for it, in_it in songs.items() if it and len(in_it) > leakage_groups.MAX_SONGS_PER_FOLDER}


def joined(groups: list[set[int]], sets: list[set[int]]) -> list[set[int]]:
    """Return the groups after those that a set touches became one."""
    for songs in sets:
        touching = [group for group in groups if group & songs]
        groups = [group for group in groups if not group & songs] + [set().union(*touching)]
    return groups


TITLES = [
    *("Yesterday", "yesterday (2)", "Hello World", "Hello World v2", "Track 1", "Other Song", ""),
    *("Yesterday/1", "Yesterday/versions/2", "a/7/7", "a/7/old/7-v2", "a/8/8", "b/7/7", "9", "Yesterday/3"),
]

libraries = st.integers(1, 14).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.sampled_from(TITLES)), max_size=16),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 20)), max_size=25),
        st.sets(st.integers(0, count - 1), max_size=2),
    )
)
Library = tuple[int, list[Title], list[Pair], set[int]]


@pytest.fixture
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limits, so that small libraries exceed them."""
    monkeypatch.setattr(leakage_groups, "MAX_GROUPS", 3)
    monkeypatch.setattr(leakage_groups, "MAX_SONGS_PER_FOLDER", 2)
    monkeypatch.setattr(leakage_groups, "MAX_TITLES_PER_SONG", 2)


@settings(max_examples=300 if NIGHTLY else 100, deadline=None)
@given(library=libraries)
def test_songs_that_titles_or_notes_connect_are_in_one_group(library: Library) -> None:
    assert parts(grouped(*library)) == expected_groups(*library)


@pytest.mark.usefixtures("low_limits")
@settings(
    max_examples=300 if NIGHTLY else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(library=libraries)
def test_what_exceeds_a_limit_connects_nothing(library: Library) -> None:
    assert parts(grouped(*library)) == expected_groups(*library)


@settings(max_examples=100, deadline=None)
@given(library=libraries, random=st.randoms(use_true_random=False))
def test_keys_do_not_depend_on_the_order(library: Library, random: Random) -> None:
    count, titles, pairs, silent = library
    order = random.sample(range(count), count)  # song i becomes song order[i]
    moved_titles = random.sample([(order[song], title) for song, title in titles], len(titles))
    moved_pairs = random.sample([(order[song], 1_000 - 7 * track) for song, track in pairs], len(pairs))
    has_tracks = np.array([song not in {order[it] for it in silent} for song in range(count)], bool)
    digests = [b""] * count
    for song in range(count):
        digests[order[song]] = digest(song)
    keys = grouped(*library)
    moved = group_songs(
        prefix_numbers(joined_prefixes(digests)), has_tracks, hash_titles(moved_titles), hashed(moved_pairs)
    ).tolist()
    assert [moved[order[song]] for song in range(count)] == keys


def test_the_key_is_the_beginning_of_the_smallest_digest() -> None:
    keys = grouped(5, [(1, "Yesterday"), (3, "Yesterday (2)"), (4, "Yesterday")], [])
    assert leakage_group(keys[1]).key == min(digest(song) for song in (1, 3, 4)).hex()[:16]
    assert leakage_group(keys[0]).key == digest(0).hex()[:16]


def test_a_song_of_several_names_connects_them() -> None:
    assert parts(
        grouped(3, [(0, "Yesterday"), (1, "Yesterday"), (1, "Gestern war"), (2, "Gestern war")], [])
    ) == {frozenset({0, 1, 2})}


def test_notes_of_many_songs_connect_none() -> None:
    few = [(song, 5) for song in range(MAX_GROUPS)]
    assert len(parts(grouped(MAX_GROUPS, [], few))) == 1
    many = [(song, 5) for song in range(MAX_GROUPS + 1)]
    assert len(parts(grouped(MAX_GROUPS + 1, [], many))) == MAX_GROUPS + 1


def test_a_title_of_many_songs_connects_none() -> None:
    many = [(song, "Yesterday") for song in range(MAX_GROUPS + 1)]
    assert len(parts(grouped(MAX_GROUPS + 1, many, [], silent=[0]))) == 2
    assert len(parts(grouped(MAX_GROUPS + 1, many, []))) == MAX_GROUPS + 1


def test_many_songs_count_as_few_groups_where_they_share_something_else() -> None:
    count = MAX_GROUPS + 1
    titles = [(song, "Yesterday") for song in range(count)]
    assert len(parts(grouped(count, titles, [(0, 5), (1, 5)]))) == 1


@pytest.mark.parametrize("names", [3, 132])
def test_a_content_without_tracks_connects_none_of_its_names(names: int) -> None:
    titles = [f"Song {chr(97 + number // 26)}{chr(97 + number % 26)} of mine" for number in range(names)]
    junk = [(0, title) for title in titles]
    pairs = [(1 + 2 * number + copy, title) for number, title in enumerate(titles) for copy in (0, 1)]
    groups = parts(grouped(1 + 2 * names, junk + pairs, [], silent=[0]))
    assert sorted(map(len, groups)) == [1] + [2] * names


def test_a_content_of_many_titles_connects_none_of_them() -> None:
    names = [f"Song about {word * 4}" for word in "abcdefghijk"]
    for count, groups in ((MAX_TITLES_PER_SONG, 1), (MAX_TITLES_PER_SONG + 1, MAX_TITLES_PER_SONG + 2)):
        titles = [(0, name) for name in names[:count]] + [*enumerate(names[:count], 1)]
        assert len(parts(grouped(count + 1, titles, []))) == groups


def test_numbered_songs_of_a_folder_are_versions_unless_they_are_many() -> None:
    few = [(song, f"Yesterday/{song}") for song in range(MAX_SONGS_PER_FOLDER)]
    assert len(parts(grouped(MAX_SONGS_PER_FOLDER, few, []))) == 1
    many = [(song, f"Yesterday/{song}") for song in range(MAX_SONGS_PER_FOLDER + 1)]
    assert len(parts(grouped(MAX_SONGS_PER_FOLDER + 1, many, []))) == MAX_SONGS_PER_FOLDER + 1


def test_a_song_is_found_in_a_folder_by_its_number() -> None:
    """As in POP909, and where the songs of all folders lie in one."""
    nested = ["POP909/001/001", "POP909/001/versions/001-v1", "POP909/002/002", "POP909/002/versions/002-v1"]
    assert parts(grouped(4, [*enumerate(nested)], [])) == {frozenset({0, 1}), frozenset({2, 3})}
    flat = [f"all/{number:03}{version}" for number in range(20) for version in ("", "-v1", "-v2")]
    assert parts(grouped(60, [*enumerate(flat)], [])) == {
        frozenset({first, first + 1, first + 2}) for first in range(0, 60, 3)
    }


def test_a_track_twice_in_a_song_counts_once() -> None:
    twice = [(song, 5) for song in range(MAX_GROUPS) for _ in range(2)]
    assert len(parts(grouped(MAX_GROUPS, [], twice))) == 1


def test_a_long_chain_is_one_group() -> None:
    count = 5_000
    order = Random(1).sample(range(count), count)
    links = [(order[at + side], at) for at in range(count - 1) for side in (0, 1)]
    assert len(set(grouped(count, [], links))) == 1


def test_a_library_without_songs_has_no_groups() -> None:
    assert grouped(0, [], []) == []


def test_the_folds_of_many_groups_are_of_similar_size() -> None:
    counts = [0] * FOLDS
    for number in range(5_000):
        counts[leakage_group(int.from_bytes(digest(number)[:8], "big")).fold] += 1
    assert min(counts) > 400
    assert max(counts) < 600


def test_a_fold_never_changes() -> None:
    assert leakage_group(0) == LeakageGroup("0000000000000000", 2)
    assert leakage_group(0xFEDCBA9876543210) == LeakageGroup("fedcba9876543210", 0)


def test_versions_of_sample_songs_are_found_by_titles_and_by_tracks_alike() -> None:
    songs = sample_songs(600)
    digests = [blake3(song.data).digest() for song in songs]
    pairs = [
        (number, track.note_hash)
        for number, song in enumerate(songs)
        for track in split(song.data).tracks
        if track.note_count >= MIN_NOTES
    ]
    titles = [(number, song.path) for number, song in enumerate(songs)]
    has_tracks = np.ones(len(songs), bool)
    by_title = group_songs(
        prefix_numbers(joined_prefixes(digests)), has_tracks, hash_titles(titles), hashed([])
    ).tolist()
    by_track = group_songs(
        prefix_numbers(joined_prefixes(digests)), has_tracks, hash_titles([]), hashed(pairs)
    ).tolist()
    assert parts(by_title) == parts(by_track)
    assert 100 < len(parts(by_title)) < 400
