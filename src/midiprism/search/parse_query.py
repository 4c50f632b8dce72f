"""Parses the text of a query."""

import re
from collections.abc import Iterator

from midiprism.catalog.folding import fold_text
from midiprism.search.errors import QueryError
from midiprism.search.parse_values import LENGTH_UNITS, parse_length, parse_test
from midiprism.search.query import (
    ANY_FIELD,
    LIKE_FIELD,
    FieldMatch,
    Flag,
    Group,
    Like,
    Match,
    Present,
    Query,
    Range,
    SortKey,
    Term,
    Test,
    Word,
)
from midiprism.search.query_fields import (
    LENGTH_FIELD,
    QUERY_FIELDS,
    QueryField,
    find_field,
    nearest_name,
)
from midiprism.search.query_words import SPECIAL_FIELDS, Piece, TermText, divide
from midiprism.search.saved_searches import SavedSearches

MAX_QUERY_LENGTH = 20_000
MAX_GROUPS = 200
MAX_TEXT_LENGTH = 4_096
"""Most characters of a folded text to search for; SQLite takes patterns of at most 50,000 bytes."""

_TRACK_DIGITS = re.compile(r"[0-9a-fA-F]{8,64}")


def parse_query(text: str, saved: SavedSearches | None = None) -> Query:
    """Return the query of a text.

    >>> str(parse_query("instrument:bass  bpm:85.0..95 ^live"))
    'instrument:bass bpm:85..95 -live'

    Args:
        text: of the query.
        saved: searches that ``@NAME`` stands for.

    Raises:
        QueryError: it cannot be understood; the error knows the place, and offers the nearest field.
    """
    if len(text) > MAX_QUERY_LENGTH:
        reason = f"A query has at most {MAX_QUERY_LENGTH:,} characters."
        raise QueryError(reason, text[:80], 0, 1)
    groups: list[_OpenGroup] = [_OpenGroup()]
    sort: list[SortKey] = []
    last_comma: TermText | None = None
    for term in divide(text):
        if not term.pieces:
            if groups[-1].is_empty:
                raise _comma_error(text, term)
            groups.append(_OpenGroup())
            last_comma = term
        elif _name_of(term.pieces[0]) == "sort":
            sort += _sort_keys(text, term)
        elif _is_saved(term.pieces[0]):
            query = _saved_query(text, term, saved)
            groups[-1].add_query(query)
            sort += query.sort
        else:
            groups[-1].add(Term((*_matches(text, term),), term.negated))
        if sum(len(group.alternatives) for group in groups) > MAX_GROUPS:
            reason = f"With its saved searches, a query has at most {MAX_GROUPS} choices."
            raise QueryError(reason, text, term.start, len(text))
    if last_comma is not None and groups[-1].is_empty:
        raise _comma_error(text, last_comma)
    closed = (Group(tuple(terms)) for group in groups for terms in group.alternatives if terms)
    return Query(tuple(closed), tuple(sort))


class _OpenGroup:
    """A group to which terms are added; a saved search may make several groups of it.

    Attributes:
        alternatives: the terms of each of them.
        is_empty: whether nothing was added yet.
    """

    def __init__(self) -> None:
        self.alternatives: list[list[Term]] = [[]]
        self.is_empty = True

    def add(self, term: Term) -> None:
        self.is_empty = False
        for terms in self.alternatives:
            terms.append(term)

    def add_query(self, query: Query) -> None:
        self.is_empty = False
        if query.groups:
            self.alternatives = [
                [*terms, *group.terms] for terms in self.alternatives for group in query.groups
            ]


def _is_saved(piece: Piece) -> bool:
    return piece.field_name is None and not piece.is_quoted and piece.value.startswith("@")


def _saved_query(text: str, term: TermText, saved: SavedSearches | None) -> Query:
    """Return the query that is saved under a name."""
    piece = term.pieces[0]
    if term.negated or len(term.pieces) > 1:
        raise QueryError(
            "A saved search stands alone, as in `@name notes:16..`.", text, term.start, piece.end
        )
    name = piece.value[1:]
    found = saved.read(name) if saved is not None and name else None
    if saved is None or found is None:
        nearest = nearest_name(name, saved.names() if saved is not None else [])
        offer = f"do you mean `@{nearest}`?" if nearest else 'a word with @ is written in quotes: "@x".'
        raise QueryError(f"There is no saved search {name}: {offer}", text, piece.start, piece.end)
    return parse_query(found)


