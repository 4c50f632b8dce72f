import pytest

from midiprism.search.diagnosis import computed_fields, offered_text, terms_without_tracks
from midiprism.search.parse_query import parse_query


def test_fields_that_are_computed_are_those_of_terms_and_of_the_order() -> None:
    assert computed_fields(parse_query("key:Dm notes:1.. , -role:bass sort:bpm-")) == ["bpm", "key", "role"]
    assert computed_fields(parse_query("notes:1.. tempo:90 has:name")) == []


def test_each_term_is_tried_by_itself() -> None:
    tried = []

    def finds_any(query: object) -> bool:
        tried.append(str(query))
        return "bass" in str(query)

    query = parse_query("bass -drums , bass name:x")
    assert [*map(str, terms_without_tracks(query, finds_any))] == ["-drums", "name:x"]
    assert tried == ["bass", "-drums", "name:x"]
    assert [*terms_without_tracks(parse_query("drums"), finds_any)] == []


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("instrument:basss", "instrument:bass"),
        ("family:Persussive", "family:percussive"),
        ("instrument:bass", None),
        ("instrument:ass", None),
        ("instrument:qqqq", None),
        ("instrument:saxophone", "instrument:sax"),
        ("bpm-", "sort:bpm-"),
        ("OR", ","),
        ("90bpm", "bpm:90"),
        ("notes+", "sort:notes+"),
        ("live-", None),
        ("name:basss", None),
        ("basss", None),
        ("notes:1..", None),
    ],
)
def test_what_may_be_meant_is_offered(text: str, offered: str | None) -> None:
    assert offered_text(parse_query(text).groups[0].terms[0]) == offered
