"""Ranks of texts are those of their bytes, over several lists, for texts of any length."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midiprism.search.index.encoding import SEPARATOR, encode_blobs
from midiprism.search.index.text_ranks import ranks_of_texts
from midiprism.search.index.text_search import TextList

TEXTS = st.lists(st.sampled_from(["a", "b", "é", "abcdefgh", "bcdefghi"]), max_size=6).map("".join)


def text_list(texts: list[bytes]) -> TextList:
    arrays = encode_blobs("list", texts)
    return TextList(memoryview(arrays["list"].tobytes()), arrays["list:starts"])


def entry_ranks(*lists: list[bytes]) -> list[list[int]]:
    return [own.tolist() for own in ranks_of_texts([text_list(texts).entries() for texts in lists])]


def ranks(*lists: list[bytes]) -> list[list[int]]:
    return [own.tolist() for own in ranks_of_texts([text_list(texts).first_texts() for texts in lists])]


@given(st.lists(st.lists(TEXTS.map(str.encode), max_size=12), min_size=1, max_size=4))
def test_a_rank_is_the_number_of_texts_that_come_before(lists: list[list[bytes]]) -> None:
    every = sorted(text for texts in lists for text in texts)
    assert ranks(*lists) == [[every.index(text) for text in texts] for texts in lists]


PATHS = st.lists(st.sampled_from([b"\1", b"a", b"\xff", b"bcdefgh"]), max_size=6).map(b"".join)


@given(st.lists(st.lists(PATHS, max_size=12), min_size=1, max_size=4))
@example([[b"/songs/\xff2"], [b"/songs/\xff1"]])
def test_all_bytes_of_an_entry_count(lists: list[list[bytes]]) -> None:
    every = sorted(text for texts in lists for text in texts)
    assert entry_ranks(*lists) == [[every.index(text) for text in texts] for texts in lists]


@pytest.mark.parametrize("length", [0, 7, 8, 9, 16, 64])
def test_texts_that_differ_at_the_end_only(length: int) -> None:
    same = b"x" * length
    assert ranks([same + b"b", same], [same + b"a", same + b"b"]) == [[2, 0], [1, 2]]


def test_of_several_texts_in_one_entry_the_first_counts() -> None:
    assert ranks([b"b" + SEPARATOR + b"a", b"a" + SEPARATOR + b"z"], [b"ab"]) == [[2, 0], [1]]
