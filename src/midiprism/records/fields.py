"""The fields of tracks, links and songs: the one place where a field is declared.

The tables of the catalog, the columns of a batch, the Parquet files, the rows and filters of a search and the
tables in the documentation all derive from the lists at the end of this module. To add a fact of a track,
declare it in ``TrackRecord`` and compute it in ``midiprism.smf``.
"""

from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

SqlType = Literal["smallint", "integer", "bigint", "float", "text", "long_text", "blob", "json"]
ArrowType = Literal["int16", "int32", "int64", "float64", "string", "binary", "digest"]
"""An Arrow type; ``digest`` stands for a string of hex digits made of bytes."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record.

    Attributes:
        sql_type: type of its column in the catalog.
        arrow_type: type of its column in Parquet files.
        description: for comments of the catalog's tables and for the documentation.
        low_cardinality: whether few different values recur, so that a dictionary makes the column small.
        searchable: whether tracks can be searched by it.
        searched_with: other fields of the record in which a search by this one looks too.
        public_name: name of the field in filters and in JSON; empty for the field's own name.
        arbitrary_text: whether its text comes from a song as it is, and may hold what no database takes.
        split_attribute: attribute of a ``SplitTrack`` that has the value; empty
            for the field's own name, None where the worker has the value from elsewhere.
        parquet_name: name of its column in Parquet files; empty for the field's own name, None for no column.
        tables: tables of the catalog that have it, where a record goes into several.
        name: of the field; taken from the class that declares it.
        python_type: type of its values; taken from the class that declares it.
        nullable: whether its value may be None; taken from the class that declares it.
    """

    sql_type: SqlType
    arrow_type: ArrowType
    description: str
    low_cardinality: bool = False
    searchable: bool = False
    searched_with: tuple[str, ...] = ()
    public_name: str = ""
    arbitrary_text: bool = False
    split_attribute: str | None = ""
    parquet_name: str | None = ""
    tables: tuple[str, ...] = ()
    name: str = ""
    python_type: type = object
    nullable: bool = False


class ProblemRecord(NamedTuple):
    """Something about a song that a person should know; see ``midiprism.Problem``."""

    code: str
    message: str
    track: int | None = None
    offset: int | None = None


