"""Files with broken or unusual tracks, each with the outcome, the problems and the notes to come of it."""

from dataclasses import dataclass

from midiprism.smf import By, Outcome
from support.reader import COPYRIGHT, KEY, METER, NAME, SMPTE_OFFSET, TEMPO
from support.writer import (
    END_OF_TRACK,
    LONGEST_DELTA,
    RUNNING,
    At,
    Style,
    control,
    events,
    header,
    key,
    meta,
    meter,
    note,
    off,
    on,
    program,
    raw_track,
    song,
    sysex,
    tempo,
    track,
)

Sounding = tuple[int, int, int, int]
"""A note that must survive: track, pitch, tick of its onset and of its end."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that must be split all the same.

    ``codes`` are all problems that must be named, ``may`` those that may be besides. ``notes`` are what is
    left to hear.
    """

    what: str
    data: bytes
    codes: tuple[str, ...]
    notes: tuple[Sounding, ...]
    outcome: Outcome = "split"
    may: tuple[str, ...] = ()
    by: By = "track"


CONDUCTOR = track([(0, tempo(400_000)), (0, meter(3, 2))], end=960)
MELODY: list[At] = [*note(0, 60, 0, 96), *note(0, 62, 96, 96)]
HEARD: tuple[Sounding, ...] = ((1, 60, 0, 96), (1, 62, 96, 192))
BASS = track(note(1, 36, 0, 192))
GOOD = song(CONDUCTOR, track(MELODY))
END = b"\0" + END_OF_TRACK
FIRST, SECOND = events(note(0, 60, 0, 96)), b"\0" + on(0, 62) + b"\x60" + off(0, 62)


def _song(body: bytes, length: int | None = None) -> bytes:
    """A conductor, and a track of these bytes."""
    return song(CONDUCTOR, raw_track(body, length))


def _with(*messages: At) -> bytes:
    """A conductor, and a melody with these messages before it."""
    return song(CONDUCTOR, track([*messages, *MELODY]))


