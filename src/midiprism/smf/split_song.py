"""Split a song: its bytes in, its splits out."""

import struct

from midiprism.errors import UsageError
from midiprism.smf.kernel.row_types import OUTPUT_TRACK, PROGRAM_SLOTS
from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.kernel_call import (
    BY_CODES,
    DEFAULT_LIMITS,
    INSTRUMENT_AND_FAMILY,
    list_problems,
    read_header,
    read_song,
    read_track_name,
)
from midiprism.smf.stated_meta import make_stated_meta
from midiprism.smf.types import CONTEXTS, By, Context, Limits, Problem, SplitSong, SplitTrack
from midiprism.smf.unwrap import Unwrapped

OUTPUT_TRACK_STRUCT = struct.Struct(
    "=" + "".join("d" if OUTPUT_TRACK[name].kind == "f" else "q" for name in OUTPUT_TRACK.names)
)
"""A row of the kernel's output tracks: unpacks three times as fast as NumPy does."""


def split(
    data: bytes, *, by: By = "auto", context: Context = "conductor", limits: Limits = DEFAULT_LIMITS
) -> SplitSong:
    """Split a MIDI file into its playing tracks, each a whole MIDI file that sounds as it does in its song.

    Args:
        data: the bytes of the file (any bytes-like object), as it is on disk: gzip, RIFF RMID and MacBinary
            are read too.
        by: ``track``: one split per ``MTrk`` with notes; ``channel``: each divided by MIDI channel;
            ``program``: each channel divided by program; ``auto``: by track, but by channel where all notes
            of the file are in one track on several channels.
        context: ``conductor``: tempo, meter, key and SMPTE offset of the song are merged in; ``full``: also
            what other tracks send on the split's channels, sysex of the first track, and text of the song.
        limits: bounds on input and output.

    Returns:
        The splits with their facts, and the problems of the file. What each ``by`` and ``context`` promises
        is in ``docs/reference/split-contract.md``.

    Raises:
        CorruptMidiError: the file cannot be read at all, or exceeds a limit.
        UsageError: an unknown ``by`` or ``context``.
        TypeError: ``data`` is not bytes-like.
    """
    by_code = BY_CODES.get(by)
    if by_code is None:
        raise UsageError(f"by={by!r} is unknown; use one of {', '.join(BY_CODES)}.")
    if context not in CONTEXTS:
        raise UsageError(f"context={context!r} is unknown; use one of {', '.join(CONTEXTS)}.")
    return _to_split_song(*read_song(data, by_code, context == "full", limits))


def _to_split_song(unwrapped: Unwrapped, answer: KernelOutput) -> SplitSong:
    header = read_header(unwrapped)
    name_problems: list[Problem] = []
    tracks = _to_split_tracks(unwrapped, header.division, answer, name_problems)
    repaired = answer.repaired_problems or unwrapped.was_repaired
    seconds = answer.duration_seconds
    values = (
        "no_notes" if not tracks else "repaired" if repaired else "split",
        header.format,
        header.division,
        answer.num_tracks,
        answer.duration_ticks,
        None if seconds != seconds else seconds,
        tuple(tracks),
        list_problems(unwrapped, header, answer, name_problems),
    )
    return tuple.__new__(SplitSong, values)  # a call by names takes three times as long


def _to_split_tracks(
    unwrapped: Unwrapped, division: int, answer: KernelOutput, name_problems: list[Problem]
) -> list[SplitTrack]:
    out = memoryview(answer.out)
    tracks = []
    named_track = -1
    name = encoding = None
    stated_numbers = 0, -1, -1, -1
    stated_meta = make_stated_meta(division, *stated_numbers)
    for (
        track,
        channel,
        program,
        start,
        stop,
        note_count,
        lowest_pitch,
        highest_pitch,
        ticks,
        own_program,
        own_drums,
        song_program,
        song_drums,
        name_start,
        name_size,
        tempo_count,
        tempo,
        meter,
        key,
        seconds,
    ) in OUTPUT_TRACK_STRUCT.iter_unpack(answer.output_tracks.tobytes()):
        if track != named_track:
            named_track = track
            name, encoding = read_track_name(unwrapped, name_start, name_size, track, name_problems)
        if (tempo_count, tempo, meter, key) != stated_numbers:  # mostly the tracks of a song state the same
            stated_numbers = tempo_count, tempo, meter, key
            stated_meta = make_stated_meta(division, tempo_count, tempo, meter, key)
        instrument, family = INSTRUMENT_AND_FAMILY[song_drums * PROGRAM_SLOTS + song_program]
        own_instrument, own_family = INSTRUMENT_AND_FAMILY[own_drums * PROGRAM_SLOTS + own_program]
        values = (
            out[start:stop].tobytes(),
            track,
            None if channel < 0 else channel,
            None if program < 0 else program,
            name,
            encoding,
            instrument,
            family,
            own_instrument,
            own_family,
            note_count,
            ticks,
            None if seconds != seconds else seconds,
            lowest_pitch,
            highest_pitch,
            *stated_meta,
        )
        tracks.append(tuple.__new__(SplitTrack, values))
    return tracks
