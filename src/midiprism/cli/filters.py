"""The filters of ``list`` and ``export``, which derive from the searchable fields of the records."""

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.errors import UsageError
from midiprism.records.filters import FILTERS, Filter

if TYPE_CHECKING:
    from midiprism.catalog import Selection

_RANGE_PATTERN = re.compile(r"([0-9]*\.?[0-9]+)?(\.\.)?([0-9]*\.?[0-9]+)?", re.ASCII)
_MAX_RANGE_LENGTH = 40
_OPTION_NAMES = {"song_name": "song"}
_COUNTED_FROM_1 = {"channel": (1, 16)}
"""Numbers that musicians count from 1, with the least and the greatest."""


class FilterOptions:
    """The values of the filter options by their names; None for one that is not given."""

    def __init__(self, **values: str | int | None) -> None:
        self._values = values

    @property
    def given(self) -> bool:
        """True if there is any filter."""
        return any(value is not None for value in self._values.values())

    @staticmethod
    def option_parameters() -> list[inspect.Parameter]:
        """Return a parameter for each filter, as a command declares its options."""
        return [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in _annotations()
        ]

    def selection(self) -> "Selection":
        """Return the filters as a query of the catalog.

        Raises:
            UsageError: a range is not a range.
        """
        from midiprism.catalog import Selection

        filters: dict[str, Any] = {}
        for item in FILTERS.values():
            name = _option_name(item)
            value = self._values.get(name)
            if item.comparison == "at_least":
                filters[item.name] = parse_range(name, value)[0]
            elif item.comparison == "at_most":
                filters[item.name] = parse_range(name, value)[1]
            elif item.comparison == "equals" and name in _COUNTED_FROM_1 and value is not None:
                filters[item.name] = int(value) - 1
            else:
                filters[item.name] = value
        return Selection(**filters)


def parse_range(name: str, text: str | int | None) -> tuple[float | None, float | None]:
    """Return the minimum and maximum of ``64``, ``20..``, ``..100`` or ``20..100``.

    Raises:
        UsageError: it is not a range.
    """
    if text is None:
        return None, None
    text = str(text)
    match = _RANGE_PATTERN.fullmatch(text)
    if match is None or not (match[1] or match[3]) or len(text) > _MAX_RANGE_LENGTH:
        raise UsageError(f"--{name} {text} is not a range: write 64, 20.., ..100 or 20..100.")
    minimum, maximum = (_parse_number(part) for part in (match[1], match[3]))
    if minimum is not None and maximum is not None and minimum > maximum:
        raise UsageError(
            f"--{name} {text} holds no number: write the smaller one first, {match[3]}..{match[1]}."
        )
    return (minimum, maximum) if match[2] else (minimum, minimum)


def _parse_number(text: str | None) -> float | None:
    if not text:
        return None
    return float(text) if "." in text else int(text)


def _option_name(item: Filter) -> str:
    return _OPTION_NAMES.get(item.field.public_name, item.field.public_name)


def option_of_filter(name: str) -> str:
    """Return the option that sets a filter."""
    return _option(_option_name(FILTERS[name]))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _annotations() -> Iterator[tuple[str, Any]]:
    """Yield the name and the annotation of the option of each filter."""
    for item in FILTERS.values():
        name = _option_name(item)
        option = _option(name)
        description = item.field.description.partition(";")[0]
        if item.comparison == "contains":
            help_text = f"Only tracks with TEXT in the {description}, in any case."
            yield name, Annotated[str | None, typer.Option(option, metavar="TEXT", help=help_text)]
        elif item.comparison == "equals":
            least, greatest = _COUNTED_FROM_1.get(name, (None, None))
            shown = description if least is None else f"{least} to {greatest}"
            help_text = f"Only tracks with this {name.replace('_', ' ')}: {shown}."
            yield name, Annotated[int | None, typer.Option(option, min=least, max=greatest, help=help_text)]
        elif item.comparison == "at_least":
            help_text = f"Only tracks in a range of {name} ({description}): 64, 20.., ..100 or 20..100."
            yield name, Annotated[str | None, typer.Option(option, metavar="RANGE", help=help_text)]
