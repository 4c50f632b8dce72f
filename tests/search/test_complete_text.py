"""Tests of completions of a query that is typed in a page."""

import pytest

from midiprism.search.complete_text import Choice, Counts, complete_text
from midiprism.search.parse_query import parse_query

COUNTS = {
    "family": {"Bass": 30, "Synth Lead": 20, "Synth Pad": 9},
    "name": {'the "low" one': 3, "Köln": 2},
    "key": {"F# minor": 5},
}


def counts_of(field: str) -> Counts:
    return COUNTS.get(field, {})


def texts(query: str, at: int | None = None) -> list[str]:
    found = complete_text(query, len(query) if at is None else at, counts_of)
    return [query[: found.start] + choice.text + query[found.end :] for choice in found.choices]


@pytest.mark.parametrize(
    ("query", "completed"),
    [
        ("rol", "role:"),
        ("piano fam", "piano family:"),
        ("piano -fam", "piano -family:"),
        ("^fam", "^family:"),
        ("family:ba", "family:Bass"),
        ("-family:ba", "-family:Bass"),
        ("family:lead", 'family:"Synth Lead"'),
        ('family:"synth p', 'family:"Synth Pad"'),
        ("family:Bass,pad", 'family:Bass,"Synth Pad"'),
        ("key:f#", 'key:"F# minor"'),
        ("name:KÖL", "name:Köln"),
        ("name:low", 'name:"the \\"low\\" one"'),
        ("drums:n", "drums:no"),
        ("sort:bp", "sort:bpm"),
    ],
)
def test_the_last_word_is_completed(query: str, completed: str) -> None:
    assert completed in texts(query)
    parse_query(completed.removesuffix(":") if completed.endswith(":") else completed)


def test_only_the_word_at_the_cursor_changes() -> None:
    assert "family:Bass notes:16.." in texts("fam notes:16..", 3) or "family: notes:16.." in texts(
        "fam notes:16..", 3
    )


def test_values_come_with_their_numbers_the_likeliest_first() -> None:
    choices = complete_text("family:synth", 12, counts_of).choices
    assert choices == [
        Choice('family:"Synth Lead"', "Synth Lead", 20),
        Choice('family:"Synth Pad"', "Synth Pad", 9),
    ]


def test_an_empty_query_offers_the_fields() -> None:
    assert {"family:", "key:", "sort:"} <= {*texts("")}


@pytest.mark.parametrize(
    "query", ['"', 'name:"a\\', "::", ",", "-", "^-", "\u2028 x", "x" * 5_000, '"' * 999]
)
def test_any_text_can_be_completed(query: str) -> None:
    for at in (0, len(query) // 2, len(query), len(query) + 5):
        found = complete_text(query, at, counts_of)
        assert 0 <= found.start <= found.end <= len(query)
