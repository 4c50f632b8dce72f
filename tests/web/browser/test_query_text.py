"""Facets, histograms and heads of columns change the text of the query, in every group of it."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CASES = [
    ("toggled", ["", "family", "family:=Bass"], "family:=Bass"),
    ("toggled", ["family:bass,guitar moon", "family", "family:=Bass"], "family:guitar moon"),
    ("toggled", ["family:=Piano", "family", 'family:="Synth Lead"'], 'family:=Piano,family:="Synth Lead"'),
    ("toggled", ['family:=Piano,family:="Synth Lead"', "family", "family:=Piano"], 'family:="Synth Lead"'),
    ("toggled", ["sun , moon", "role", "role:bass"], "sun role:bass , moon role:bass"),
    ("toggled", ["role:bass", "role", "-has:role"], "-has:role"),
    ("withOnly", ["bpm:60..80 moon", "bpm", "bpm:90..100"], "moon bpm:90..100"),
    ("withoutField", ['song:"a, b" length:8bars moon', "length_bars"], 'song:"a, b" moon'),
    ("sortedBy", ["moon", "bpm"], "moon sort:bpm"),
    ("sortedBy", ["moon sort:bpm", "bpm"], "moon sort:bpm-"),
    ("sortedBy", ["moon sort:bpm-", "bpm"], "moon"),
    ("hasTerm", ["family:BASS,guitar", "family:=Bass"], True),
    ("hasTerm", ["-family:bass", "family:=Bass"], False),
    ("hasTerm", ["family:bass , moon", "family:=Bass"], False),
]


def test_terms_are_put_in_and_taken_out(page: "Page") -> None:
    page.goto("/")
    found = page.evaluate(
        """async (cases) => {
          const functions = await import("/static/js/search/query_text.js");
          return cases.map(([name, values]) => functions[name](...values));
        }""",
        [case[:2] for case in CASES],
    )
    assert found == [expected for _, _, expected in CASES]


@pytest.mark.parametrize("query", ['song:"a \\" , b" x', "don't 12\" x", ",, a ,", '"open'])
def test_a_query_that_is_not_touched_keeps_its_terms(page: "Page", query: str) -> None:
    page.goto("/")
    terms = page.evaluate(
        """async (query) => {
          const { tokenize } = await import("/static/js/search/query_text.js");
          return tokenize(query).map(({ text, start, end }) => [text, query.slice(start, end)]);
        }""",
        query,
    )
    assert terms
    assert all(text == (part if text != "," else ",") for text, part in terms)
