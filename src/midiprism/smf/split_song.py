"""The public entry: a song's bytes in, its splits out."""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from midiprism.errors import CorruptMidiError, UsageError
from midiprism.smf import problems
from midiprism.smf.instruments import DRUM_FAMILY, DRUM_KITS, instrument_family, instrument_name
from midiprism.smf.kernel.jit import ENABLED
from midiprism.smf.kernel.row_fields import (
    BY_AUTO,
    BY_CHANNEL,
    BY_PROGRAM,
    BY_TRACK,
    LIMIT_OUTPUT,
    LIMIT_SOURCE_TRACKS,
    N_COUNTERS,
    N_PROBLEMS,
    N_REPAIRED,
    N_SECONDS,
    N_SPLITS,
    N_STATUS,
    N_TICKS,
    N_TRACKS,
    N_UNLISTED,
    NO_LIMIT,
    O_COLUMNS,
    O_SECONDS,
    P_COLUMNS,
    PROGRAM_SLOTS,
    STATUS_OK,
)
from midiprism.smf.kernel.split_kernel import split_kernel
from midiprism.smf.kernel.stated_meta import make_stated_meta
from midiprism.smf.text import decode_text
from midiprism.smf.types import CONTEXTS, By, Context, Limits, Problem, SplitSong, SplitTrack
from midiprism.smf.unwrap import Unwrapped, unwrap

BY_CODES: dict[By, int] = {
    "auto": BY_AUTO,
    "track": BY_TRACK,
    "channel": BY_CHANNEL,
    "program": BY_PROGRAM,
}

HEADER_STRUCT = struct.Struct(">HHH")
TRACK_ROW_STRUCT = struct.Struct(f"={O_SECONDS}qd")
"""A row of the kernel's facts of a split: whole numbers, and its seconds."""

HEADER_SIZE = 14
UNAMBIGUOUS_ENCODINGS = (None, "ascii", "utf-8")
SOUND_EFFECTS_KIT_PROGRAM = 56

_INT64_SIZE = 8
_FLOAT64_STRUCT = struct.Struct("=d")
_MAX_CACHED_NAME_BYTES = 64
_decode_text_cached = lru_cache(8192)(decode_text)  # the tracks of a library have few names


def _instruments_and_families() -> tuple[tuple[str, str], ...]:
    programs = (*range(PROGRAM_SLOTS - 1), None)
    melodic = [(instrument_name(number), instrument_family(number)) for number in programs]
    drums = [(instrument_name(number, drums=True), DRUM_FAMILY) for number in programs]
    return (*melodic, *drums, *[(DRUM_KITS[SOUND_EFFECTS_KIT_PROGRAM], DRUM_FAMILY)] * PROGRAM_SLOTS)


INSTRUMENT_AND_FAMILY = _instruments_and_families()
"""Names of instrument and family, by drum state * PROGRAMS + program."""

DEFAULT_LIMITS = Limits()


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
        CorruptMidiError: what cannot be read at all, or exceeds a limit.
        UsageError: an unknown ``by`` or ``context``.
        TypeError: ``data`` is not bytes-like.
    """
    number = BY_CODES.get(by)
    if number is None:
        raise UsageError(f"by={by!r} is unknown; use one of {', '.join(BY_CODES)}.")
    if context not in CONTEXTS:
        raise UsageError(f"context={context!r} is unknown; use one of {', '.join(CONTEXTS)}.")
    wrapped = unwrap_song(data, limits)
    return _to_split_song(wrapped, *run_kernel(wrapped.data, number, context == "full", limits))


def unwrap_song(data: bytes, limits: Limits) -> Unwrapped:
    """Take off a song's wrappings and check its header.

    Raises:
        CorruptMidiError: it is no MIDI file, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    if type(data) is not bytes:
        data = bytes(memoryview(data))
    wrapped = unwrap(data, limits.input_bytes)
    check_header(wrapped)
    return wrapped


def check_header(unwrapped: Unwrapped) -> None:
    """Refuse a header that gives ticks no meaning.

    Raises:
        CorruptMidiError: with code ``header`` or ``division``.
    """
    if len(unwrapped.data) < HEADER_SIZE:
        raise CorruptMidiError("header", "The file ends within its MThd header.", unwrapped.base_offset)
    if unwrapped.data[12] == unwrapped.data[13] == 0:
        raise CorruptMidiError(
            "division", "The header's division is 0: its ticks have no length.", unwrapped.base_offset + 12
        )


def run_kernel(
    data: bytes | memoryview,
    by: int,
    full_context: bool,
    limits: Limits = DEFAULT_LIMITS,
    *,
    event_by_event: bool = False,
    details: bool = False,
) -> Any:
    """What ``split_kernel`` gives for a file from its ``MThd`` on.

    Raises:
        CorruptMidiError: with code ``limit``.
    """
    allowed = min(limits.max_output_bytes(len(data)), int(NO_LIMIT))
    # As plain Python the kernel takes ints from a memoryview, where an array would give bytes that overflow.
    octets = np.frombuffer(data, np.uint8) if ENABLED else memoryview(data)
    answer = split_kernel(
        octets, by, full_context, event_by_event, details, allowed, min(limits.tracks, int(NO_LIMIT))
    )
    status = answer[1][N_STATUS]
    if status != STATUS_OK:
        raise _limit_error(status, allowed, limits)
    return answer


def _limit_error(status: int, max_output_bytes: int, limits: Limits) -> CorruptMidiError:
    if status == LIMIT_OUTPUT:
        return CorruptMidiError(
            "limit",
            f"All splits of the file would take more than {max_output_bytes} bytes (limit: output_bytes).",
        )
    what = "has" if status == LIMIT_SOURCE_TRACKS else "would give"
    return CorruptMidiError("limit", f"The file {what} more than {limits.tracks} tracks (limit: tracks).")


