"""The path that ``export`` gives a track: a template of fields, and names that every system takes."""

import re
import string
from collections.abc import Iterator, Set
from dataclasses import dataclass

from midiprism.catalog import TrackRow
from midiprism.errors import UsageError
from midiprism.stores import safe_name

FIELDS = (
    "song_path",
    "song",
    "track",
    "name",
    "label",
    "instrument",
    "family",
    "channel",
    "program",
    "drum_piece",
    "digest",
    "notes",
)
PRESETS = {
    "song": "{song_path}/{track:02} {label}.mid",
    "instrument": "{family}/{instrument}/{song} - {track:02} {name}.mid",
}
SUFFIX = ".mid"

_DISTINCTIVE_FIELDS = ("song_path", "song", "track", "name", "label", "digest")
"""Fields of which one is needed: the values of all others are the same for thousands of tracks."""
_NUMBER_FIELDS = frozenset({"track", "channel", "program", "drum_piece", "notes"})
_NUMBER_FORMAT = re.compile(r"0?[0-9]{0,2}")
_COMPONENT_BYTES = 120
_MAX_NAME_CHARACTERS = 1_000
"""Characters of a name that are looked at: what is done with a name costs more than its length."""
_SPACES = re.compile(r" {2,}")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Literal text, then a field (None at the end) with its format."""

    literal: str
    field: str | None
    format: str


class PathTemplate:
    """A path with fields in it, such as ``{family}/{song} {track:02}.mid``.

    Numbers of tracks and channels count from 1. Only ``{song_path}`` makes folders; a ``/`` in any other
    value does not. An ending of ``.mid`` is added where it is missing.

    Raises:
        UsageError: a field is unknown, none distinguishes tracks, or the path would leave the folder.
    """

    def __init__(self, text: str) -> None:
        self.text = PRESETS.get(text, text)
        self._pieces = tuple(_parse_pieces(self.text))
        literal = "".join(piece.literal + ("x" if piece.field else "") for piece in self._pieces)
        if literal.startswith("/") or any(part in ("", ".", "..") for part in literal.split("/")):
            raise UsageError(f"The template {self.text} is not the path of a file below the folder.")
        _check_fields(self.text, {piece.field for piece in self._pieces})

    def render(self, row: TrackRow, song_path: tuple[str, ...]) -> tuple[str, ...]:
        """Return a track's folders and file name, safe on every system; the name is without ``.mid``.

        Args:
            song_path: value of ``{song_path}``, see ``song_path``.
        """
        values = _field_values(row)
        parts = [""]
        for piece in self._pieces:
            first, *rest = piece.literal.split("/")
            parts[-1] += first
            parts.extend(rest)
            if piece.field == "song_path":
                first, *rest = song_path
                parts[-1] += first
                parts.extend(rest)
            elif piece.field is not None:
                parts[-1] += _format_value(values[piece.field], piece.format)
        if parts[-1].lower().endswith(SUFFIX):
            parts[-1] = parts[-1][: -len(SUFFIX)]
        return tuple(safe_component(part) for part in parts)


def safe_component(text: str) -> str:
    """Return ``text`` as one component of a path, never empty."""
    return safe_name(_SPACES.sub(" ", text[:_MAX_NAME_CHARACTERS]).strip(), _COMPONENT_BYTES) or "unnamed"


def song_path(row: TrackRow) -> tuple[str, ...]:
    """Return a song's path below its source folder, without suffix, each component safe."""
    return tuple(safe_component(part) for part in row.song_name.split("/") if part) or ("unnamed",)


def add_number(name: str, number: int) -> str:
    """Return ``name`` itself for 1, then ``name (2)`` and so on."""
    return name if number == 1 else f"{name} ({number})"


def _parse_pieces(text: str) -> Iterator[_Piece]:
    known = ", ".join(f"{{{field}}}" for field in FIELDS)
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise UsageError(f"The template {text} cannot be read: {error}.") from error
    for literal, field, spec, conversion in parsed:
        if field is not None and (field not in FIELDS or conversion):
            raise UsageError(f"The template {text} has an unknown field {{{field}}}: the fields are {known}.")
        if spec and (field not in _NUMBER_FIELDS or not _NUMBER_FORMAT.fullmatch(spec)):
            raise UsageError(f"The template {text} has an unknown format :{spec}; numbers take one like :02.")
        yield _Piece(literal, field, spec or "")


def _check_fields(text: str, fields: Set[str | None]) -> None:
    """Raise UsageError if a template has no field that distinguishes tracks."""
    if fields.isdisjoint(_DISTINCTIVE_FIELDS):
        known = ", ".join(f"{{{field}}}" for field in _DISTINCTIVE_FIELDS)
        presets = " nor ".join(PRESETS)
        not_preset = (
            f"{text} is neither {presets}, and as a template it"
            if "{" not in text
            else f"The template {text}"
        )
        raise UsageError(f"{not_preset} would give many tracks the same name: it needs one of {known}.")


def _field_values(row: TrackRow) -> dict[str, str | int]:
    return {
        "song": row.song_name.rpartition("/")[2],
        "track": row.link.track_number + 1,
        "name": _track_name(row),
        "label": _track_label(row),
        "instrument": row.link.instrument,
        "family": row.link.family,
        "channel": "" if row.link.channel is None else row.link.channel + 1,
        "program": "" if row.link.program is None else row.link.program,
        "drum_piece": "" if row.link.drum_piece is None else row.link.drum_piece,
        "digest": row.track.digest.hex(),
        "notes": row.track.note_count,
    }


def _track_name(row: TrackRow) -> str:
    """Return the track's name, or its instrument; both if the source track was divided."""
    name = _own_name(row)
    if not name:
        return row.link.instrument
    return (
        f"{name} - {row.link.instrument}" if row.link.part_count > 1 and name != row.link.instrument else name
    )


def _format_value(value: str | int, spec: str) -> str:
    return format(value, spec) if isinstance(value, int) else value.replace("/", "_")


def _track_label(row: TrackRow) -> str:
    """Return the track's name, followed by its instrument unless the name contains it."""
    name = _own_name(row)
    if not name or name.casefold() == row.link.instrument.casefold():
        return row.link.instrument
    if row.link.instrument.casefold() in name.casefold():
        return name
    return f"{name} ({row.link.instrument})"


def _own_name(row: TrackRow) -> str:
    """Return the name that the track has in its song; empty without one."""
    return (row.link.name or "")[:_MAX_NAME_CHARACTERS]
