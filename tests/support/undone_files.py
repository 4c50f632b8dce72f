"""Files with damage that is undone or left out with proof, each with the expected outcome and notes."""

from support.broken_files import (
    BASS,
    CONDUCTOR,
    END_BYTES,
    FIRST_NOTE,
    GOOD_SONG,
    MELODY,
    MELODY_NOTES,
    SECOND_NOTE,
    BrokenFile,
)
from support.midi_writer import chunk, encode_events, raw_track, song, track, track_name


def _song(body: bytes) -> bytes:
    """Return a file with a conductor and a track of these bytes."""
    return song(CONDUCTOR, raw_track(body))


UNDONE_FILES = [
    BrokenFile(
        "stale tracks behind the last one",
        song(CONDUCTOR, track(MELODY), b"\0\x40\x90", BASS, count=2),
        ("stale_tracks", "trailing_bytes"),
        MELODY_NOTES,
    ),
    BrokenFile("two songs in a file", GOOD_SONG + song(BASS), ("second_song",), MELODY_NOTES),
    BrokenFile(
        "an unknown chunk whose length reaches into a track",
        song(CONDUCTOR, chunk(b"XFIH", b"later", 20), track(MELODY)),
        ("unknown_chunk", "chunk_length"),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "LF written as CRLF",
        song(CONDUCTOR, track([(0, track_name(b"\n\r")), *MELODY])).replace(b"\n", b"\r\n"),
        ("line_ends",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "a delta time and a length of five bytes for legal values",
        _song(
            FIRST_NOTE + b"\x80\x80\x80\x80\0" + SECOND_NOTE[1:] + b"\0\xff\1\x80\x80\x80\x80\2la" + END_BYTES
        ),
        ("vlq_overlong",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "a name whose length is too small",
        _song(b"\0\xff\3\4Piano" + FIRST_NOTE + SECOND_NOTE + END_BYTES),
        ("event_length",),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "events after the end of track",
        _song(encode_events(MELODY) + END_BYTES + SECOND_NOTE + END_BYTES),
        ("early_end_of_track",),
        (*MELODY_NOTES, (1, 62, 192, 288)),
        "repaired",
    ),
]
"""Files whose damage is undone."""
