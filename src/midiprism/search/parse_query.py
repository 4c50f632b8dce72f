"""Parses the text of a query."""

from collections.abc import Iterable, Iterator

from midiprism.catalog.folding import fold_text
from midiprism.search.errors import QueryError
from midiprism.search.parse_values import parse_length, parse_test
from midiprism.search.query import (
    ANY_FIELD,
    FieldMatch,
    Flag,
    Group,
    Match,
    Present,
    Query,
    SortKey,
    Term,
    Word,
)
from midiprism.search.query_fields import (
    LENGTH_FIELD,
    QUERY_FIELDS,
    QueryField,
    find_field,
    nearest_name,
)
from midiprism.search.query_words import SPECIAL_FIELDS, Piece, TermText, divide, query_text

MAX_QUERY_LENGTH = 20_000
MAX_TEXT_LENGTH = 4_096
"""Most characters of a folded text to search for; SQLite takes patterns of at most 50,000 bytes."""


def parse_words(words: Iterable[str]) -> Query:
    """Return the query of the arguments of a command.

    Raises:
        QueryError: it cannot be understood.
    """
    return parse_query(query_text(words))


def parse_query(text: str) -> Query:
    """Return the query of a text.

    >>> parse_query("instrument:bass key:Dbm bpm:85..95 -live")
    Query(...)

    Raises:
        QueryError: it cannot be understood; the error knows the place, and offers the nearest field.
    """
    if len(text) > MAX_QUERY_LENGTH:
        reason = f"A query has at most {MAX_QUERY_LENGTH:,} characters."
        raise QueryError(reason, text[:80], 0, 1)
    groups: list[list[Term]] = [[]]
    sort: list[SortKey] = []
    last_comma: TermText | None = None
    for term in divide(text):
        if not term.pieces:
            if not groups[-1]:
                raise _comma_error(text, term)
            groups.append([])
            last_comma = term
            continue
        if _name_of(term.pieces[0]) == "sort":
            sort += _sort_keys(text, term)
            continue
        groups[-1].append(Term((*_matches(text, term),), term.negated))
    if last_comma is not None and not groups[-1]:
        raise _comma_error(text, last_comma)
    return Query(tuple(Group(tuple(terms)) for terms in groups if terms), tuple(sort))


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
        elif term.pieces[0] is not piece and not piece.is_quoted and piece.value[0] in "-^" and name is None:
            reason = (
                f"A term is negated as a whole: write `{piece.value}` apart, with blanks around the comma."
            )
            raise QueryError(reason, text, piece.start, piece.end)
        yield _match(text, name, piece)


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
        return FieldMatch(field.name, Flag(True) if field.kind == "flag" else Present())
    if name == LENGTH_FIELD:
        return parse_length(text, piece)
    if name == "sort":
        raise QueryError("`sort:` is a term of its own.", text, piece.start, piece.end)
    end = piece.start + len(name) if piece.field_name is not None else piece.end
    field = _find(text, name, piece.start, end)
    _check_text(text, piece)
    return FieldMatch(field.name, parse_test(text, field, piece))


def _find(text: str, name: str, start: int, end: int) -> QueryField:
    field = find_field(name)
    if field is not None:
        return field
    nearest = nearest_name(name, [*QUERY_FIELDS, *SPECIAL_FIELDS])
    offer = f"do you mean `{nearest}`?" if nearest else "see `--fields`."
    reason = f"There is no field {name}: {offer}"
    raise QueryError(reason, text, start, end)


def _check_text(text: str, piece: Piece) -> None:
    if len(fold_text(piece.value)) > MAX_TEXT_LENGTH:
        reason = f"A text to search for has at most {MAX_TEXT_LENGTH:,} characters."
        raise QueryError(reason, text, piece.value_start, piece.end)


def _sort_keys(text: str, term: TermText) -> Iterator[SortKey]:
    if term.negated:
        raise QueryError(
            "To sort from the greatest, write the sign last, as in `sort:bpm-`.",
            text,
            term.start,
            term.pieces[0].end,
        )
    for piece in term.pieces:
        if piece.field_name is not None and piece.field_name.lower() != "sort":
            raise QueryError("`sort:` is a term of its own.", text, piece.start, piece.end)
        name = piece.value.rstrip("+-")
        field = _find(text, name, piece.value_start, piece.value_start + len(name))
        yield SortKey(field.name, descending=piece.value.endswith("-"))
