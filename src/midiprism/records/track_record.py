"""The fields of a track: what its own bytes state, and the facts that are computed from its notes."""

from typing import Annotated, NamedTuple

from midiprism.records.field import Field, fact, group


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
    note_count: Annotated[int, Field("integer", "int32", "notes that it plays", public_name="notes")]
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
    last_note_ticks: Annotated[int, Field("bigint", "int64", "tick at which the last note ends")] = 0
    last_note_seconds: Annotated[
        float | None,
        Field("float", "float64", "second at which the last note ends; NULL for none"),
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
    facts_version: Annotated[
        int | None,
        fact(
            "smallint",
            "version of the facts that follow; NULL where they were not computed",
            low_cardinality=True,
        ),
    ] = None
    dominant_tempo: Annotated[
        float | None,
        fact(
            "float",
            "quarter notes per minute that hold for most of the time; 120 where none is stated",
            low_cardinality=True,
        ),
    ] = None
    time_signatures: Annotated[
        str | None,
        fact("text", "all stated ones that differ, in their order, such as 4/4, 3/4", low_cardinality=True),
    ] = None
    key_signatures: Annotated[
        str | None, fact("text", "all stated ones that differ, in their order", low_cardinality=True)
    ] = None
    is_drums: Annotated[int | None, fact("smallint", "1 for a drum kit, else 0", low_cardinality=True)] = None
    bank: Annotated[
        int | None,
        fact(
            "integer",
            "sound bank of the first note: 128 times controller 0 plus controller 32; NULL for none",
            low_cardinality=True,
        ),
    ] = None
    mpe: Annotated[
        int | None,
        fact("smallint", "1 where it sets up MIDI polyphonic expression, else 0", low_cardinality=True),
    ] = None
    lyric_count: Annotated[int | None, fact("integer", "lyric events", low_cardinality=True)] = None
    first_note_ticks: Annotated[int | None, fact("bigint", "tick at which the first note begins")] = None
    first_note_seconds: Annotated[float | None, fact("float", "second at which the first note begins")] = None
    length_beats: Annotated[
        float | None,
        fact("float", "quarter notes from the beginning of the first note to the end of the last"),
    ] = None
    length_bars: Annotated[
        int | None,
        fact("integer", "bars from that of the first note to that of the last", low_cardinality=True),
    ] = None
    notes_per_beat: Annotated[float | None, fact("float", "notes for each quarter note of length_beats")] = (
        None
    )
    notes_per_second: Annotated[float | None, fact("float", "notes for each second of that time")] = None
    polyphony: Annotated[
        float | None, fact("float", "pitches that sound at once, as a mean over the time in which some sound")
    ] = None
    max_polyphony: Annotated[
        int | None, fact("integer", "most pitches that sound at once", low_cardinality=True)
    ] = None
    mean_duration_beats: Annotated[float | None, fact("float", "mean length of a note in quarter notes")] = (
        None
    )
    pitch_range: Annotated[
        int | None, fact("smallint", "semitones from the lowest note to the highest", low_cardinality=True)
    ] = None
    median_pitch: Annotated[float | None, fact("float", "median MIDI note number", low_cardinality=True)] = (
        None
    )
    median_interval: Annotated[
        float | None,
        fact("float", "median of the semitones from one top note to the next", low_cardinality=True),
    ] = None
    n_pitches_used: Annotated[
        int | None, fact("smallint", "different MIDI note numbers", low_cardinality=True)
    ] = None
    n_pitch_classes_used: Annotated[
        int | None, fact("smallint", "different pitch classes, at most 12", low_cardinality=True)
    ] = None
    mean_velocity: Annotated[float | None, fact("float", "mean velocity of the notes, 1 to 127")] = None
    velocity_deviation: Annotated[float | None, fact("float", "standard deviation of the velocities")] = None
    key: Annotated[str | None, fact("text", "estimated key, such as D minor", low_cardinality=True)] = None
    key_strength: Annotated[float | None, fact("float", "correlation of the notes with that key, 0 to 1")] = (
        None
    )
    pitch_class_weights: Annotated[
        bytes | None,
        fact("blob", "quarter notes for which each pitch class from C on sounds: 12 half-precision floats"),
    ] = None
    final_pitch: Annotated[
        int | None,
        fact("smallint", "lowest MIDI note number among the notes that begin last", low_cardinality=True),
    ] = None
    final_onset_ticks: Annotated[int | None, fact("bigint", "tick at which the last note begins")] = None
    grid_4: Annotated[float | None, fact("float", "share of notes that begin on a quarter note")] = None
    grid_8: Annotated[float | None, fact("float", "share of notes that begin on an eighth, or a quarter")] = (
        None
    )
    grid_16: Annotated[
        float | None, fact("float", "share of notes that begin on a sixteenth, or a longer value")
    ] = None
    grid_32: Annotated[
        float | None, fact("float", "share of notes that begin on a thirty-second, or a longer value")
    ] = None
    grid_triplet: Annotated[
        float | None, fact("float", "share of notes that begin on a third of a quarter note")
    ] = None
    nomml: Annotated[
        int | None,
        fact("smallint", "note onset median metric level of GigaMIDI, 0 to 12", low_cardinality=True),
    ] = None
    swing: Annotated[
        float | None,
        fact(
            "float",
            "length of the first eighth of a beat relative to the second; NULL for too few such notes",
        ),
    ] = None
    bar_repetition: Annotated[float | None, fact("float", "share of bars with notes that occur before")] = (
        None
    )
    loop_share: Annotated[
        float | None, fact("float", "share of bars with notes that belong to a loop of 4 to 32 quarter notes")
    ] = None
    loops: Annotated[
        int | None,
        fact(
            "smallint",
            "1 where it fills a whole number of bars and no note hangs over, else 0",
            low_cardinality=True,
        ),
    ] = None
    role: Annotated[
        str | None, fact("text", "drums, bass, melody, chords, arpeggio, pad or other", low_cardinality=True)
    ] = None
    role_strength: Annotated[float | None, fact("float", "how clear that role is, 0 to 1")] = None
    drum_pieces: Annotated[
        str | None,
        fact("text", "MIDI note numbers that a drum kit plays, such as 36,38,42", low_cardinality=True),
    ] = None
    similar_track_group: Annotated[
        int | None, group("group of tracks that are the same music; NULL for a track that is in none")
    ] = None
