"""Every problem that a song may have: one table for the kernel, the messages and the docs.

A row's index is the number that the kernel records. Rows may be added; a code, once published, keeps its
meaning.
"""

from functools import lru_cache
from typing import NamedTuple

from midiprism.smf.types import Problem


class ProblemKind(NamedTuple):
    """A kind of problem.

    Attributes:
        code: its stable, short name.
        repaired: whether a song that has it gets the outcome ``repaired``.
        message: one sentence; ``{n}`` is how often it happened, or the number that matters.
    """

    code: str
    repaired: bool
    message: str


PROBLEM_KINDS = (
    ProblemKind("gzip", False, "the file is compressed with gzip; its content was read"),
    ProblemKind(
        "gzip_truncated", True, "the gzip data ends early or is damaged; what could be decompressed was read"
    ),
    ProblemKind("rmid", False, "the file is wrapped in a RIFF (RMID) container; its MIDI data was read"),
    ProblemKind("macbinary", False, "the file is wrapped in MacBinary; its data fork was read"),
    ProblemKind("junk_before_header", False, "{n} bytes stand before the MThd header and were skipped"),
    ProblemKind("header_length", False, "the header gives its own length as {n}, where no chunk follows"),
    ProblemKind("format_unknown", False, "the header says format {n}; read as format 1"),
    ProblemKind(
        "format_0_tracks",
        False,
        "the header says format 0, which has one track, but {n} were found; read as format 1",
    ),
    ProblemKind("track_count", False, "the header counts other tracks than the {n} that were found"),
    ProblemKind("unknown_chunk", False, "a chunk that is neither MThd nor MTrk was skipped"),
    ProblemKind(
        "junk_between_chunks", False, "{n} bytes between two chunks belong to neither and were skipped"
    ),
    ProblemKind("trailing_bytes", False, "{n} bytes after the last chunk were ignored"),
    ProblemKind(
        "track_truncated",
        True,
        "the track claims {n} more bytes than the file has; every whole event was kept",
    ),
    ProblemKind("track_length", True, "the track's length is wrong; its end was found by its events"),
    ProblemKind("missing_end_of_track", True, "the track has no end-of-track event; one was appended"),
    ProblemKind("bytes_after_end_of_track", False, "{n} bytes after the end of track were ignored"),
    ProblemKind("end_of_track_length", False, "the end-of-track event carries data; it was kept"),
    ProblemKind(
        "running_status",
        True,
        "running status continues across a meta event or sysex ({n} times); status restated",
    ),
    ProblemKind("data_byte", True, "a data byte above 127 was clamped to 127 ({n} times)"),
    ProblemKind("system_message", False, "a system message that no file may hold was skipped ({n} times)"),
    ProblemKind(
        "vlq", True, "a variable-length number is longer than 4 bytes; the rest of the track was cut"
    ),
    ProblemKind("event_truncated", True, "the track ends within an event, which was dropped"),
    ProblemKind(
        "no_status", True, "a data byte stands where no status is in force; the rest of the track was cut"
    ),
    ProblemKind(
        "tempo_zero",
        False,
        "a tempo of 0 microseconds per quarter note: no time passes while it holds ({n} times)",
    ),
    ProblemKind("tempo_length", False, "a tempo event of another length than 3 sets no tempo ({n} times)"),
    ProblemKind(
        "time_signature_length", False, "a time signature of another length than 4 sets no meter ({n} times)"
    ),
    ProblemKind(
        "time_signature_value", False, "a time signature with impossible values was kept ({n} times)"
    ),
    ProblemKind(
        "key_signature_length", False, "a key signature of another length than 2 sets no key ({n} times)"
    ),
    ProblemKind("key_signature_value", False, "a key signature with impossible values was kept ({n} times)"),
    ProblemKind(
        "smpte_offset_length", False, "an SMPTE offset of another length than 5 sets no offset ({n} times)"
    ),
    ProblemKind("hanging_notes", False, "{n} notes are never ended; kept as they are"),
    ProblemKind("silent_channel", False, "{n} events of channels that play no note go to no split"),
    ProblemKind(
        "delta_bridged",
        False,
        "a gap longer than a delta time can hold was bridged by an empty text event ({n} times)",
    ),
    ProblemKind("text_encoding", False, "the track's name is not UTF-8; it was read as {n}"),
    ProblemKind("division_smpte", False, "the SMPTE division has no frames or ticks that give a time: {n}"),
    ProblemKind(
        "early_end_of_track",
        True,
        "more of the track follows an early end of track, which was dropped ({n} in all)",
    ),
    ProblemKind(
        "stale_tracks",
        False,
        "{n} tracks beyond the header's count, apart from the others, were ignored",
    ),
    ProblemKind("second_song", False, "another song begins here; its {n} bytes were ignored"),
    ProblemKind(
        "line_ends", True, "line ends were translated ({n}) as if the file were a text; that was undone"
    ),
    ProblemKind(
        "line_ends_ambiguous",
        False,
        "line ends seem to be translated as if the file were a text, but there are several ways to undo that",
    ),
    ProblemKind(
        "event_length", True, "the length of a meta event or sysex is wrong; it was corrected ({n} in all)"
    ),
    ProblemKind(
        "vlq_overlong",
        True,
        "a variable-length number takes 5 bytes for a legal value; it was read ({n} in all)",
    ),
    ProblemKind(
        "chunk_length", True, "the length of an unknown chunk reaches over a track; the track was read"
    ),
    ProblemKind(
        "rmid_size",
        True,
        "the RIFF (RMID) container states a wrong size of its MIDI data; the song was read whole",
    ),
    ProblemKind(
        "data_byte_dropped",
        True,
        "an event that selects a sound, note or mode by a data byte above 127 was dropped ({n} in all)",
    ),
    ProblemKind("lyrics", False, "the lyrics are merged into track {n}"),
    ProblemKind(
        "lyrics_unplaced",
        False,
        "no track is known to sing the lyrics: {n} of them are in no track that plays",
    ),
    ProblemKind(
        "mpe_zone",
        False,
        "{n} channels of the track play in an MPE zone, which is one instrument; kept together",
    ),
    ProblemKind(
        "one_instrument",
        False,
        "the {n} channels of the track are one instrument (one guitar or bass, or mono mode); kept together",
    ),
    ProblemKind(
        "f7_event",
        False,
        "other readers refuse the track or play it late: it has F7 packets or escapes ({n} in all)",
    ),
    ProblemKind(
        "smpte_time", False, "other readers misread the division, which counts time in SMPTE frames: {n}"
    ),
    ProblemKind(
        "sound_bank", False, "the RIFF (RMID) container has a sound bank of {n} bytes, which no split carries"
    ),
    ProblemKind(
        "dual_mode",
        False,
        "the song is there twice, for two kinds of synthesizer of Windows 3.1: channels 13 to 16, with the "
        "drums of channel 10 on channel 16, repeat it",
    ),
    ProblemKind(
        "vlq_negative",
        True,
        "a delta time is negative; the events of the track were brought into the order of their times "
        "({n} in all)",
    ),
    ProblemKind("tempo_between_chunks", False, "{n} tempo events outside of all tracks set no tempo"),
    ProblemKind("music_lost", False, "music may be missing: {n} bytes that may hold it were not understood"),
    ProblemKind("too_many_problems", False, "{n} more problems were found than are listed"),
)

