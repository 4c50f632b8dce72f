"""Tests of lists of texts: every way to search them finds what Python's ``in`` finds."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import example, given

from midiprism.search.index.encoding import SEPARATOR, encode_blobs, text_bytes
from midiprism.search.index.text_search import TextList

TEXTS = st.lists(st.text("aäbc /\0\ud800", max_size=6), max_size=12)


def make_list(entries: list[bytes]) -> TextList:
    arrays = encode_blobs("key", entries)
    return TextList(memoryview(arrays["key"].tobytes()), arrays["key:starts"])


@given(TEXTS, st.text("aäbc ", max_size=3))
@example(["", "a", "aa"], "a")
def test_texts_that_contain_another_are_found(texts: list[str], wanted: str) -> None:
    found = make_list([text_bytes(text) for text in texts])
    assert found.containing(text_bytes(wanted)).tolist() == [wanted in text for text in texts]
    assert found.equal_to(text_bytes(wanted)).tolist() == [wanted == text for text in texts]
    assert found.are_not_empty().tolist() == [text != "" for text in texts]
    assert found.texts() == texts
    assert [found.text(index) for index in range(len(found))] == [text_bytes(text) for text in texts]


@given(
    st.lists(st.lists(st.text("ab", max_size=3), min_size=1, max_size=3), max_size=6),
    st.text("ab", max_size=3),
)
def test_an_entry_of_several_texts_is_found_by_each_of_them_and_by_no_two(
    entries: list[list[str]], wanted: str
) -> None:
    found = make_list([SEPARATOR.join(map(text_bytes, entry)) for entry in entries])
    assert found.containing(text_bytes(wanted)).tolist() == [
        any(wanted in it for it in entry) for entry in entries
    ]
    assert found.equal_to(text_bytes(wanted)).tolist() == [wanted in entry for entry in entries]
    assert found.are_not_empty().tolist() == [any(entry) for entry in entries]


def test_a_frequent_text_is_found_in_many_texts() -> None:
    texts = [f"{'love' if number % 3 else 'hate'} song {number}" for number in range(20_000)]
    found = make_list([text_bytes(text) for text in texts])
    for wanted in ("e", "love", "song 1", "zzz"):
        expected = np.array([wanted in text for text in texts])
        np.testing.assert_array_equal(found.containing(text_bytes(wanted)), expected)
