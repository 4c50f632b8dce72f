"""Describe an inspection of a MIDI file as JSON, which is printed in pieces."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from midiprism.smf import Inspection

_ITEMS_PER_PIECE = 500


def print_inspection_json(file: str, inspection: "Inspection") -> None:
    """Print one JSON object on a line of standard output.

    A file of some kilobytes may have a million tempo changes: they are never in memory as text all at once.
    """
    for piece in _json_pieces(file, inspection):
        typer.echo(piece, nl=False)


def _json_pieces(file: str, inspection: "Inspection") -> Iterator[str]:
    """Yield the object in pieces, the text of each being short."""
    yield f'{{"file": {json.dumps(file)}'
    for field in fields(inspection):
        value = getattr(inspection, field.name)
        yield f", {json.dumps(field.name)}: "
        if isinstance(value, tuple):
            yield from _list_pieces(value)
        else:
            yield json.dumps(value)
    yield "}\n"


def _list_pieces(items: Sequence[Any]) -> Iterator[str]:
    """Yield a list of values in pieces."""
    separator = "["
    for first in range(0, len(items), _ITEMS_PER_PIECE):
        part = [json.dumps(asdict(item)) for item in items[first : first + _ITEMS_PER_PIECE]]
        yield separator + ", ".join(part)
        separator = ", "
    yield "[]" if not items else "]"