class TrackRecord(NamedTuple):
    """A track that the store holds, and the facts that its own bytes state."""

    digest: Annotated[
        bytes,
        Field("blob", "digest", "BLAKE3 of the track's bytes", split_attribute=None, parquet_name="blake3"),
    ]
    name: Annotated[
        str | None,
        Field(
            "text",
            "string",
            "name that the track's own bytes state",
            low_cardinality=True,
            arbitrary_text=True,
            split_attribute="own_name",
        ),
    ]
    instrument: Annotated[
        str,
        Field(
            "text",
            "string",
            "instrument that the track's own bytes state",
            low_cardinality=True,
            split_attribute="own_instrument",
        ),
    ]
    family: Annotated[
        str,
        Field(
            "text",
            "string",
            "family of that instrument",
            low_cardinality=True,
            split_attribute="own_family",
        ),
    ]
    channel: Annotated[
        int | None,
        Field("smallint", "int16", "0 to 15; NULL where it plays on several", low_cardinality=True),
    ]
    program: Annotated[
        int | None,
        Field("smallint", "int16", "0 to 127; NULL where it selects none or several", low_cardinality=True),
    ]
    note_count: Annotated[
        int, Field("integer", "int32", "notes that it plays", searchable=True, public_name="notes")
    ]
    lowest_pitch: Annotated[
        int | None, Field("smallint", "int16", "lowest MIDI note number, 0 to 127; NULL without notes")
    ]
    highest_pitch: Annotated[
        int | None, Field("smallint", "int16", "highest MIDI note number, 0 to 127; NULL without notes")
    ]
    duration_ticks: Annotated[int, Field("bigint", "int64", "tick of the end of the track")]
    duration_seconds: Annotated[
        float | None,
        Field("float", "float64", "the same in seconds; NULL where the division has no time"),
    ]
    last_note_ticks: Annotated[
        int, Field("bigint", "int64", "tick at which the last note ends", searchable=True)
    ] = 0
    last_note_seconds: Annotated[
        float | None,
        Field("float", "float64", "second at which the last note ends; NULL for none", searchable=True),
    ] = None
    ticks_per_quarter: Annotated[
        int | None,
        Field("integer", "int32", "1 to 32,767; NULL with an SMPTE division", low_cardinality=True),
    ] = None
    tempo: Annotated[
        float | None,
        Field(
            "float",
            "float64",
            "quarter notes per minute, as first stated; NULL where none is",
            low_cardinality=True,
        ),
    ] = None
    tempo_count: Annotated[
        int,
        Field("integer", "int32", "tempo events", low_cardinality=True),
    ] = 0
    time_signature: Annotated[
        str | None,
        Field("text", "string", "such as 6/8, as first stated", low_cardinality=True),
    ] = None
    key_signature: Annotated[
        str | None,
        Field(
            "text",
            "string",
            "such as D major or F# minor, as first stated",
            low_cardinality=True,
        ),
    ] = None
    note_hash: Annotated[
        int,
        Field(
            "bigint",
            "int64",
            "hash of its notes' onsets and pitches, whatever velocities, programs, tempo and resolution",
        ),
    ] = 0
    size: Annotated[int, Field("bigint", "int32", "bytes of the track", split_attribute=None)] = 0
    stem: Annotated[
        str,
        Field("text", "string", "readable part of its file name", split_attribute=None, parquet_name=None),
    ] = ""
    digest_digits: Annotated[
        int,
        Field(
            "smallint",
            "int16",
            "hex digits of the digest in its file name",
            split_attribute=None,
            parquet_name=None,
        ),
    ] = 32


class LinkRecord(NamedTuple):
    """A link from a song to one of its tracks: where the track was in the song, and how it sounds there.

    Attributes:
        track: the track that it leads to.
    """

    track_number: Annotated[int, Field("integer", "int32", "0-based index of the MTrk in the song")]
    port: Annotated[
        int | None, Field("smallint", "int16", "MIDI port, from 128 on a device; NULL where none is stated")
    ]
    channel: Annotated[
        int | None,
        Field("smallint", "int16", "0 to 15; NULL for several", low_cardinality=True, searchable=True),
    ]
    program: Annotated[
        int | None, Field("smallint", "int16", "0 to 127; NULL for none or several", low_cardinality=True)
    ]
    drum_piece: Annotated[
        int | None,
        Field(
            "smallint",
            "int16",
            "note number of the piece of a drum kit; NULL where it is not split by pieces",
            low_cardinality=True,
            searchable=True,
        ),
    ]
    part_count: Annotated[
        int,
        Field(
            "integer",
            "int32",
            "tracks that the MTrk was split into",
            low_cardinality=True,
            split_attribute=None,
        ),
    ]
    name: Annotated[
        str | None,
        Field(
            "text",
            "string",
            "name of the track",
            low_cardinality=True,
            searchable=True,
            arbitrary_text=True,
        ),
    ]
    instrument: Annotated[
        str,
        Field(
            "text",
            "string",
            "instrument, as heard in the song",
            low_cardinality=True,
            searchable=True,
            searched_with=("family",),
        ),
    ]
    family: Annotated[
        str, Field("text", "string", "family of that instrument", low_cardinality=True, searchable=True)
    ]
    track: TrackRecord


