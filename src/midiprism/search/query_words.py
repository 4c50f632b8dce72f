"""Divides the text of a query into its terms, and these into pieces."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from midiprism.search.errors import QueryError
from midiprism.search.query import LIKE_FIELD, quote
from midiprism.search.query_fields import LENGTH_FIELD, QUERY_FIELDS, find_field, nearest_name

SPECIAL_FIELDS = ("any", "has", "sort", LENGTH_FIELD, LIKE_FIELD)
"""Names that are written as those of fields are."""

_LIKENESS = 0.66
"""Of `kye` with `key`."""

_TERM_BEHIND_BLANK = re.compile(r"\s[-^]?([A-Za-z_][\w-]*):")
_FIELD_NAME = re.compile(r'[^\s",:]+:')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_END_OF_VALUE = re.compile(r"[\s,]|\Z")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a term between commas.

    Attributes:
        field_name: that it begins with; None without one.
        value: the rest, without quotes.
        is_exact: whether ``=`` stands before the value.
        is_quoted: whether the value was in quotes.
        start: where it begins in the query.
        value_start: where its value begins.
        end: where it ends.
    """

    field_name: str | None
    value: str
    is_exact: bool
    is_quoted: bool
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class TermText:
    """A term as it is written; one without pieces is the comma that divides groups."""

    start: int
    negated: bool = False
    pieces: list[Piece] = field(default_factory=list)


def query_text(words: Iterable[str]) -> str:
    """Return the arguments of a command as the text of one query.

    A shell has taken the quotes away, so an argument with blanks is a value with blanks, unless further terms
    are in it, or what looks like one: then it is a query of its own.
    """
    return " ".join(map(_argument_text, words))


def _argument_text(argument: str) -> str:
    if argument and not re.search(r"\s", argument):
        return argument
    if re.search(r"\s,(\s|$)", argument) or any(
        _may_be_field(name) for name in _TERM_BEHIND_BLANK.findall(argument)
    ):
        return argument
    sign = argument[0] if argument[:1] in ("-", "^") else ""
    parts = re.split(r",(?!\s)", argument[len(sign) :])
    return sign + ",".join(map(_quoted_value, parts))


def _quoted_value(text: str) -> str:
    """Return a word, or a field with a value, whose text is in quotes if it has to be."""
    name = _FIELD_NAME.match(text)
    start = 0 if name is None else name.end()
    start += text.startswith("=", start) if name is not None else 0
    value = text[start:]
    return text if value.startswith('"') else text[:start] + quote(value)


def _may_be_field(name: str) -> bool:
    """Return whether a name is one of a field, or much like one."""
    return find_field(name) is not None or bool(
        nearest_name(name, [*SPECIAL_FIELDS, *QUERY_FIELDS], likeness=_LIKENESS)
    )


def divide(text: str) -> Iterator[TermText]:
    """Yield the terms of a query, and the commas between its groups.

    Raises:
        QueryError: quotes are not closed, or a sign or a value is missing.
    """
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif text[position] == ",":
            yield TermText(position)
            position += 1
        else:
            term, position = _read_term(text, position)
            yield term


def _read_term(text: str, start: int) -> tuple[TermText, int]:
    """Return the term that begins at a position, and where it ends."""
    negated = text[start] in "-^"
    position = start + negated
    pieces: list[Piece] = []
    while True:
        piece = _read_piece(text, position, in_field=any(it.field_name is not None for it in pieces))
        pieces.append(piece)
        position = piece.end
        is_attached = text[position : position + 1] == "," and not _is_blank(text, position + 1)
        if not is_attached:
            return TermText(start, negated, pieces), position
        position += 1


def _is_blank(text: str, position: int) -> bool:
    return position >= len(text) or text[position].isspace()


def _read_piece(text: str, start: int, *, in_field: bool) -> Piece:
    """Return the piece that begins at a position.

    Args:
        in_field: whether a field stands before it in the same term, of which it is another value.
    """
    match = _FIELD_NAME.match(text, start)
    name = None if match is None else text[start : match.end() - 1]
    value_start = start if match is None else match.end()
    is_exact = (in_field or name is not None) and text.startswith("=", value_start)
    begin = value_start + is_exact
    if text.startswith('"', begin):
        quoted = _QUOTED.match(text, begin)
        if quoted is None:
            raise QueryError("These quotes are not closed.", text, begin, begin + 1)
        value, end = _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
        if _END_OF_VALUE.match(text, end) is None:
            raise QueryError(
                'A blank or a comma has to follow quotes; a quote in quotes is written \\".',
                text,
                end,
                end + 1,
            )
        if not value:
            raise QueryError("There is nothing between these quotes.", text, begin, end)
        return Piece(name, value, is_exact, True, start, value_start, end)
    found = _END_OF_VALUE.search(text, begin)
    assert found is not None
    end = found.start()
    if begin == end:
        if name is not None:
            raise QueryError("A value is missing here.", text, start, end)
        raise QueryError("A word is missing here.", text, start - 1, min(start + 1, len(text)))
    return Piece(name, text[begin:end], is_exact, False, start, value_start, end)
