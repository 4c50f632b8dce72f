"""Tests of groups of songs that share titles or tracks."""

from collections import defaultdict
from random import Random

import numpy as np
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from midiprism import split
from midiprism.results.leakage_groups import (
    FOLDS,
    MAX_SONGS_PER_TRACK,
    MIN_NOTES,
    LeakageGroup,
    TrackLinks,
    group_songs,
    hash_titles,
    leakage_group,
)
from midiprism.results.title_key import title_key
from support.sample_songs import sample_songs

Pair = tuple[int, int]


def digest(number: int) -> bytes:
    return blake3(b"%d" % number).digest()


def linked(pairs: list[Pair]) -> TrackLinks:
    return TrackLinks(*np.array(pairs, np.int64).reshape(-1, 2).T)


def grouped(count: int, titles: list[tuple[int, str]], pairs: list[Pair]) -> list[int]:
    keys: list[int] = group_songs(map(digest, range(count)), hash_titles(titles), linked(pairs)).tolist()
    return keys


def parts(keys: list[int]) -> set[frozenset[int]]:
    """Return the songs of each group."""
    found = defaultdict(set)
    for song, key in enumerate(keys):
        found[key].add(song)
    return {frozenset(songs) for songs in found.values()}


def expected_groups(count: int, titles: list[tuple[int, str]], pairs: list[Pair]) -> set[frozenset[int]]:
    """Return the songs of each expected group, by joining sets."""
    holders: dict[object, set[int]] = defaultdict(set)
    for song, track in pairs:
        holders[track].add(song)
    holders = {track: songs for track, songs in holders.items() if len(songs) <= MAX_SONGS_PER_TRACK}
    for song, title in titles:
        if title_key(title):
            holders.setdefault(title_key(title), set()).add(song)
    found = [{song} for song in range(count)]
    for songs in holders.values():
        touching = [group for group in found if group & songs]
        found = [group for group in found if not group & songs] + [set().union(*touching)]
    return {frozenset(songs) for songs in found}


TITLES = ["Yesterday", "yesterday (2)", "Hello World", "Hello World v2", "Track 1", "Other Song", ""]

libraries = st.integers(1, 14).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.sampled_from(TITLES)), max_size=8),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 20)), max_size=25),
    )
)


@settings(max_examples=300, deadline=None)
@given(library=libraries)
def test_songs_that_titles_or_tracks_connect_are_in_one_group(
    library: tuple[int, list[tuple[int, str]], list[Pair]],
) -> None:
    assert parts(grouped(*library)) == expected_groups(*library)


@settings(max_examples=100, deadline=None)
@given(library=libraries, random=st.randoms(use_true_random=False))
def test_keys_do_not_depend_on_the_order(
    library: tuple[int, list[tuple[int, str]], list[Pair]], random: Random
) -> None:
    count, titles, pairs = library
    order = random.sample(range(count), count)  # song i becomes song order[i]
    moved_titles = random.sample([(order[song], title) for song, title in titles], len(titles))
    moved_pairs = random.sample([(order[song], 1_000 - 7 * track) for song, track in pairs], len(pairs))
    digests = [b""] * count
    for song in range(count):
        digests[order[song]] = digest(song)
    keys = grouped(count, titles, pairs)
    moved: list[int] = group_songs(digests, hash_titles(moved_titles), linked(moved_pairs)).tolist()
    assert [moved[order[song]] for song in range(count)] == keys


def test_the_key_is_the_beginning_of_the_smallest_digest() -> None:
    keys = grouped(5, [(1, "Yesterday"), (3, "Yesterday (2)"), (4, "Yesterday")], [])
    assert leakage_group(keys[1]).key == min(digest(song) for song in (1, 3, 4)).hex()[:16]
    assert leakage_group(keys[0]).key == digest(0).hex()[:16]


def test_a_song_of_several_names_connects_them() -> None:
    assert parts(
        grouped(3, [(0, "Yesterday"), (1, "Yesterday"), (1, "Gestern war"), (2, "Gestern war")], [])
    ) == {frozenset({0, 1, 2})}


def test_a_track_of_many_songs_connects_none() -> None:
    few = [(song, 5) for song in range(MAX_SONGS_PER_TRACK)]
    assert len(parts(grouped(MAX_SONGS_PER_TRACK, [], few))) == 1
    many = [(song, 5) for song in range(MAX_SONGS_PER_TRACK + 1)]
    assert len(parts(grouped(MAX_SONGS_PER_TRACK + 1, [], many))) == MAX_SONGS_PER_TRACK + 1


def test_a_track_twice_in_a_song_counts_once() -> None:
    twice = [(song, 5) for song in range(MAX_SONGS_PER_TRACK) for _ in range(2)]
    assert len(parts(grouped(MAX_SONGS_PER_TRACK, [], twice))) == 1


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
    songs = sample_songs()[:600]
    digests = [blake3(song.data).digest() for song in songs]
    contents: dict[bytes, int] = {}
    pairs = [
        (number, contents.setdefault(track.digest, len(contents)))
        for number, song in enumerate(songs)
        for track in split(song.data).tracks
        if track.note_count >= MIN_NOTES
    ]
    titles = [(number, song.path) for number, song in enumerate(songs)]
    by_title = group_songs(digests, hash_titles(titles), linked([])).tolist()
    by_track = group_songs(digests, hash_titles([]), linked(pairs)).tolist()
    assert parts(by_title) == parts(by_track)
    assert 100 < len(parts(by_title)) < 400