class SongRecord(NamedTuple):
    """A path at which a song was found, and the song's outcome.

    Attributes:
        outcome: one of ``OUTCOMES``; None where the song is known already, or comes earlier in the batch, and
            only the path is new.
        links: the song's links, in the order of its tracks.
    """

    path: Annotated[
        bytes,
        Field("blob", "binary", "absolute, in the file system's bytes", tables=("song_paths",)),
    ]
    root_length: Annotated[
        int,
        Field(
            "integer",
            "int32",
            "leading bytes of the path that are the source folder, with its separator",
            tables=("song_paths",),
        ),
    ]
    song_name: Annotated[
        str,
        Field(
            "text",
            "string",
            "path below the source folder as text, without suffix",
            searchable=True,
            arbitrary_text=True,
            tables=("song_paths",),
        ),
    ]
    size: Annotated[int, Field("bigint", "int64", "bytes of the file", tables=("songs", "song_paths"))]
    mtime_ns: Annotated[
        int,
        Field(
            "bigint",
            "int64",
            "time of the file's last change, in nanoseconds since 1970",
            tables=("song_paths",),
        ),
    ]
    digest: Annotated[
        bytes | None,
        Field(
            "blob",
            "digest",
            "BLAKE3 of the song's bytes; NULL where they could not be read whole",
            parquet_name="blake3",
            tables=("songs",),
        ),
    ]
    outcome: Annotated[
        str | None,
        Field("text", "string", "what became of the song", low_cardinality=True, tables=("songs",)),
    ]
    format: Annotated[
        int | None,
        Field("integer", "int32", "as the header says", low_cardinality=True, tables=("songs",)),
    ] = None
    num_tracks: Annotated[
        int | None,
        Field(
            "integer", "int32", "MTrk chunks found, playing or not", low_cardinality=True, tables=("songs",)
        ),
    ] = None
    division: Annotated[
        int | None,
        Field(
            "integer",
            "int32",
            "division of the header: ticks per quarter note, or SMPTE with bit 15 set",
            low_cardinality=True,
            parquet_name=None,
            tables=("songs",),
        ),
    ] = None
    duration_ticks: Annotated[
        int | None, Field("bigint", "int64", "tick of the last end of track", tables=("songs",))
    ] = None
    duration_seconds: Annotated[
        float | None,
        Field(
            "float", "float64", "the same in seconds; NULL where the division has no time", tables=("songs",)
        ),
    ] = None
    lost_bytes: Annotated[
        int | None,
        Field("bigint", "int64", "bytes of music that damage has cost; NULL for no loss", tables=("songs",)),
    ] = None
    problems: Annotated[
        tuple[ProblemRecord, ...],
        Field(
            "json",
            "string",
            "[{code, message, track, offset}], NULL for none",
            parquet_name=None,
            tables=("songs",),
        ),
    ] = ()
    source_metadata: Annotated[
        str | None,
        Field(
            "long_text",
            "string",
            "what the source says of the song beside its bytes, as a JSON object",
            parquet_name=None,
            tables=("song_paths",),
        ),
    ] = None
    links: tuple[LinkRecord, ...] = ()


def _declared_fields(record_type: type[Any]) -> tuple[Field, ...]:
    """Return the annotated fields of a record class, in their order."""
    fields = []
    for name, hint in get_type_hints(record_type, include_extras=True).items():
        declared = next((it for it in get_args(hint)[1:] if isinstance(it, Field)), None)
        if declared is None:
            continue
        annotated = get_args(hint)[0]
        types = get_args(annotated) if isinstance(annotated, UnionType) else (annotated,)
        value_type = next(it for it in types if it is not type(None))
        fields.append(
            replace(
                declared,
                name=name,
                python_type=get_origin(value_type) or value_type,
                nullable=type(None) in types,
                split_attribute=name if declared.split_attribute == "" else declared.split_attribute,
                parquet_name=name if declared.parquet_name == "" else declared.parquet_name,
                public_name=declared.public_name or name,
            )
        )
    return tuple(fields)


TRACK_FIELDS = _declared_fields(TrackRecord)
LINK_FIELDS = _declared_fields(LinkRecord)
SONG_FIELDS = _declared_fields(SongRecord)