def _to_split_song(unwrapped: Unwrapped, out: Any, kernel_rows: Any) -> SplitSong:
    octets = memoryview(kernel_rows).cast("B")
    counters = kernel_rows[:N_COUNTERS].tolist()
    rows = N_COUNTERS * _INT64_SIZE
    stop = rows + counters[N_SPLITS] * TRACK_ROW_STRUCT.size
    named: list[Problem] = []
    form, _, division = HEADER_STRUCT.unpack_from(unwrapped.data, 8)
    tracks = _to_split_tracks(
        unwrapped, division, memoryview(out), TRACK_ROW_STRUCT.iter_unpack(octets[rows:stop]), named
    )
    (seconds,) = _FLOAT64_STRUCT.unpack_from(octets, N_SECONDS * _INT64_SIZE)
    numbers = kernel_rows.tolist() if counters[N_PROBLEMS] else counters
    repaired = counters[N_REPAIRED] or any(
        problems.PROBLEM_KINDS[kind].repaired for kind, _, _ in unwrapped.wrappers
    )
    values = (
        "no_notes" if not tracks else "repaired" if repaired else "split",
        form,
        division,
        counters[N_TRACKS],
        counters[N_TICKS],
        None if seconds != seconds else seconds,
        tuple(tracks),
        list_problems(unwrapped, numbers, seconds, named),
    )
    return tuple.__new__(SplitSong, values)  # a call by names takes three times as long


def list_problems(
    unwrapped: Unwrapped, numbers: list[int], seconds: float, name_problems: list[Problem]
) -> tuple[Problem, ...]:
    """All problems of a song, in the order of the file.

    Args:
        wrapped: the song.
        numbers: the kernel's facts.
        seconds: the song's length as the kernel gives it, NaN where the division has no time.
        named: problems of the tracks' names, which the kernel does not read.
    """
    found = [problems.make_problem(kind, number, None, offset) for kind, number, offset in unwrapped.wrappers]
    first = N_COUNTERS + numbers[N_SPLITS] * O_COLUMNS
    for at in range(first, first + numbers[N_PROBLEMS] * P_COLUMNS, P_COLUMNS):
        kind, track, offset, count = numbers[at : at + P_COLUMNS]
        found.append(
            problems.make_problem(kind, count, None if track < 0 else track, unwrapped.base_offset + offset)
        )
    found += name_problems
    form, counted, division = HEADER_STRUCT.unpack_from(unwrapped.data, 8)
    num_tracks = numbers[N_TRACKS]
    if form > 2:
        found.append(problems.make_problem(problems.FORMAT_UNKNOWN, form, None, unwrapped.base_offset + 8))
    elif form == 0 and num_tracks > 1:
        found.append(
            problems.make_problem(problems.FORMAT_0_TRACKS, num_tracks, None, unwrapped.base_offset + 8)
        )
    if counted != num_tracks:
        found.append(
            problems.make_problem(problems.TRACK_COUNT, num_tracks, None, unwrapped.base_offset + 10)
        )
    if seconds != seconds:
        n = f"division {division:#06x}"
        found.append(problems.make_problem(problems.DIVISION_SMPTE, n, None, unwrapped.base_offset + 12))
    if found:
        found.sort(key=lambda problem: -1 if problem.offset is None else problem.offset)
    unlisted = numbers[N_UNLISTED] + len(found[problems.MAX_LISTED_PROBLEMS :])
    if unlisted:
        del found[problems.MAX_LISTED_PROBLEMS :]
        found.append(problems.make_problem(problems.TOO_MANY_PROBLEMS, unlisted, None, None))
    return tuple(found)


def read_track_name(
    unwrapped: Unwrapped, at: int, length: int, track: int, name_problems: list[Problem]
) -> tuple[str | None, str | None]:
    """A track's name and its encoding, (None, None) without one; a guess is told in ``found``."""
    if length <= 0:
        return None, None
    raw = bytes(unwrapped.data[at : at + length])
    name, encoding = (_decode_text_cached if length <= _MAX_CACHED_NAME_BYTES else decode_text)(raw)
    if encoding not in UNAMBIGUOUS_ENCODINGS:
        name_problems.append(
            problems.make_problem(problems.TEXT_ENCODING, str(encoding), track, unwrapped.base_offset + at)
        )
    return name, encoding


def _to_split_tracks(
    unwrapped: Unwrapped,
    division: int,
    out: memoryview,
    rows: Iterator[tuple[Any, ...]],
    name_problems: list[Problem],
) -> list[SplitTrack]:
    tracks = []
    named = -1
    name = encoding = None
    told = 0, -1, -1, -1
    facts = make_stated_meta(division, *told)
    for (
        track,
        channel,
        program,
        start,
        stop,
        notes,
        low,
        high,
        ticks,
        own_program,
        own_drums,
        program_heard,
        drums_heard,
        at,
        length,
        tempi,
        tempo,
        meter,
        key,
        seconds,
    ) in rows:
        if track != named:
            named = track
            name, encoding = read_track_name(unwrapped, at, length, track, name_problems)
        if (tempi, tempo, meter, key) != told:  # mostly the tracks of a song state the same
            told = tempi, tempo, meter, key
            facts = make_stated_meta(division, tempi, tempo, meter, key)
        instrument, family = INSTRUMENT_AND_FAMILY[drums_heard * PROGRAM_SLOTS + program_heard]
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
            notes,
            ticks,
            None if seconds != seconds else seconds,
            low,
            high,
            facts,
        )
        tracks.append(tuple.__new__(SplitTrack, values))
    return tracks
