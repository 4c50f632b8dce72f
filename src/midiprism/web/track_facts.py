"""The facts of tracks and songs for people: each with its name, its value and what it means."""

from collections.abc import Mapping
from typing import Any

from midiprism.catalog.track_row import TrackRow
from midiprism.records.fields import SONG_FIELDS
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
_NO_SONG_FACTS = ("facts_version", "division")


def track_facts(row: TrackRow) -> list[dict[str, Any]]:
    """Return all facts that a track has."""
    values = [(field, _value_of(row, field)) for field in QUERY_FIELDS.values()]
    return [_track_fact(field, value) for field, value in values if value is not None and value != ""]


def song_facts(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the facts of a song.

    Args:
        values: of the fields of songs by their names.
    """
    described = {field.name: field.description for field in SONG_FIELDS}
    return [
        fact(name, value, described[name])
        for name, value in values.items()
        if value is not None and name not in _NO_SONG_FACTS
    ]


def fact(name: str, value: Any, description: str, *, is_share: bool = False) -> dict[str, Any]:
    """Return a fact in JSON."""
    return {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "value": value,
        "text": _text_of(value, is_share=is_share),
        "unit": next((unit for ending, unit in _UNITS if name.endswith(ending)), None),
        "description": description,
    }


def _value_of(row: TrackRow, field: QueryField) -> Any:
    if field.record == "links":
        return getattr(row.link, field.field_names[0])
    if field.record == "tracks":
        return getattr(row.track, field.field_names[0])
    return row.song_facts.get(field.field_names[0])


def _track_fact(field: QueryField, value: Any) -> dict[str, Any]:
    shown = bool(value) if field.kind == "flag" else value + field.first if field.first else value
    return fact(field.name, shown, field.shown_description, is_share=field.kind == "share")


def _text_of(value: Any, *, is_share: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0%}" if is_share else f"{value:.4g}"
    return str(value)
