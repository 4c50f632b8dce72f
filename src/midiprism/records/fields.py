"""The fields of tracks, links and songs: the one place where a field is declared.

The tables of the catalog, the columns of a batch, the Parquet files, the rows and filters of a search and the
tables in the documentation all derive from the lists at the end of this module. To add a fact of a track,
declare it in ``TrackRecord`` and compute it in ``midiprism.features``.
"""

from typing import Annotated, NamedTuple

from midiprism.records.field import Field, declared_fields, fact, group
from midiprism.records.track_record import TrackRecord


class ProblemRecord(NamedTuple):
    """Something about a song that a person should know; see ``midiprism.Problem``."""

    code: str
    message: str
    track: int | None = None
    offset: int | None = None


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
        Field("smallint", "int16", "0 to 15; NULL for several", low_cardinality=True),
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
            arbitrary_text=True,
        ),
    ]
    name_encoding: Annotated[
        str | None,
        Field(
            "text",
            "string",
            "encoding in which the name was read, such as cp932",
            low_cardinality=True,
            added_later=True,
        ),
    ]
    instrument: Annotated[
        str,
        Field(
            "text",
            "string",
            "instrument, as heard in the song",
            low_cardinality=True,
            searched_with=("family",),
        ),
    ]
    family: Annotated[str, Field("text", "string", "family of that instrument", low_cardinality=True)]
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
    facts_version: Annotated[
        int | None,
        fact(
            "smallint",
            "version of the facts that follow; NULL where they were not computed",
            parquet_name=None,
            tables=("songs",),
        ),
    ] = None
    song_key: Annotated[
        str | None,
        fact(
            "text",
            "estimated key of all its tracks but drums, such as D minor",
            low_cardinality=True,
            tables=("songs",),
        ),
    ] = None
    song_key_strength: Annotated[
        float | None, fact("float", "correlation of the notes with that key, 0 to 1", tables=("songs",))
    ] = None
    similar_song_group: Annotated[
        int | None,
        group("group of songs that share similar tracks; NULL for a song that is in none", tables=("songs",)),
    ] = None
    links: tuple[LinkRecord, ...] = ()


TRACK_FIELDS = declared_fields(TrackRecord)
LINK_FIELDS = declared_fields(LinkRecord)
SONG_FIELDS = declared_fields(SongRecord)
TRACK_FACT_NAMES = tuple(field.name for field in TRACK_FIELDS if field.computed)
"""Names of the fields of tracks that ``midiprism.features`` computes."""

SONG_FACT_FIELDS = tuple(
    field for field in SONG_FIELDS if (field.computed and field.name != "facts_version") or field.grouped
)
"""Fields of songs that follow from their tracks, after the run."""

SONG_KEY_FACTS = ("facts_version", "pitch_class_weights", "final_onset_ticks", "final_pitch")
"""Names of the facts of tracks from which the keys of songs are found."""
