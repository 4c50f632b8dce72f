"""The dice: reproducible, fair, independent."""

from collections import Counter

import numpy as np
import pytest

from midiprism.sample.rng import Rng, fill_random_words, seed_stream_from_python


def test_the_dice_fall_as_they_always_fell() -> None:
    dice = Rng(1, 2, 3, 4)
    assert [dice.randrange(1000) for _ in range(8)] == [962, 983, 478, 210, 210, 583, 515, 733]


def test_kernel_and_plain_python_roll_the_same() -> None:
    dice, plain = np.zeros(2, np.int64), np.zeros(2, np.int64)
    words, plain_words = np.zeros(20, np.int64), np.zeros(20, np.int64)
    seed_stream_from_python(dice, 2**32 - 1, 2**32 - 1, 9, 2**32 - 1)
    seed_stream_from_python(plain, 2**32 - 1, 2**32 - 1, 9, 2**32 - 1)
    fill_random_words(dice, words)
    fill_random_words.python_function(plain, plain_words)
    assert words.tolist() == plain_words.tolist()


@pytest.mark.parametrize("sides", [2, 3, 7, 100])
def test_every_side_falls_about_as_often(sides: int) -> None:
    dice = Rng(0, 0, 1, 0)
    counts = Counter(dice.randrange(sides) for _ in range(20_000))
    assert set(counts) == set(range(sides))
    assert max(counts.values()) - min(counts.values()) < 8 * (20_000 / sides) ** 0.5


def test_streams_of_neighbouring_names_do_not_meet() -> None:
    streams = {
        tuple(dice.randrange(1 << 32) for _ in range(3))
        for low in range(8)
        for high in range(8)
        for tag in range(8)
        for index in range(8)
        for dice in [Rng(low, high, tag, index)]
    }
    assert len(streams) == 8**4


def test_weights_are_respected() -> None:
    dice = Rng(0, 0, 1, 1)
    counts = Counter(dice.choose_weighted((1, 0, 3)) for _ in range(4000))
    assert set(counts) == {0, 2}
    assert 850 < counts[0] < 1150
