"""Tests of the random numbers of sample songs: reproducible, fair, independent."""

from collections import Counter

import numpy as np
import pytest

from midiprism.sample.rng import Rng, fill_random_words, seed_stream_from_python


def test_a_stream_never_changes() -> None:
    rng = Rng(1, 2, 3, 4)
    assert [rng.randrange(1000) for _ in range(8)] == [962, 983, 478, 210, 210, 583, 515, 733]


def test_compiled_and_plain_python_draw_the_same_numbers() -> None:
    compiled, plain = np.zeros(2, np.int64), np.zeros(2, np.int64)
    words, plain_words = np.zeros(20, np.int64), np.zeros(20, np.int64)
    seed_stream_from_python(compiled, 2**32 - 1, 2**32 - 1, 9, 2**32 - 1)
    seed_stream_from_python(plain, 2**32 - 1, 2**32 - 1, 9, 2**32 - 1)
    fill_random_words(compiled, words)
    fill_random_words.python_function(plain, plain_words)
    assert words.tolist() == plain_words.tolist()


@pytest.mark.parametrize("stop", [2, 3, 7, 100])
def test_every_number_is_drawn_about_as_often(stop: int) -> None:
    rng = Rng(0, 0, 1, 0)
    counts = Counter(rng.randrange(stop) for _ in range(20_000))
    assert set(counts) == set(range(stop))
    assert max(counts.values()) - min(counts.values()) < 8 * (20_000 / stop) ** 0.5


def test_streams_with_neighbouring_names_differ() -> None:
    streams = {
        tuple(rng.randrange(1 << 32) for _ in range(3))
        for low in range(8)
        for high in range(8)
        for tag in range(8)
        for index in range(8)
        for rng in [Rng(low, high, tag, index)]
    }
    assert len(streams) == 8**4


def test_weighted_choices_follow_their_weights() -> None:
    rng = Rng(0, 0, 1, 1)
    counts = Counter(rng.choose_weighted((1, 0, 3)) for _ in range(4000))
    assert set(counts) == {0, 2}
    assert 850 < counts[0] < 1150