CHUNKS = [
    Broken(
        "a last track that claims 301,989,888 bytes",
        _song(events(MELODY) + END, 301_989_888),
        ("track_truncated",),
        HEARD,
        "repaired",
    ),
    Broken(
        "a file cut within a note-off",
        song(CONDUCTOR, track(MELODY))[:-6],
        ("track_truncated", "hanging_notes"),
        ((1, 60, 0, 96), (1, 62, 96, 96)),
        "repaired",
        ("event_truncated", "missing_end_of_track"),
    ),
    Broken(
        "a file cut between two events",
        song(CONDUCTOR, track(MELODY))[:-4],
        ("track_truncated",),
        HEARD,
        "repaired",
        ("missing_end_of_track",),
    ),
    Broken(
        "a middle track with a length too short",
        song(CONDUCTOR, raw_track(events(MELODY) + END, 7), BASS),
        ("track_length",),
        (*HEARD, (2, 36, 0, 192)),
        "repaired",
    ),
    Broken(
        "a middle track with a length of zero",
        song(CONDUCTOR, raw_track(events(MELODY) + END, 0), BASS),
        ("track_length",),
        (*HEARD, (2, 36, 0, 192)),
        "repaired",
    ),
    Broken(
        "a middle track whose length reaches into the next",
        song(CONDUCTOR, raw_track(events(MELODY) + END, len(events(MELODY)) + 11), BASS),
        ("track_length",),
        (*HEARD, (2, 36, 0, 192)),
        "repaired",
    ),
    Broken(
        "a middle track whose length reaches beyond the file",
        song(CONDUCTOR, raw_track(events(MELODY) + END, 70_000), BASS),
        ("track_length",),
        (*HEARD, (2, 36, 0, 192)),
        "repaired",
    ),
    Broken("a track without its end", _song(events(MELODY)), ("missing_end_of_track",), HEARD, "repaired"),
    Broken(
        "a middle track without its end",
        song(CONDUCTOR, raw_track(events(MELODY)), BASS),
        ("missing_end_of_track",),
        (*HEARD, (2, 36, 0, 192)),
        "repaired",
    ),
    Broken(
        "events after the end of track",
        _song(events(MELODY) + END + SECOND + END),
        ("bytes_after_end_of_track",),
        HEARD,
    ),
    Broken(
        "an end of track that carries data",
        _song(events(MELODY) + b"\0" + meta(0x2F, b"\7")),
        ("end_of_track_length",),
        HEARD,
    ),
    Broken("two bytes after the last chunk", GOOD + b"\0\x1a", ("trailing_bytes",), HEARD),
    Broken("zeros after the last chunk", GOOD + bytes(300), ("trailing_bytes",), HEARD),
    Broken("half a chunk header after the last chunk", GOOD + b"MTrk\0", ("trailing_bytes",), HEARD),
    Broken(
        "junk between two tracks",
        song(CONDUCTOR, b"\0\0\0", track(MELODY), count=2),
        ("junk_between_chunks",),
        HEARD,
    ),
    Broken("format 3", song(CONDUCTOR, track(MELODY), form=3), ("format_unknown",), HEARD),
    Broken("format 65535", song(CONDUCTOR, track(MELODY), form=0xFFFF), ("format_unknown",), HEARD),
    Broken("format 0 with two tracks", song(CONDUCTOR, track(MELODY), form=0), ("format_0_tracks",), HEARD),
    Broken("a header and nothing else", header(1, 0, 480), (), (), "no_notes"),
    Broken("a header that counts tracks, and none", header(1, 3, 480), ("track_count",), (), "no_notes"),
    Broken("no note in any track", song(CONDUCTOR, track([(0, program(0, 5))])), (), (), "no_notes"),
    Broken("damage, and no note", _song(b"\0" + program(0, 5)), ("missing_end_of_track",), (), "no_notes"),
]
"""Damage to the chunks."""

