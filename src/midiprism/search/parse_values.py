"""Parses the value of a field in a query."""

import re
from collections.abc import Callable, Mapping

from midiprism.search.errors import QueryError
from midiprism.search.musical_keys import Mode, parse_key
from midiprism.search.query import (
    Choice,
    Contains,
    Dates,
    Equals,
    FieldMatch,
    Flag,
    Key,
    Range,
    Test,
    number_text,
)
from midiprism.search.query_fields import QUERY_FIELDS, QueryField, QueryKind, nearest_name
from midiprism.search.query_words import Piece

MAX_NUMBER = 10**12
"""Largest number to search for; columns have at most 64 bits."""

_NUMBER = r"-?(?:(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
_RANGE = re.compile(rf"({_NUMBER})?(\.\.)?({_NUMBER})?", re.ASCII)
_COMPARISON = re.compile(rf"(>=?|<=?)({_NUMBER})", re.ASCII)
_HYPHEN_RANGE = re.compile(rf"({_NUMBER})[-–]({_NUMBER})", re.ASCII)
_LETTERS = re.compile(r"[A-Za-z]+")
_CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9](?:\.[0-9]+)?)", re.ASCII)
_METER = re.compile(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})", re.ASCII)
_DAY = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?", re.ASCII)
_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
LENGTH_UNITS = {
    "s": "length_seconds", "sec": "length_seconds", "second": "length_seconds", "seconds": "length_seconds",
    "bar": "length_bars", "bars": "length_bars", "beat": "length_beats", "beats": "length_beats",
    "tick": "length_ticks", "ticks": "length_ticks",
}  # fmt: skip
"""Fields by the units of lengths."""


def parse_test(text: str, field: QueryField, piece: Piece) -> Test:
    """Return the test that a value of a field stands for.

    Args:
        text: of the query.
        field: the field.
        piece: the value, and its place in the query.

    Raises:
        QueryError: the field takes no such value.
    """
    if field.kind == "text":
        return Equals(piece.value) if piece.is_exact else Contains(piece.value)
    return _PARSERS[field.kind](text, field, piece)


def parse_length(text: str, piece: Piece) -> FieldMatch:
    """Return the match of a length with a unit, such as ``8bars``, ``..30s`` or ``1:30..2:00``.

    Raises:
        QueryError: it has no unit, or is no length.
    """
    value = _CLOCK.sub(lambda clock: number_text(int(clock[1]) * 60 + float(clock[2])), piece.value)
    units = {unit.lower() for unit in _LETTERS.findall(value)}
    if value != piece.value:
        units.add("s")
    names = {LENGTH_UNITS.get(unit) for unit in units}
    name = names.pop() if len(names) == 1 else None
    if name is None:
        reason = "A length has a unit: write 8bars, 16beats, ..30s or 1:30..2:00."
        raise QueryError(reason, text, piece.value_start, piece.end)
    number = "".join(_LETTERS.sub("", value).split())
    return FieldMatch(name, _parse_range(text, QUERY_FIELDS[name], piece, number))


def _parse_number(text: str, field: QueryField, piece: Piece) -> Test:
    return _parse_range(text, field, piece, piece.value)


def _parse_range(text: str, field: QueryField, piece: Piece, value: str) -> Range:
    def error(reason: str) -> QueryError:
        return QueryError(reason, text, piece.value_start, piece.end)

    match = _RANGE.fullmatch(value)
    if match is None or not (match[1] or match[3]) or (match[3] and not match[2]):
        raise error(f"{field.name} takes a number or a range: {_offer_range(value)}.")
    low, high = (_number(end) for end in (match[1], match[3]))
    if any(end is not None and abs(end) > MAX_NUMBER for end in (low, high)):
        raise error(f"The largest number is {MAX_NUMBER:,}.")
    if low is not None and high is not None and low > high:
        raise error(f"This range holds no number: write the smaller one first, {match[3]}..{match[1]}.")
    if not match[2]:
        high = low
    if field.is_integer and low == high and low is not None and low != int(low):
        raise error(f"{field.name} is a whole number.")
    return Range(low, high)


def _offer_range(value: str) -> str:
    """Return what to write instead of something that is no range."""
    comparison, hyphen = _COMPARISON.fullmatch(value), _HYPHEN_RANGE.fullmatch(value)
    if comparison is not None:
        sign, number = comparison.groups()
        return f"write {number}.." if sign.startswith(">") else f"write ..{number}"
    if hyphen is not None:
        return f"write {hyphen[1]}..{hyphen[2]}"
    return "write 64, 20.., ..100 or 20..100"


def _number(text: str | None) -> float | None:
    if not text:
        return None
    return float(text) if "." in text else int(text)


def _parse_key(text: str, field: QueryField, piece: Piece) -> Test:
    related = piece.value.endswith("~")
    name = piece.value.removesuffix("~")
    mode: Mode | None = {"major": "major", "minor": "minor"}.get(name.lower())  # type: ignore[assignment]
    if mode is not None and not related:
        return Key(None, mode)
    key = parse_key(name)
    if key is None:
        reason = f"{field.name} takes a key: write Dm, F#, Bb, minor, or Dm~ for related keys too."
        raise QueryError(reason, text, piece.value_start, piece.end)
    return Key(key.tonic, key.mode, related)


def _parse_meter(text: str, field: QueryField, piece: Piece) -> Test:
    if _METER.fullmatch(piece.value) is None:
        raise QueryError(f"{field.name} takes a meter: write 4/4.", text, piece.value_start, piece.end)
    return Choice(piece.value)


def _parse_choice(text: str, field: QueryField, piece: Piece) -> Test:
    by_folded = {choice.lower(): choice for choice in field.choices}
    found = by_folded.get(piece.value.lower())
    if found is None:
        nearest = nearest_name(piece.value, list(by_folded))
        offer = f"do you mean {by_folded[nearest]}?" if nearest else f"it takes {', '.join(field.choices)}."
        reason = f"{field.name} is never {piece.value}: {offer}"
        raise QueryError(reason, text, piece.value_start, piece.end)
    return Choice(found)


def _parse_flag(text: str, field: QueryField, piece: Piece) -> Test:
    value = _FLAGS.get(piece.value.lower())
    if value is None:
        raise QueryError(f"{field.name} is yes or no.", text, piece.value_start, piece.end)
    return Flag(value)


def _parse_dates(text: str, field: QueryField, piece: Piece) -> Test:
    low, dots, high = piece.value.partition("..")
    if not dots:
        high = low
    ends = [end for end in (low, high) if end]
    if not ends or not all(map(_DAY.fullmatch, ends)):
        reason = f"{field.name} takes a day or a range: write 2026, 2026-11, 2026-11-03 or 2026-11.."
        raise QueryError(reason, text, piece.value_start, piece.end)
    if low and high and low[: len(high)] > high[: len(low)]:
        reason = f"This range holds no day: write the earlier one first, {high}..{low}."
        raise QueryError(reason, text, piece.value_start, piece.end)
    return Dates(low or None, high or None)


_PARSERS: Mapping[QueryKind, Callable[[str, QueryField, Piece], Test]] = {
    "number": _parse_number,
    "share": _parse_number,
    "key": _parse_key,
    "meter": _parse_meter,
    "choice": _parse_choice,
    "flag": _parse_flag,
    "date": _parse_dates,
}
