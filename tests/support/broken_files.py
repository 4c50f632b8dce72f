"""Files with broken or unusual tracks, each with the expected outcome, problems and notes."""

from dataclasses import dataclass

from midiprism.smf import By, Outcome
from support.midi_parser import COPYRIGHT, KEY_SIGNATURE, SMPTE_OFFSET, TEMPO, TIME_SIGNATURE, TRACK_NAME
from support.midi_writer import (
    END_OF_TRACK,
    LONGEST_DELTA,
    RUNNING_STATUS_STYLE,
    EncodingStyle,
    TimedMessage,
    control_change,
    encode_events,
    header,
    key_signature,
    meta,
    note,
    note_off,
    note_on,
    program_change,
    raw_track,
    song,
    sysex,
    tempo,
    time_signature,
    track,
)

ExpectedNote = tuple[int, int, int, int]
"""A note that must survive: track, pitch, tick of its onset, tick of its end."""


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that must be split in spite of its damage.

    Attributes:
        problem_codes: problems that must be reported.
        notes: notes that must survive.
        optional_codes: further problems that may be reported.
    """

    description: str
    data: bytes
    problem_codes: tuple[str, ...]
    notes: tuple[ExpectedNote, ...]
    outcome: Outcome = "split"
    optional_codes: tuple[str, ...] = ()
    by: By = "track"


CONDUCTOR = track([(0, tempo(400_000)), (0, time_signature(3, 2))], end=960)
MELODY: list[TimedMessage] = [*note(0, 60, 0, 96), *note(0, 62, 96, 96)]
MELODY_NOTES: tuple[ExpectedNote, ...] = ((1, 60, 0, 96), (1, 62, 96, 192))
BASS = track(note(1, 36, 0, 192))
GOOD_SONG = song(CONDUCTOR, track(MELODY))
END_BYTES = b"\0" + END_OF_TRACK
FIRST_NOTE, SECOND_NOTE = (
    encode_events(note(0, 60, 0, 96)),
    b"\0" + note_on(0, 62) + b"\x60" + note_off(0, 62),
)


def _song(body: bytes, length: int | None = None) -> bytes:
    """Return a file with a conductor and a track of these bytes."""
    return song(CONDUCTOR, raw_track(body, length))


def _melody_after(*messages: TimedMessage) -> bytes:
    """Return a file with a conductor, and a melody with these messages before it."""
    return song(CONDUCTOR, track([*messages, *MELODY]))


BROKEN_CHUNKS = [
    BrokenFile(
        "a last track that claims 301,989,888 bytes",
        _song(encode_events(MELODY) + END_BYTES, 301_989_888),
        ("track_truncated",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "a file cut within a note-off",
        song(CONDUCTOR, track(MELODY))[:-6],
        ("track_truncated", "hanging_notes", "music_lost"),
        ((1, 60, 0, 96), (1, 62, 96, 96)),
        "repaired",
        ("event_truncated", "missing_end_of_track"),
    ),
    BrokenFile(
        "a file cut between two events",
        song(CONDUCTOR, track(MELODY))[:-4],
        ("track_truncated",),
        MELODY_NOTES,
        "repaired",
        ("missing_end_of_track",),
    ),
    BrokenFile(
        "a middle track with a length too short",
        song(CONDUCTOR, raw_track(encode_events(MELODY) + END_BYTES, 7), BASS),
        ("track_length",),
        (*MELODY_NOTES, (2, 36, 0, 192)),
        "repaired",
    ),
    BrokenFile(
        "a middle track with a length of zero",
        song(CONDUCTOR, raw_track(encode_events(MELODY) + END_BYTES, 0), BASS),
        ("track_length",),
        (*MELODY_NOTES, (2, 36, 0, 192)),
        "repaired",
    ),
    BrokenFile(
        "a middle track whose length reaches into the next",
        song(CONDUCTOR, raw_track(encode_events(MELODY) + END_BYTES, len(encode_events(MELODY)) + 11), BASS),
        ("track_length",),
        (*MELODY_NOTES, (2, 36, 0, 192)),
        "repaired",
    ),
    BrokenFile(
        "a middle track whose length reaches beyond the file",
        song(CONDUCTOR, raw_track(encode_events(MELODY) + END_BYTES, 70_000), BASS),
        ("track_length",),
        (*MELODY_NOTES, (2, 36, 0, 192)),
        "repaired",
    ),
    BrokenFile(
        "a track without its end",
        _song(encode_events(MELODY)),
        ("missing_end_of_track",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "a middle track without its end",
        song(CONDUCTOR, raw_track(encode_events(MELODY)), BASS),
        ("missing_end_of_track",),
        (*MELODY_NOTES, (2, 36, 0, 192)),
        "repaired",
    ),
    BrokenFile(
        "zeros after the end of track",
        _song(encode_events(MELODY) + END_BYTES + bytes(9)),
        ("bytes_after_end_of_track",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "an end of track that carries data",
        _song(encode_events(MELODY) + b"\0" + meta(0x2F, b"\7")),
        ("end_of_track_length",),
        MELODY_NOTES,
    ),
    BrokenFile("two bytes after the last chunk", GOOD_SONG + b"\0\x1a", ("trailing_bytes",), MELODY_NOTES),
    BrokenFile("zeros after the last chunk", GOOD_SONG + bytes(300), ("trailing_bytes",), MELODY_NOTES),
    BrokenFile(
        "half a chunk header after the last chunk", GOOD_SONG + b"MTrk\0", ("trailing_bytes",), MELODY_NOTES
    ),
    BrokenFile(
        "junk between two tracks",
        song(CONDUCTOR, b"\0\0\0", track(MELODY), count=2),
        ("junk_between_chunks",),
        MELODY_NOTES,
    ),
    BrokenFile("format 3", song(CONDUCTOR, track(MELODY), midi_format=3), ("format_unknown",), MELODY_NOTES),
    BrokenFile(
        "format 65535", song(CONDUCTOR, track(MELODY), midi_format=0xFFFF), ("format_unknown",), MELODY_NOTES
    ),
    BrokenFile(
        "format 0 with two tracks",
        song(CONDUCTOR, track(MELODY), midi_format=0),
        ("format_0_tracks",),
        MELODY_NOTES,
    ),
    BrokenFile("a header and nothing else", header(1, 0, 480), (), (), "no_notes"),
    BrokenFile(
        "no note in any track", song(CONDUCTOR, track([(0, program_change(0, 5))])), (), (), "no_notes"
    ),
    BrokenFile(
        "damage, and no note", _song(b"\0" + program_change(0, 5)), ("missing_end_of_track",), (), "no_notes"
    ),
]
"""Files with damaged chunks."""

BROKEN_EVENTS = [
    BrokenFile(
        "running status across a meta event",
        _song(b"\0" + note_on(0, 60) + b"\0" + meta(1, b"la") + b"\x60\x3c\0" + SECOND_NOTE + END_BYTES),
        ("running_status",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "running status across a system exclusive event",
        _song(b"\0" + note_on(0, 60) + b"\0" + sysex(b"\x7e\xf7") + b"\x60\x3c\0" + SECOND_NOTE + END_BYTES),
        ("running_status",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "a velocity above 127",
        _song(FIRST_NOTE + b"\0\x90\x3e\xc8\x60" + note_off(0, 62) + END_BYTES),
        ("data_byte",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "a controller value above 127",
        _melody_after((0, b"\xb0\7\xff")),
        ("data_byte",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "a program above 127",
        _melody_after((0, b"\xc0\x80")),
        ("data_byte_dropped",),
        MELODY_NOTES,
        "repaired",
    ),
    *(
        BrokenFile(
            f"a system message F{number:X} with {size} data bytes",
            _melody_after((0, bytes([0xF0 | number, *[1] * size]))),
            ("system_message",),
            MELODY_NOTES,
        )
        for number, size in ((1, 1), (2, 2), (3, 1), *((low, 0) for low in (4, 5, 6, *range(8, 15))))
    ),
    BrokenFile(
        "a system message that has a delta time of its own",
        _song(b"\x30\xf8\x30" + note_on(0, 60) + b"\x60" + note_off(0, 60) + END_BYTES),
        ("system_message",),
        ((1, 60, 96, 192),),
    ),
    BrokenFile(
        "a delta time longer than four bytes",
        _song(FIRST_NOTE + b"\x81\x80\x80\x80\0" + SECOND_NOTE[1:] + END_BYTES),
        ("vlq", "music_lost"),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    BrokenFile(
        "a meta length longer than four bytes",
        _song(FIRST_NOTE + b"\0\xff\1\x81\x80\x80\x80\0" + SECOND_NOTE + END_BYTES),
        ("vlq", "music_lost"),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    BrokenFile(
        "a track that ends within an event",
        _song(FIRST_NOTE + b"\0\x90\x3e"),
        ("event_truncated", "music_lost"),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    BrokenFile(
        "a track that ends within a meta event",
        _song(FIRST_NOTE + b"\0\xff\1\x7fla"),
        ("event_truncated", "music_lost"),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    BrokenFile(
        "a data byte where no status was ever given",
        song(CONDUCTOR, raw_track(b"\0\x3c\x40" + SECOND_NOTE + END_BYTES), BASS),
        ("no_status", "music_lost"),
        ((2, 36, 0, 192),),
        "repaired",
        ("missing_end_of_track",),
    ),
    BrokenFile("a tempo of 0", _melody_after((0, tempo(0))), ("tempo_zero",), MELODY_NOTES),
    BrokenFile(
        "a tempo of 0 in the conductor",
        song(track([(0, tempo(0))]), track(MELODY)),
        ("tempo_zero",),
        MELODY_NOTES,
    ),
    *(
        BrokenFile(
            f"a tempo of {size} bytes",
            _melody_after((0, meta(TEMPO, bytes(size)))),
            ("tempo_length",),
            MELODY_NOTES,
        )
        for size in (0, 2, 4)
    ),
    *(
        BrokenFile(
            f"a time signature of {size} bytes",
            _melody_after((0, meta(TIME_SIGNATURE, bytes(size)))),
            ("time_signature_length",),
            MELODY_NOTES,
        )
        for size in (0, 3, 5)
    ),
    BrokenFile(
        "a time signature of nothing",
        _melody_after((0, time_signature(0, 255))),
        ("time_signature_value",),
        MELODY_NOTES,
    ),
    *(
        BrokenFile(
            f"a key signature of {size} bytes",
            _melody_after((0, meta(KEY_SIGNATURE, bytes(size)))),
            ("key_signature_length",),
            MELODY_NOTES,
        )
        for size in (0, 1, 3)
    ),
    BrokenFile(
        "a key with nine sharps", _melody_after((0, key_signature(9))), ("key_signature_value",), MELODY_NOTES
    ),
    BrokenFile(
        "a key that is neither major nor minor",
        _melody_after((0, key_signature(0, 7))),
        ("key_signature_value",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "an SMPTE offset of 4 bytes",
        _melody_after((0, meta(SMPTE_OFFSET, bytes(4)))),
        ("smpte_offset_length",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "the longest delta times that are legal",
        song(
            CONDUCTOR,
            track(
                [(0, note_on(0, 60)), (LONGEST_DELTA, note_off(0, 60)), (2 * LONGEST_DELTA, note_on(0, 62))],
                end=3 * LONGEST_DELTA,
            ),
        ),
        ("hanging_notes",),
        ((1, 60, 0, LONGEST_DELTA), (1, 62, 2 * LONGEST_DELTA, 3 * LONGEST_DELTA)),
    ),
    BrokenFile(
        "a gap in one channel that no delta time can hold",
        song(
            track(
                [
                    *note(0, 60, 0, 96),
                    *note(1, 61, LONGEST_DELTA, 96),
                    *note(1, 61, 2 * LONGEST_DELTA, 96),
                    *note(0, 62, 3 * LONGEST_DELTA, 96),
                ]
            )
        ),
        ("delta_bridged",),
        (
            (0, 60, 0, 96),
            (0, 62, 3 * LONGEST_DELTA, 3 * LONGEST_DELTA + 96),
            (0, 61, LONGEST_DELTA, LONGEST_DELTA + 96),
            (0, 61, 2 * LONGEST_DELTA, 2 * LONGEST_DELTA + 96),
        ),
        by="channel",
    ),
    BrokenFile(
        "a note that is never ended",
        song(CONDUCTOR, track([*MELODY, (192, note_on(0, 64))], end=960)),
        ("hanging_notes",),
        (*MELODY_NOTES, (1, 64, 192, 960)),
    ),
    BrokenFile("a note-off without a note", _melody_after((0, note_off(0, 99))), (), MELODY_NOTES),
    BrokenFile(
        "a name in Latin-1",
        _melody_after((0, meta(TRACK_NAME, b"Fl\xfcgel"))),
        ("text_encoding",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "a name in Shift-JIS",
        _melody_after((0, meta(TRACK_NAME, "ピアノ".encode("shift_jis")))),
        ("text_encoding",),
        MELODY_NOTES,
    ),
    BrokenFile("a copyright in Latin-1", _melody_after((0, meta(COPYRIGHT, b"\xa9 1997"))), (), MELODY_NOTES),
    BrokenFile(
        "a channel that plays no note, divided by channel",
        _melody_after((0, control_change(5, 7, 100))),
        ("silent_channel",),
        MELODY_NOTES,
        by="channel",
    ),
    BrokenFile(
        "delta times and running status spelled in unusual but legal ways",
        song(CONDUCTOR, track(MELODY, style=EncodingStyle(RUNNING_STATUS_STYLE.running_status, lambda _: 4))),
        (),
        MELODY_NOTES,
    ),
]
"""Files with damaged events."""

BROKEN_FILES = [*BROKEN_CHUNKS, *BROKEN_EVENTS]