EVENTS = [
    Broken(
        "running status across a meta event",
        _song(b"\0" + on(0, 60) + b"\0" + meta(1, b"la") + b"\x60\x3c\0" + SECOND + END),
        ("running_status",),
        HEARD,
        "repaired",
    ),
    Broken(
        "running status across a system exclusive event",
        _song(b"\0" + on(0, 60) + b"\0" + sysex(b"\x7e\xf7") + b"\x60\x3c\0" + SECOND + END),
        ("running_status",),
        HEARD,
        "repaired",
    ),
    Broken(
        "a velocity above 127",
        _song(FIRST + b"\0\x90\x3e\xc8\x60" + off(0, 62) + END),
        ("data_byte",),
        HEARD,
        "repaired",
    ),
    Broken("a controller value above 127", _with((0, b"\xb0\7\xff")), ("data_byte",), HEARD, "repaired"),
    Broken("a program above 127", _with((0, b"\xc0\x80")), ("data_byte",), HEARD, "repaired"),
    *(
        Broken(
            f"a system message F{number:X} with {size} data bytes",
            _with((0, bytes([0xF0 | number, *[1] * size]))),
            ("system_message",),
            HEARD,
        )
        for number, size in (
            (1, 1),
            (2, 2),
            (3, 1),
            (4, 0),
            (5, 0),
            (6, 0),
            *((low, 0) for low in range(8, 15)),
        )
    ),
    Broken(
        "a system message that has a delta time of its own",
        _song(b"\x30\xf8\x30" + on(0, 60) + b"\x60" + off(0, 60) + END),
        ("system_message",),
        ((1, 60, 96, 192),),
    ),
    Broken(
        "a delta time longer than four bytes",
        _song(FIRST + b"\x80\x80\x80\x80\0" + SECOND[1:] + END),
        ("vlq",),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    Broken(
        "a meta length longer than four bytes",
        _song(FIRST + b"\0\xff\1\x80\x80\x80\x80\0" + SECOND + END),
        ("vlq",),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    Broken(
        "a track that ends within an event",
        _song(FIRST + b"\0\x90\x3e"),
        ("event_truncated",),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    Broken(
        "a track that ends within a meta event",
        _song(FIRST + b"\0\xff\1\x7fla"),
        ("event_truncated",),
        ((1, 60, 0, 96),),
        "repaired",
        ("missing_end_of_track",),
    ),
    Broken(
        "a data byte where no status was ever given",
        song(CONDUCTOR, raw_track(b"\0\x3c\x40" + SECOND + END), BASS),
        ("no_status",),
        ((2, 36, 0, 192),),
        "repaired",
        ("missing_end_of_track",),
    ),
    Broken("a tempo of 0", _with((0, tempo(0))), ("tempo_zero",), HEARD),
    Broken(
        "a tempo of 0 in the conductor", song(track([(0, tempo(0))]), track(MELODY)), ("tempo_zero",), HEARD
    ),
    *(
        Broken(f"a tempo of {size} bytes", _with((0, meta(TEMPO, bytes(size)))), ("tempo_length",), HEARD)
        for size in (0, 2, 4)
    ),
    *(
        Broken(
            f"a time signature of {size} bytes",
            _with((0, meta(METER, bytes(size)))),
            ("time_signature_length",),
            HEARD,
        )
        for size in (0, 3, 5)
    ),
    Broken("a time signature of nothing", _with((0, meter(0, 255))), ("time_signature_value",), HEARD),
    *(
        Broken(
            f"a key signature of {size} bytes",
            _with((0, meta(KEY, bytes(size)))),
            ("key_signature_length",),
            HEARD,
        )
        for size in (0, 1, 3)
    ),
    Broken("a key with nine sharps", _with((0, key(9))), ("key_signature_value",), HEARD),
    Broken("a key that is neither major nor minor", _with((0, key(0, 7))), ("key_signature_value",), HEARD),
    Broken(
        "an SMPTE offset of 4 bytes",
        _with((0, meta(SMPTE_OFFSET, bytes(4)))),
        ("smpte_offset_length",),
        HEARD,
    ),
    Broken(
        "the longest delta times that are legal",
        song(
            CONDUCTOR,
            track(
                [(0, on(0, 60)), (LONGEST_DELTA, off(0, 60)), (2 * LONGEST_DELTA, on(0, 62))],
                end=3 * LONGEST_DELTA,
            ),
        ),
        ("hanging_notes",),
        ((1, 60, 0, LONGEST_DELTA), (1, 62, 2 * LONGEST_DELTA, 3 * LONGEST_DELTA)),
    ),
    Broken(
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
    Broken(
        "a note that is never ended",
        song(CONDUCTOR, track([*MELODY, (192, on(0, 64))], end=960)),
        ("hanging_notes",),
        (*HEARD, (1, 64, 192, 960)),
    ),
    Broken("a note-off without a note", _with((0, off(0, 99))), (), HEARD),
    Broken("a name in Latin-1", _with((0, meta(NAME, b"Fl\xfcgel"))), ("text_encoding",), HEARD),
    Broken(
        "a name in Shift-JIS", _with((0, meta(NAME, "ピアノ".encode("shift_jis")))), ("text_encoding",), HEARD
    ),
    Broken("a copyright in Latin-1", _with((0, meta(COPYRIGHT, b"\xa9 1997"))), (), HEARD),
    Broken(
        "a channel that plays no note, divided by channel",
        _with((0, control(5, 7, 100))),
        ("silent_channel",),
        HEARD,
        by="channel",
    ),
    Broken(
        "delta times and running status spelled in unusual but legal ways",
        song(CONDUCTOR, track(MELODY, style=Style(RUNNING.running, lambda _: 4))),
        (),
        HEARD,
    ),
]
"""Damage to the events."""

BROKEN = [*CHUNKS, *EVENTS]
