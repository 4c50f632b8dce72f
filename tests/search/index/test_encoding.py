"""Tests of encoded columns: the same values come back, and every test of them gives what Python gives."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from midiprism.catalog.folding import fold_text
from midiprism.fs.column_file import ArraysInMemory
from midiprism.search.index import encoding
from midiprism.search.index.encoding import TextCollector, encode_numbers
from midiprism.search.index.segment import NumberColumn, TextColumn

NUMBERS = st.one_of(
    st.none(), st.integers(-(10**12), 10**12), st.floats(-1e6, 1e6), st.sampled_from([0, 1, 2, 95.00007, 0.1])
)
BOUNDS = st.one_of(st.none(), st.sampled_from([0, 1, 2, 95, 95.00007, 0.1, 94.9, 1e12]), st.floats(-1e6, 1e6))


def number_column(values: list[float | None]) -> NumberColumn:
    arrays = encode_numbers("key", np.array(values, np.float64))
    if "key:raw" in arrays:
        return NumberColumn(arrays["key:raw"], None)
    return NumberColumn(arrays["key:codes"], arrays["key:values"])


@given(st.lists(NUMBERS), BOUNDS, BOUNDS, st.booleans())
def test_numbers_are_compared_exactly(
    values: list[float | None], low: float | None, high: float | None, is_raw: bool
) -> None:
    if low is None and high is None:
        low = 0
    with pytest.MonkeyPatch.context() as patch:
        if is_raw:
            patch.setattr(encoding, "MAX_CODES", 0)
        column = number_column(values)
    assert (column.values is None) == (is_raw and any(value is not None for value in values))
    expected = [
        value is not None and (low is None or value >= low) and (high is None or value <= high)
        for value in values
    ]
    assert column.between(low, high).tolist() == expected
    assert column.has_value().tolist() == [value is not None for value in values]
    assert column.is_set(value=True).tolist() == [value is not None and value != 0 for value in values]
    assert column.is_set(value=False).tolist() == [value == 0 for value in values]
    numbers = [None if math.isnan(number) else number for number in column.numbers(np.arange(len(values)))]
    assert numbers == values


@pytest.mark.parametrize("count", [254, 255, 256, 65_534, 65_535, 70_000, 140_000])
def test_any_number_of_different_numbers_is_encoded(count: int) -> None:
    values = [None, *(number / 7 for number in range(count)), None]
    column = number_column(values)
    assert column.between(1, 2).sum() == 8
    assert column.between(None, count).sum() == count
    assert not column.has_value()[[0, -1]].any()


def test_numbers_that_are_exact_with_half_of_the_bits_take_half_of_the_room() -> None:
    values = np.arange(70_000) / 4
    assert encode_numbers("key", values)["key:raw"].dtype == np.float32
    assert encode_numbers("key", values / 3)["key:raw"].dtype == np.float64


@given(st.lists(st.one_of(st.none(), st.text("aAäÄbﬁ \0", max_size=3))))
def test_texts_come_back_and_are_ranked_by_their_folded_form(texts: list[str | None]) -> None:
    collector = TextCollector()
    collector.add(texts[:3])
    collector.add(texts[3:])
    column = TextColumn(ArraysInMemory(collector.encode("key"), {}), "key")
    assert [column.texts[code - 1] if code else None for code in column.codes.tolist()] == texts
    folded = sorted({fold_text(text) for text in texts if text is not None})
    ranks = [folded[column.ranks[code - 1]] if code else None for code in column.codes.tolist()]
    assert ranks == [None if text is None else fold_text(text) for text in texts]
    for wanted in ("a", "B"):
        is_wanted = np.array([wanted in text for text in column.texts], np.bool_)
        assert column.rows_with(is_wanted).tolist() == [text is not None and wanted in text for text in texts]
