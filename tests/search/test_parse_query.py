"""Tests of the grammar of queries: what a text means, canonical texts, and errors."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midiprism.search.errors import QueryError
from midiprism.search.parse_query import parse_query
from midiprism.search.query import (
    Choice,
    Contains,
    Dates,
    Equals,
    FieldMatch,
    Flag,
    Group,
    Key,
    Match,
    Present,
    Query,
    Range,
    SortKey,
    Term,
    Test,
    Word,
)
from midiprism.search.query_words import query_text
from midiprism.search.saved_searches import SavedSearches
from support.nightly import NIGHTLY
from support.queries import queries, texts


def term(*matches: Match, negated: bool = False) -> Term:
    return Term(matches, negated)


def query(*terms: Term) -> Query:
    return Query((Group(terms),))


def field(name: str, test: Test) -> Term:
    return term(FieldMatch(name, test))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", Query()),
        ("blue", query(term(Word("blue")))),
        ("blue moon", query(term(Word("blue")), term(Word("moon")))),
        ('"blue moon"', query(term(Word("blue moon")))),
        ("-blue ^moon", query(term(Word("blue"), negated=True), term(Word("moon"), negated=True))),
        ("bass,piano", query(term(Word("bass"), Word("piano")))),
        ("bass, piano", Query((Group((term(Word("bass")),)), Group((term(Word("piano")),))))),
        ("bass ,piano", Query((Group((term(Word("bass")),)), Group((term(Word("piano")),))))),
        ("bass , piano", Query((Group((term(Word("bass")),)), Group((term(Word("piano")),))))),
        ("song:blue", query(field("song", Contains("blue")))),
        ('SONG:"blue moon"', query(field("song", Contains("blue moon")))),
        ("song_name:blue", query(field("song", Contains("blue")))),
        ('name:="a b"', query(field("name", Equals("a b")))),
        ("name:=a", query(field("name", Equals("a")))),
        ('name:"=a"', query(field("name", Contains("=a")))),
        ("name:a,=b", query(term(FieldMatch("name", Contains("a")), FieldMatch("name", Equals("b"))))),
        (r'"say \"hi\" \\o/"', query(term(Word(r'say "hi" \o/')))),
        ("don't 12\"", query(term(Word("don't")), term(Word('12"')))),
        ("notes:64", query(field("notes", Range(64, 64)))),
        ("notes:16..", query(field("notes", Range(16, None)))),
        ("notes:..100", query(field("notes", Range(None, 100)))),
        ("note-count:16..100", query(field("notes", Range(16, 100)))),
        ("bpm:85.5..95", query(field("bpm", Range(85.5, 95)))),
        ("meter:4/4,3/4", query(term(*(FieldMatch("meter", Choice(it)) for it in ("4/4", "3/4"))))),
        ("key_signature:Dbm", query(field("key_signature", Key(1, "minor")))),
        ("key_signature:C#m", query(field("key_signature", Key(1, "minor")))),
        ("key_signature:Dm~", query(field("key_signature", Key(2, "minor", related=True)))),
        ("key_signature:minor", query(field("key_signature", Key(None, "minor")))),
        ("has:key_signature", query(field("key_signature", Present()))),
        ("-has:name", query(term(FieldMatch("name", Present()), negated=True))),
        ("has:lyrics", query(field("lyrics", Range(1, None)))),
        ("has:loops", query(field("loops", Flag(True)))),
        ("loops:no", query(field("loops", Flag(False)))),
        ("role:Melody", query(field("role", Choice("melody")))),
        ("key:Dbm", query(field("key", Key(1, "minor")))),
        ("dominant_tempo:90", query(field("bpm", Range(90, 90)))),
        ("length:8bars", query(field("length_bars", Range(8, 8)))),
        ('length:"8 bars"', query(field("length_bars", Range(8, 8)))),
        ("length:..16beats", query(field("length_beats", Range(None, 16)))),
        ("added:2026-11..", query(field("added", Dates("2026-11", None)))),
        ("added:2026", query(field("added", Dates("2026", "2026")))),
        ("length:..30s", query(field("length_seconds", Range(None, 30)))),
        ("length:30s..", query(field("length_seconds", Range(30, None)))),
        ("length:1:30..2:00.5", query(field("length_seconds", Range(90, 120.5)))),
        ("length:96ticks..480ticks", query(field("length_ticks", Range(96, 480)))),
        (
            "instrument:bass,name:low,lead",
            query(
                term(
                    FieldMatch("instrument", Contains("bass")),
                    FieldMatch("name", Contains("low")),
                    FieldMatch("name", Contains("lead")),
                )
            ),
        ),
        ("any:blue,moon", query(term(Word("blue"), Word("moon")))),
        ("sort:bpm-", Query((), (SortKey("bpm", descending=True),))),
        ("sort:notes+,song", Query((), (SortKey("notes"), SortKey("song")))),
        (
            "a sort:notes , b",
            Query((Group((term(Word("a")),)), Group((term(Word("b")),))), (SortKey("notes"),)),
        ),
    ],
)
def test_a_text_means_a_query(text: str, parsed: Query) -> None:
    assert parse_query(text) == parsed


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["song:blue moon"], 'song:"blue moon"'),
        (["blue moon", "bass"], '"blue moon" bass'),
        (["-blue moon"], '-"blue moon"'),
        (["name:=blue moon"], 'name:="blue moon"'),
        (["song:Hello, Goodbye"], 'song:"Hello, Goodbye"'),
        (["song:blue moon,red"], 'song:"blue moon",red'),
        (["instrument:bass,song:blue moon"], 'instrument:bass,song:"blue moon"'),
        (["instrument:bass notes:16.."], "instrument:bass notes:16.."),
        (["song:Episode IV: A New Hope"], 'song:"Episode IV: A New Hope"'),
        (["song:blue sort:notes"], "song:blue sort:notes"),
        (["bass , piano"], "bass , piano"),
        (["bass", ",", "piano"], "bass , piano"),
        (["bass,", "piano"], "bass , piano"),
        (['song:"blue moon"'], 'song:"blue moon"'),
        (['song:7" mix'], r'song:"7\" mix"'),
    ],
)
def test_the_arguments_of_a_command_are_a_query(words: list[str], text: str) -> None:
    assert str(parse_query(query_text(words))) == text


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("blue instrumnt:bass", "instrumnt", "There is no field instrumnt: do you mean `instrument`?"),
        ("http://x", "http", "There is no field http"),
        ("bars:16..", "bars", "There is no field bars: do you mean `length`?"),
        ("notes:", "notes:", "A value is missing"),
        ("bass -", "-", "A word is missing"),
        ("a,,b", ",,", "A word is missing"),
        ("a ,", ",", "A comma stands between two choices"),
        (", a", ",", "A comma stands between two choices"),
        ("a , , b", ",", "A comma stands between two choices"),
        ("a,-b", "-b", "negated as a whole"),
        ("a,@b", "@b", "A saved search stands alone: write `@b` apart"),
        ('a "b', '"', "not closed"),
        ('"a"b', "b", "has to follow quotes"),
        ('name:""', '""', "nothing between"),
        ("any:=a", "any:=a", "`=` needs"),
        ("notes:many", "many", "write 64, 20.., ..100 or 20..100"),
        ("notes:..", "..", "takes a number or a range"),
        ("notes:1,000", "000", "takes a number or a range"),
        ("notes:>=16", ">=16", "write 16.."),
        ("notes:<16", "<16", "write ..16"),
        ("bpm:85-95", "85-95", "write 85..95"),
        ("bpm:95..85", "95..85", "write the smaller one first, 85..95"),
        ("notes:2.5", "2.5", "whole number"),
        ("notes:9999999999999", "9999999999999", "largest number"),
        ("meter:4", "4", "write 4/4"),
        ("key_signature:H", "H", "write Dm"),
        ("key_signature:minor~", "minor~", "write Dm"),
        ("role:melodie", "melodie", "role is never melodie: do you mean melody?"),
        ("loops:maybe", "maybe", "loops is yes or no"),
        ("@basss", "@basss", "There is no saved search basss"),
        ("added:soon", "soon", "takes a day"),
        ("added:2026-13", "2026-13", "takes a day"),
        ("added:2026-11..2026-10", "2026-11..2026-10", "2026-10..2026-11"),
        ("length:30", "30", "A length has a unit"),
        ("length:8bars..30s", "8bars..30s", "A length has a unit"),
        ("has:nmae", "nmae", "do you mean `name`?"),
        ("sort:nots", "nots", "do you mean `notes`?"),
        ("-sort:notes", "-sort:notes", "write the sign last"),
        ("a sort:-notes", "sort:-notes", "write the sign last"),
    ],
)
def test_an_error_names_the_place_and_what_to_write(text: str, place: str, reason: str) -> None:
    with pytest.raises(QueryError, match=re.escape(reason)) as caught:
        parse_query(text)
    assert caught.value.text[caught.value.start : caught.value.end] == place


def test_an_argument_with_what_looks_like_a_field_is_no_text() -> None:
    with pytest.raises(QueryError, match="There is no field kye: do you mean `key`"):
        parse_query(query_text(["instrument:bass kye:Dm"]))


def test_a_query_that_is_too_long_is_refused() -> None:
    with pytest.raises(QueryError, match="at most"):
        parse_query("a" * 20_001)
    with pytest.raises(QueryError, match="at most"):
        parse_query("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 4_000)


def test_terms_are_added_to_every_group() -> None:
    added = parse_query("a , b").with_terms([term(Word("c"))])
    assert str(added) == "a c , b c"
    assert str(Query().with_terms([term(Word("c"))])) == "c"
    assert Query().with_terms([]) == Query()


def test_a_saved_search_is_part_of_a_query(tmp_path: Path) -> None:
    saved = SavedSearches(str(tmp_path / "searches"))
    saved.save("low", "instrument:bass , name:low sort:notes-")
    assert str(parse_query("@low notes:16..", saved)) == (
        "instrument:bass notes:16.. , name:low notes:16.. sort:notes-"
    )
    assert str(parse_query("drums, @LOW", saved)) == "drums , instrument:bass , name:low sort:notes-"
    with pytest.raises(QueryError, match="do you mean `@low`"):
        parse_query("@lo", saved)
    for text in ("-@low", "@low,drums"):
        with pytest.raises(QueryError, match="stands alone"):
            parse_query(text, saved)
    with pytest.raises(QueryError, match="at most 200 choices"):
        parse_query("@low " * 8, saved)


@settings(max_examples=500 if NIGHTLY else 100)
@given(queries)
def test_the_canonical_text_of_a_query_gives_the_same_query(given_query: Query) -> None:
    assert parse_query(str(given_query)) == given_query


@settings(max_examples=500)
@given(st.text(max_size=40) | st.text('ab:,"-^= .~12\\', max_size=30))
def test_any_text_is_a_query_or_an_error_with_a_place(text: str) -> None:
    try:
        parsed = parse_query(text)
    except QueryError as error:
        place = (error.start, error.end, len(error.text))
    else:
        place = (0, 1, 1)
        assert parse_query(str(parsed)) == parsed
    assert 0 <= place[0] < place[1] <= place[2]


@given(st.lists(texts, min_size=1, max_size=3))
def test_any_arguments_are_a_query_or_an_error(arguments: list[str]) -> None:
    try:
        parsed = parse_query(query_text(arguments))
    except QueryError:
        return
    assert parse_query(str(parsed)) == parsed
