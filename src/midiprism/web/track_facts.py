"""The facts of a track for people: each with its name, its value and what it means."""

from typing import Any

from midiprism.catalog.track_row import TrackRow
from midiprism.search.query_fields import QUERY_FIELDS, QueryField

_UNITS = (
    ("_seconds", "s"),
    ("_ticks", "ticks"),
    ("_beats", "beats"),
    ("_bars", "bars"),
    ("_bytes", "bytes"),
    ("bpm", "bpm"),
    ("tempo", "bpm"),
    ("size", "bytes"),
)


def track_facts(row: TrackRow) -> list[dict[str, Any]]:
    """Return all facts that a track has."""
    facts = []
    for field in QUERY_FIELDS.values():
        value = _value_of(row, field)
        if value is not None and value != "":
            facts.append(_fact(field, value))
    return facts


def _value_of(row: TrackRow, field: QueryField) -> Any:
    if field.record == "links":
        return getattr(row.link, field.field_names[0])
    if field.record == "tracks":
        return getattr(row.track, field.field_names[0])
    return row.song_facts.get(field.field_names[0])


def _fact(field: QueryField, value: Any) -> dict[str, Any]:
    if field.first:
        value += field.first
    if field.kind == "flag":
        value = bool(value)
    return {
        "name": field.name,
        "label": field.name.replace("_", " ").capitalize(),
        "value": value,
        "text": _text_of(field, value),
        "unit": next((unit for ending, unit in _UNITS if field.name.endswith(ending)), None),
        "description": field.description,
    }


def _text_of(field: QueryField, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0%}" if field.kind == "share" else f"{value:.4g}"
    return str(value)
