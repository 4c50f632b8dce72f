"""Strategies that make queries of any form."""

from hypothesis import strategies as st

from midiprism.search.musical_keys import Mode
from midiprism.search.query import (
    Choice,
    Contains,
    Dates,
    Equals,
    FieldMatch,
    Flag,
    Group,
    Key,
    Present,
    Query,
    Range,
    SortKey,
    Term,
    Test,
    Word,
)
from midiprism.search.query_fields import QUERY_FIELDS, QueryField

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
    # Of a flag and a count, `has:` is another test.
    return test if field.kind == "flag" or field.is_count else test | st.just(Present())


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
