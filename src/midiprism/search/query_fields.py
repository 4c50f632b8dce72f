"""The fields of queries, which derive from the fields of the records.

Every text and number of a record is a field of queries, but for those that only serve the catalog itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal

from midiprism.records.field import Field
from midiprism.records.fields import LINK_FIELDS, SONG_FACT_FIELDS, SONG_FIELDS, TRACK_FIELDS
from midiprism.search.query import Range, number_text

QueryKind = Literal["text", "number", "share", "choice", "key", "meter", "flag", "date"]
FieldRecord = Literal["links", "tracks", "songs", "catalog"]
"""The record that has a field; ``catalog`` for what the catalog knows beside records."""

RELATIVE_TOLERANCE = 1e-5
"""A file states microseconds per quarter note, so 95 quarter notes per minute are stored as 95.00007."""

_SHARE_TOLERANCE = 0.005
SONG_NAME = "song_name"
"""The field that a song has once for each of its paths."""

SOURCE = "source"
"""The field of songs that follows from their paths."""

_SHORT_NAMES: Mapping[str, str] = {
    "dominant_tempo": "bpm",
    "time_signature": "meter",
    "song_name": "song",
    "track_number": "track",
    "lyric_count": "lyrics",
    "is_drums": "drums",
    "last_note_ticks": "length_ticks",
    "last_note_seconds": "length_seconds",
}
"""Names that queries show for fields of records."""

_KINDS: Mapping[str, QueryKind] = {
    "key": "key",
    "key_signature": "key",
    "song_key": "key",
    "time_signature": "meter",
    "role": "choice",
    **dict.fromkeys(("is_drums", "mpe", "loops"), "flag"),
    **dict.fromkeys(
        ("key_strength", "song_key_strength", "role_strength", "bar_repetition", "loop_share"), "share"
    ),
    **dict.fromkeys((f"grid_{value}" for value in (4, 8, 16, 32, "triplet")), "share"),
}
"""Kinds of fields other than text and number."""

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "role": ("drums", "bass", "melody", "chords", "arpeggio", "pad", "other"),
}
_NOT_QUERIED = frozenset({"note_hash", "stem", "digest_digits", "facts_version", "final_onset_ticks"})
_COUNTED_FROM_1 = frozenset({"track_number", "channel"})


@dataclass(frozen=True, slots=True)
class QueryField:
    """A field of queries.

    Attributes:
        name: as queries show it.
        kind: how its values are searched for.
        record: that has it.
        field_names: the fields of the record of which one has to match; the first one has the value.
        description: for people.
        aliases: other names that queries may use.
        choices: the values that it can have, if it is a choice.
        is_integer: whether its values are whole numbers.
        computed: whether it is a fact that is computed from the notes, which an older result may lack.
        first: the number that people give the value 0: 1 for channels and tracks.
    """

    name: str
    kind: QueryKind
    record: FieldRecord
    field_names: tuple[str, ...]
    description: str
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    is_integer: bool = False
    computed: bool = False
    first: int = 0

    @property
    def shown_description(self) -> str:
        """The description, as people count."""
        text = "1 to 16" if self.name == "channel" else self.description
        text = text.replace("0-based index", "number") if self.first else text
        return text.replace("NULL", "empty")

    @property
    def is_numeric(self) -> bool:
        """True if it takes numbers and ranges."""
        return self.kind in ("number", "share")

    @property
    def is_count(self) -> bool:
        """True if it counts something, so that 0 is nothing."""
        return self.field_names[0].endswith("_count")

    def bounds(self, wanted: Range) -> tuple[float | None, float | None]:
        """Return the least and the greatest value in the catalog that a range holds, both inclusive.

        One number holds the values that round to it, at as many digits as it is written with: 90 holds 89.5
        to 90.5, and 90.2 holds 90.15 to 90.25. A share is taken to two digits at least. The ends of a range
        are exact but for what rounding in MIDI files costs.
        """
        low, high = wanted.low, wanted.high
        if self.is_integer:
            return (
                None if low is None else low - self.first,
                None if high is None else high - self.first,
            )
        if low is not None and low == high:
            tolerance = _half_unit(low)
            if self.kind == "share":
                tolerance = min(tolerance, _SHARE_TOLERANCE)
            return low - tolerance, low + tolerance
        return (
            None if low is None else low - abs(low) * RELATIVE_TOLERANCE,
            None if high is None else high + abs(high) * RELATIVE_TOLERANCE,
        )


def _half_unit(number: float) -> float:
    """Return half of the last digit with which a number is written."""
    exponent = Decimal(number_text(number)).as_tuple().exponent
    return float(f"5e{int(exponent) - 1}")


def _kind_of(field: Field) -> QueryKind:
    return _KINDS.get(field.name, "text" if field.python_type is str else "number")


def _is_queried(record: FieldRecord, field: Field) -> bool:
    if record == "songs" and field not in SONG_FACT_FIELDS and field.name != SONG_NAME:
        return False
    return field.python_type in (str, int, float) and field.name not in _NOT_QUERIED


def _make_field(record: FieldRecord, field: Field) -> QueryField:
    shown_name = _SHORT_NAMES.get(field.name, field.public_name)
    shown, *others = dict.fromkeys((shown_name, field.public_name, field.name))
    is_from_1 = field.name in _COUNTED_FROM_1
    return QueryField(
        name=shown,
        kind=_kind_of(field),
        record=record,
        field_names=(field.name, *field.searched_with),
        description=field.description,
        aliases=tuple(others),
        choices=_CHOICES.get(field.name, ()),
        is_integer=field.python_type is int,
        computed=field.computed,
        first=int(is_from_1),
    )


def _record_fields() -> Iterator[QueryField]:
    """Yield the fields of records. Where a link and its track have one of the same name, it is the link's."""
    records: tuple[tuple[FieldRecord, Sequence[Field]], ...] = (
        ("songs", SONG_FIELDS),
        ("links", LINK_FIELDS),
        ("tracks", TRACK_FIELDS),
    )
    seen: set[str] = set()
    for record, fields in records:
        for field in fields:
            if _is_queried(record, field) and field.name not in seen:
                seen.add(field.name)
                yield _make_field(record, field)


_FURTHER_FIELDS = (
    QueryField(SOURCE, "text", "songs", (SOURCE,), "folder, archive or Parquet file of the song"),
    QueryField("shared", "number", "catalog", ("shared",), "songs that have the same track", is_integer=True),
    QueryField("added", "date", "catalog", ("added",), "day on which the track was added"),
)

QUERY_FIELDS: Mapping[str, QueryField] = {
    field.name: field for field in (*_record_fields(), *_FURTHER_FIELDS)
}
"""All fields of queries by their names, without aliases."""

WORD_FIELDS = tuple(QUERY_FIELDS[name] for name in ("song", "name", "instrument"))
"""The fields in which a word is looked for."""

LENGTH_FIELD = "length"
"""The name under which the length of a track is given with a unit."""

_BY_ANY_NAME = {name: field for field in QUERY_FIELDS.values() for name in (field.name, *field.aliases)}


def find_field(name: str) -> QueryField | None:
    """Return the field of a name or an alias, in any case and with - for _; None for none."""
    return _BY_ANY_NAME.get(name.lower().replace("-", "_"))


def nearest_name(name: str, candidates: Sequence[str], *, likeness: float = 0.5) -> str | None:
    """Return the candidate that is most like a name; None if none is as much like it, from 0 to 1."""
    return next(iter(get_close_matches(name.lower(), candidates, 1, cutoff=likeness)), None)
