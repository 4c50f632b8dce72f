"""Tests of the ids that a commit records as changed."""

from hypothesis import given
from hypothesis import strategies as st

from midiprism.catalog.changed_ids import format_ids, parse_ids


def test_ids_in_a_row_are_a_range() -> None:
    assert format_ids([612, 3, 1, 2, 2]) == "1-3,612"
    assert parse_ids("1-3,612") == [(1, 3), (612, 612)]
    assert (format_ids([]), parse_ids("")) == ("", [])


@given(st.sets(st.integers(0, 60)))
def test_ids_come_back(ids: set[int]) -> None:
    ranges = parse_ids(format_ids(ids))
    assert {one for first, last in ranges for one in range(first, last + 1)} == ids
    assert ranges == sorted(ranges)
