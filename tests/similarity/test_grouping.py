"""Tests of grouping: candidates, checks, and what is connected."""

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from midiprism.similarity import grouping
from midiprism.similarity.collection import Collection
from midiprism.similarity.fingerprints import Fingerprinter
from midiprism.similarity.grouping import LEADER_SHARE, VERY_SIMILAR, Comparer, connect, group_tracks
from midiprism.similarity.groups import MAX_SONGS, group_songs
from midiprism.similarity.segment import NewTracks, Segment, build_segment
from support.melodies import TRANSFORMATIONS, Melody, Note, make_melody, ornamented, split_melody

THRESHOLD = 0.15


def collection_of(melodies: Sequence[Melody], *, segments: int = 1, drums: bool = False) -> Collection:
    """Return the fingerprints of melodies, whose ids count from 1."""
    lines = [Fingerprinter().lines([split_melody(melody)], [drums]) for melody in melodies]
    parts = [
        NewTracks(np.array([at + 1], np.int64), np.array([at], np.uint64), line)
        for at, line in enumerate(lines)
    ]
    size = -(-len(parts) // segments)
    return Collection(Segment(build_segment(parts[at : at + size])) for at in range(0, len(parts), size))


def groups_of(prints: Collection, threshold: float = THRESHOLD) -> list[int]:
    roots = np.arange(len(prints))
    group_tracks(prints, roots, threshold=threshold)
    found: list[int] = roots.tolist()
    return found


def test_every_transformation_is_in_the_group_of_its_melody() -> None:
    melodies: list[Melody] = []
    for seed in range(8):
        played = ornamented(make_melody(seed))
        melodies += [played, *(change(played) for change in TRANSFORMATIONS.values())]
    size = 1 + len(TRANSFORMATIONS)
    roots = groups_of(collection_of(melodies, segments=3))
    assert roots == [at // size * size for at in range(len(melodies))]


def test_a_higher_threshold_connects_less() -> None:
    played = ornamented(make_melody(1))
    prints = collection_of([played, TRANSFORMATIONS["3 % of notes wrong"](played), played])
    assert groups_of(prints) == [0, 0, 0]
    assert groups_of(prints, 0.95) == [0, 1, 0]


def one_after_the_other(first: Melody, second: Melody) -> Melody:
    end = first[-1].onset + first[-1].length
    return [*first, *(it._replace(onset=it.onset + end) for it in second)]


def test_a_long_chain_is_not_one_group() -> None:
    parts = [make_melody(seed, notes=60) for seed in range(11)]
    chain = [one_after_the_other(*pair) for pair in pairwise(parts)]
    groups = groups_of(collection_of(chain))
    assert 3 <= len(set(groups)) < len(chain)


def test_a_track_joins_the_group_of_a_very_similar_one_if_it_is_half_as_similar_to_the_first() -> None:
    start, middle, end = (make_melody(seed, notes=60) for seed in (1, 2, 3))
    first, second = one_after_the_other(start, middle), one_after_the_other(middle, end)
    tail = [it._replace(onset=it.onset - middle[40].onset) for it in middle[40:]]
    part = one_after_the_other(tail, end)
    prints = collection_of([first, second, part])
    scores = Comparer(prints.take_lines).compare(np.array([0, 1]), np.array([2, 2])).scores
    assert LEADER_SHARE * THRESHOLD <= scores[0] < THRESHOLD
    assert scores[1] >= VERY_SIMILAR
    roots = np.array([0, 0, 2])
    group_tracks(prints, roots, first_new=2)
    assert roots.tolist() == [0, 0, 0]


def test_few_phrases_in_common_link_only_what_is_nearly_equal() -> None:
    short, other = make_melody(1, notes=34), make_melody(2, notes=34)
    moved = [it._replace(onset=it.onset + short[17].onset - other[17].onset) for it in other[17:]]
    assert groups_of(collection_of([short, short])) == [0, 0]
    assert groups_of(collection_of([short, [*short[:17], *moved]])) == [0, 1]


def test_short_and_repetitive_tracks_are_in_no_group() -> None:
    figure = [Note(at * 240, 100, (60, 64, 67, 72)[at % 4]) for at in range(400)]
    assert groups_of(collection_of([make_melody(1, notes=12)] * 2)) == [0, 1]
    assert groups_of(collection_of([figure] * 2)) == [0, 1]


def test_the_same_phrases_in_another_order_are_other_music() -> None:
    rng = random.Random(5)
    melody = make_melody(1, notes=400)
    bars = [melody[at : at + 8] for at in range(0, 400, 8)]
    rng.shuffle(bars)
    mixed, onset = [], 0
    for bar in bars:
        mixed += [it._replace(onset=it.onset - bar[0].onset + onset) for it in bar]
        onset = mixed[-1].onset + mixed[-1].length
    prints = collection_of([melody, mixed])
    found = Comparer(prints.take_lines).compare(np.array([0]), np.array([1]))
    assert found.similarities[0] > THRESHOLD > found.orders[0]
    assert groups_of(prints) == [0, 1]


def test_drums_are_in_no_group_with_other_tracks() -> None:
    melody = make_melody(1)
    drums, piano = (Fingerprinter().lines([split_melody(melody)], [is_drums]) for is_drums in (True, False))
    parts = [
        NewTracks(np.array([at], np.int64), np.array([at], np.uint64), line)
        for at, line in enumerate((drums, piano, drums), 1)
    ]
    assert groups_of(Collection([Segment(build_segment(parts))])) == [0, 1, 0]


@pytest.mark.parametrize("most_marked", [0, 1 << 13])
def test_new_tracks_are_compared_with_all_and_old_ones_not_again(
    monkeypatch: pytest.MonkeyPatch, most_marked: int
) -> None:
    monkeypatch.setattr(grouping, "_MOST_MARKED", most_marked)
    first, second = make_melody(1), make_melody(2)
    prints = collection_of([first, second, first, second, first])
    roots = np.arange(5)
    group_tracks(prints, roots, first_new=4)
    assert roots.tolist() == [0, 1, 0, 3, 0]


def test_a_large_family_is_one_group() -> None:
    rng = random.Random(6)
    played = make_melody(3)
    family = [[it._replace(pitch=it.pitch + (rng.random() < 0.02)) for it in played] for _ in range(60)]
    assert set(groups_of(collection_of(family))) == {0}


def test_a_stopped_grouping_ends() -> None:
    prints = collection_of([make_melody(1)] * 2)
    roots = np.arange(2)
    group_tracks(prints, roots, stop=lambda: True)
    assert roots.tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_connected_rows_have_the_smallest_row_as_their_root(seed: int) -> None:
    rng = random.Random(seed)
    pairs = [(rng.randrange(60), rng.randrange(60)) for _ in range(40)]
    roots = np.arange(60)
    connect(roots, *np.array(pairs).T)
    expected = list(range(60))
    for _ in range(60):
        for one, other in pairs:
            expected[one] = expected[other] = min(expected[one], expected[other])
    assert roots.tolist() == expected


def test_songs_that_share_a_track_are_a_group() -> None:
    links = np.array([(1, 10), (2, 11), (3, 12), (3, 13), (4, 14)])
    ids, keys = np.array([10, 11, 12, 13, 14]), np.array([10, 10, 12, 14, 14])
    assert group_songs(links, ids, keys).tolist() == [[1, 1], [2, 1], [3, 3], [4, 3]]


def test_what_many_songs_share_joins_none() -> None:
    links = np.array([(song, 1) for song in range(MAX_SONGS + 1)] + [(0, 2), (1, 2)])
    assert group_songs(links, np.array([1, 2]), np.array([1, 2])).tolist() == [[0, 0], [1, 0]]
    assert len(group_songs(links[1:], np.array([1, 2]), np.array([1, 2]))) == MAX_SONGS + 1


def test_no_tracks_are_in_no_group() -> None:
    assert groups_of(Collection([])) == []
    assert not len(group_songs(np.empty((0, 2), np.int64), np.empty(0, np.int64), np.empty(0, np.int64)))