def _comma_error(text: str, term: TermText) -> QueryError:
    reason = "A comma stands between two choices: write something on both sides of it."
    return QueryError(reason, text, term.start, term.start + 1)


def _name_of(piece: Piece) -> str | None:
    return None if piece.field_name is None else piece.field_name.lower()


def _matches(text: str, term: TermText) -> Iterator[Match]:
    name: str | None = None
    for piece in term.pieces:
        if piece.field_name is not None:
            name = piece.field_name.lower()
        elif name is None and piece is not term.pieces[0] and not piece.is_quoted:
            _require_word(text, piece)
        yield _match(text, name, piece)


def _require_word(text: str, piece: Piece) -> None:
    """Raise QueryError for a piece behind a comma that looks like a term of another kind."""
    if piece.value[0] in "-^@":
        what = "A saved search stands alone" if piece.value[0] == "@" else "A term is negated as a whole"
        reason = f"{what}: write `{piece.value}` apart, with blanks around the comma."
        raise QueryError(reason, text, piece.start, piece.end)


def _match(text: str, name: str | None, piece: Piece) -> Match:
    if name is None or name == ANY_FIELD:
        _check_text(text, piece)
        if piece.is_exact:
            raise QueryError(
                "`=` needs the name of a text field, as in `name:=Bass`.", text, piece.start, piece.end
            )
        return Word(piece.value)
    if name == "has":
        field = _find(text, piece.value, piece.value_start, piece.end)
        return FieldMatch(field.name, _presence(field))
    if name == LIKE_FIELD:
        return Like(_track_digits(text, piece))
    if name == LENGTH_FIELD:
        return parse_length(text, piece)
    if name == "sort":
        raise QueryError("`sort:` is a term of its own.", text, piece.start, piece.end)
    end = piece.start + len(name) if piece.field_name is not None else piece.end
    field = _find(text, name, piece.start, end)
    _check_text(text, piece)
    return FieldMatch(field.name, parse_test(text, field, piece))


def _track_digits(text: str, piece: Piece) -> str:
    if _TRACK_DIGITS.fullmatch(piece.value) is None:
        reason = "A track is named by 8 to 64 hexadecimal digits of its BLAKE3, as in `like:1f3a5c7e`."
        raise QueryError(reason, text, piece.value_start, piece.end)
    return piece.value.lower()


def _presence(field: QueryField) -> Test:
    """Return the test of ``has:`` for a field: a flag is set, a count is not 0, anything else is there."""
    if field.kind == "flag":
        return Flag(True)
    return Range(1, None) if field.is_count else Present()


def _find(text: str, name: str, start: int, end: int) -> QueryField:
    field = find_field(name)
    if field is not None:
        return field
    is_unit = name.lower() in LENGTH_UNITS
    nearest = "length" if is_unit else nearest_name(name, [*QUERY_FIELDS, *SPECIAL_FIELDS])
    offer = f"do you mean `{nearest}`?" if nearest else "a word with a colon is written in quotes."
    reason = f"There is no field {name}: {offer}"
    raise QueryError(reason, text, start, end)


def _check_text(text: str, piece: Piece) -> None:
    if len(fold_text(piece.value)) > MAX_TEXT_LENGTH:
        reason = f"A text to search for has at most {MAX_TEXT_LENGTH:,} characters."
        raise QueryError(reason, text, piece.value_start, piece.end)


def _sort_keys(text: str, term: TermText) -> Iterator[SortKey]:
    for piece in term.pieces:
        if piece.field_name is not None and piece.field_name.lower() != "sort":
            raise QueryError("`sort:` is a term of its own.", text, piece.start, piece.end)
        if term.negated or piece.value[0] in "-^+":
            reason = "To sort from the greatest, write the sign last, as in `sort:bpm-`."
            raise QueryError(reason, text, term.start, piece.end)
        name = piece.value.rstrip("+-")
        field = _find(text, name, piece.value_start, piece.value_start + len(name))
        yield SortKey(field.name, descending=piece.value.endswith("-"))