PROBLEM_CODES = tuple(kind.code for kind in PROBLEM_KINDS)

(
    GZIP,
    GZIP_TRUNCATED,
    RMID,
    MACBINARY,
    JUNK_BEFORE_HEADER,
    HEADER_LENGTH,
    FORMAT_UNKNOWN,
    FORMAT_0_TRACKS,
    TRACK_COUNT,
    UNKNOWN_CHUNK,
    JUNK_BETWEEN_CHUNKS,
    TRAILING_BYTES,
    TRACK_TRUNCATED,
    TRACK_LENGTH,
    MISSING_END_OF_TRACK,
    BYTES_AFTER_END_OF_TRACK,
    END_OF_TRACK_LENGTH,
    RUNNING_STATUS,
    DATA_BYTE,
    SYSTEM_MESSAGE,
    VLQ,
    EVENT_TRUNCATED,
    NO_STATUS,
    TEMPO_ZERO,
    TEMPO_LENGTH,
    TIME_SIGNATURE_LENGTH,
    TIME_SIGNATURE_VALUE,
    KEY_SIGNATURE_LENGTH,
    KEY_SIGNATURE_VALUE,
    SMPTE_OFFSET_LENGTH,
    HANGING_NOTES,
    SILENT_CHANNEL,
    DELTA_BRIDGED,
    TEXT_ENCODING,
    DIVISION_SMPTE,
    EARLY_END_OF_TRACK,
    STALE_TRACKS,
    SECOND_SONG,
    LINE_ENDS,
    LINE_ENDS_AMBIGUOUS,
    EVENT_LENGTH,
    VLQ_OVERLONG,
    CHUNK_LENGTH,
    RMID_SIZE,
    DATA_BYTE_DROPPED,
    LYRICS,
    LYRICS_UNPLACED,
    MPE_ZONE,
    ONE_INSTRUMENT,
    F7_EVENT,
    SMPTE_TIME,
    SOUND_BANK,
    DUAL_MODE,
    VLQ_NEGATIVE,
    TEMPO_BETWEEN_CHUNKS,
    MUSIC_LOST,
    TOO_MANY_PROBLEMS,
) = range(len(PROBLEM_KINDS))

MAX_LISTED_PROBLEMS = 1_000
"""Most problems listed for one song; one more counts the others."""


def make_problem(kind: int, n: int | str, track: int | None, offset: int | None) -> Problem:
    """Return the problem of that kind, with its sentence."""
    return Problem(PROBLEM_KINDS[kind].code, _sentence(kind, n), track, offset)


@lru_cache(1024)  # songs of a library have much the same problems
def _sentence(kind: int, n: int | str) -> str:
    return PROBLEM_KINDS[kind].message.format(n=n)


def smpte_notice(division: int, offset: int) -> Problem:
    """Return the notice about a division that counts time in frames."""
    frames, ticks = 256 - (division >> 8), division & 0xFF
    return make_problem(SMPTE_TIME, f"{frames} frames a second, {ticks} ticks a frame", None, offset)
