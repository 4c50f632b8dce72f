"""Tests of the grammar of queries: what a text means, canonical texts, and errors."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midiprism.search.errors import QueryError
from midiprism.search.musical_keys import Mode
from midiprism.search.parse_query import parse_query, parse_words
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
from midiprism.search.query_fields import QUERY_FIELDS, QueryField


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
        (["bass , piano"], "bass , piano"),
        (["bass", ",", "piano"], "bass , piano"),
        (["bass,", "piano"], "bass , piano"),
        (['song:"blue moon"'], 'song:"blue moon"'),
        (['song:7" mix'], r'song:"7\" mix"'),
    ],
)
def test_the_arguments_of_a_command_are_a_query(words: list[str], text: str) -> None:
    assert str(parse_words(words)) == text


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("blue instrumnt:bass", "instrumnt", "There is no field instrumnt: do you mean `instrument`?"),
        ("http://x", "http", "There is no field http"),
        ("notes:", "notes:", "A value is missing"),
        ("bass -", "-", "A word is missing"),
        ("a,,b", ",,", "A word is missing"),
        ("a ,", ",", "A comma stands between two choices"),
        (", a", ",", "A comma stands between two choices"),
        ("a , , b", ",", "A comma stands between two choices"),
        ("a,-b", "-b", "negated as a whole"),
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
        ("added:soon", "soon", "takes a day"),
        ("added:2026-13", "2026-13", "takes a day"),
        ("added:2026-11..2026-10", "2026-11..2026-10", "2026-10..2026-11"),
        ("length:30", "30", "A length has a unit"),
        ("length:8bars..30s", "8bars..30s", "A length has a unit"),
        ("has:nmae", "nmae", "do you mean `name`?"),
        ("sort:nots", "nots", "do you mean `notes`?"),
        ("-sort:notes", "-sort:notes", "write the sign last"),
    ],
)
def test_an_error_names_the_place_and_what_to_write(text: str, place: str, reason: str) -> None:
    with pytest.raises(QueryError, match=re.escape(reason)) as caught:
        parse_query(text)
    assert caught.value.text[caught.value.start : caught.value.end] == place


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


texts = st.text(min_size=1, max_size=8).filter(lambda text: "\0" not in text)
words = st.one_of(texts, st.sampled_from(["a b", "-x", "^", "=", "key:Dm", "a,b", '"', "\\", "x~", ".."]))


def ranges(field: QueryField) -> st.SearchStrategy[Range]:
    numbers: st.SearchStrategy[float] = st.integers(-(10**12), 10**12)
    if not field.is_integer:
        numbers |= st.floats(-1e12, 1e12).map(lambda number: round(number, 9))
    pairs = st.tuples(numbers | st.none(), numbers | st.none()).filter(lambda it: it != (None, None))

    def ordered(pair: tuple[float | None, float | None]) -> Range:
        low, high = pair
        return Range(high, low) if low is not None and high is not None and low > high else Range(low, high)

    return pairs.map(ordered) | numbers.map(lambda number: Range(number, number))


def values_of(field: QueryField) -> st.SearchStrategy[Test]:
    modes: st.SearchStrategy[Mode] = st.sampled_from(["major", "minor"])
    days = st.sampled_from(["2025", "2026", "2026-01", "2026-11", "2026-11-03"])
    kinds: dict[str, st.SearchStrategy[Test]] = {
        "text": words.map(Contains) | words.map(Equals),
        "number": ranges(field),
        "share": ranges(field),
        "choice": st.sampled_from(field.choices or ("x",)).map(Choice),
        "meter": st.sampled_from(["4/4", "12/8", "3/4"]).map(Choice),
        "flag": st.booleans().map(Flag),
        "key": st.builds(Key, st.integers(0, 11), modes, st.booleans()) | modes.map(lambda it: Key(None, it)),
        "date": days.map(lambda day: Dates(day, day))
        | days.map(lambda day: Dates(day, None))
        | days.map(lambda day: Dates("2025", day)),
    }
    test = kinds[field.kind]
    return test if field.kind == "flag" else test | st.just(Present())


fields = st.sampled_from([*QUERY_FIELDS.values()])
field_matches = fields.flatmap(lambda field: values_of(field).map(lambda test: FieldMatch(field.name, test)))
terms = st.builds(
    Term,
    st.lists(words.map(Word) | field_matches, min_size=1, max_size=4).map(tuple),
    st.booleans(),
)
groups = st.builds(Group, st.lists(terms, min_size=1, max_size=4).map(tuple))
sort_keys = st.builds(SortKey, fields.map(lambda field: field.name), st.booleans())
queries = st.builds(
    Query, st.lists(groups, max_size=3).map(tuple), st.lists(sort_keys, max_size=2).map(tuple)
)


@settings(max_examples=500)
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
        parsed = parse_words(arguments)
    except QueryError:
        return
    assert parse_query(str(parsed)) == parsed
