"""The public entry: a parent's bytes in, its splits out."""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from midiprism.errors import CorruptMidiError, UsageError
from midiprism.smf import problems
from midiprism.smf.instruments import DRUM_KITS, DRUMS, instrument_family, instrument_name
from midiprism.smf.jit import ENABLED
from midiprism.smf.kernel import split_kernel
from midiprism.smf.layout import (
    BOUNDLESS,
    BY_AUTO,
    BY_CHANNEL,
    BY_PROGRAM,
    BY_TRACK,
    LIMIT_OUTPUT,
    LIMIT_TRACKS,
    N_COUNTERS,
    N_PROBLEMS,
    N_REPAIRED,
    N_SECONDS,
    N_SPLITS,
    N_STATUS,
    N_TICKS,
    N_TRACKS,
    N_UNLISTED,
    O_COLUMNS,
    O_SECONDS,
    OK,
    P_COLUMNS,
    PROGRAMS,
)
from midiprism.smf.stating import stated
from midiprism.smf.text import decode
from midiprism.smf.types import CONTEXTS, By, Context, Limits, Problem, Split, SplitTrack
from midiprism.smf.unwrap import Unwrapped, unwrap

BY_NUMBERS: dict[By, int] = {
    "auto": BY_AUTO,
    "track": BY_TRACK,
    "channel": BY_CHANNEL,
    "program": BY_PROGRAM,
}

HEADER = struct.Struct(">HHH")
SPLIT_ROW = struct.Struct(f"={O_SECONDS}qd")
"""A row of the kernel's facts of a split: whole numbers, and its seconds."""

HEADER_SIZE = 14
PLAIN_ENCODINGS = (None, "ascii", "utf-8")
EFFECTS_KIT = 56

_WORD = 8
_SECONDS = struct.Struct("=d")
_SHORT = 64
_decoded = lru_cache(8192)(decode)  # the tracks of a library have few names


def _sounds() -> tuple[tuple[str, str], ...]:
    programs = (*range(PROGRAMS - 1), None)
    melodic = [(instrument_name(number), instrument_family(number)) for number in programs]
    drums = [(instrument_name(number, drums=True), DRUMS) for number in programs]
    return (*melodic, *drums, *[(DRUM_KITS[EFFECTS_KIT], DRUMS)] * PROGRAMS)


SOUNDS = _sounds()
"""Names of instrument and family, by drum state * PROGRAMS + program."""

DEFAULT_LIMITS = Limits()


def split(
    data: bytes, *, by: By = "auto", context: Context = "conductor", limits: Limits = DEFAULT_LIMITS
) -> Split:
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
        is in ``docs/contract.md``.

    Raises:
        CorruptMidiError: what cannot be read at all, or exceeds a limit.
        UsageError: an unknown ``by`` or ``context``.
        TypeError: ``data`` is not bytes-like.
    """
    number = BY_NUMBERS.get(by)
    if number is None:
        raise UsageError(f"by={by!r} is unknown; use one of {', '.join(BY_NUMBERS)}.")
    if context not in CONTEXTS:
        raise UsageError(f"context={context!r} is unknown; use one of {', '.join(CONTEXTS)}.")
    wrapped = open_parent(data, limits)
    return _result(wrapped, *run_kernel(wrapped.data, number, context == "full", limits))


def open_parent(data: bytes, limits: Limits) -> Unwrapped:
    """Take off a parent's wrappings and check its header.

    Raises:
        CorruptMidiError: it is no MIDI file, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    if type(data) is not bytes:
        data = bytes(memoryview(data))
    wrapped = unwrap(data, limits.input_bytes)
    check_header(wrapped)
    return wrapped


def check_header(wrapped: Unwrapped) -> None:
    """Refuse a header that gives ticks no meaning.

    Raises:
        CorruptMidiError: with code ``header`` or ``division``.
    """
    if len(wrapped.data) < HEADER_SIZE:
        raise CorruptMidiError("header", "The file ends within its MThd header.", wrapped.base)
    if wrapped.data[12] == wrapped.data[13] == 0:
        raise CorruptMidiError(
            "division", "The header's division is 0: its ticks have no length.", wrapped.base + 12
        )


def run_kernel(
    data: bytes | memoryview,
    by: int,
    full: bool,
    limits: Limits = DEFAULT_LIMITS,
    *,
    walk_all: bool = False,
    details: bool = False,
) -> Any:
    """What ``split_kernel`` gives for a file from its ``MThd`` on.

    Raises:
        CorruptMidiError: with code ``limit``.
    """
    allowed = min(limits.output_allowed(len(data)), int(BOUNDLESS))
    # As plain Python the kernel takes ints from a memoryview, where an array would give bytes that overflow.
    octets = np.frombuffer(data, np.uint8) if ENABLED else memoryview(data)
    answer = split_kernel(octets, by, full, walk_all, details, allowed, min(limits.tracks, int(BOUNDLESS)))
    status = answer[1][N_STATUS]
    if status != OK:
        raise _limit(status, allowed, limits)
    return answer


def _limit(status: int, allowed: int, limits: Limits) -> CorruptMidiError:
    if status == LIMIT_OUTPUT:
        return CorruptMidiError(
            "limit", f"All splits of the file would take more than {allowed} bytes (limit: output_bytes)."
        )
    what = "has" if status == LIMIT_TRACKS else "would give"
    return CorruptMidiError("limit", f"The file {what} more than {limits.tracks} tracks (limit: tracks).")


def _result(wrapped: Unwrapped, out: Any, facts: Any) -> Split:
    octets = memoryview(facts).cast("B")
    counters = facts[:N_COUNTERS].tolist()
    rows = N_COUNTERS * _WORD
    stop = rows + counters[N_SPLITS] * SPLIT_ROW.size
    named: list[Problem] = []
    form, _, division = HEADER.unpack_from(wrapped.data, 8)
    tracks = _tracks(wrapped, division, memoryview(out), SPLIT_ROW.iter_unpack(octets[rows:stop]), named)
    (seconds,) = _SECONDS.unpack_from(octets, N_SECONDS * _WORD)
    numbers = facts.tolist() if counters[N_PROBLEMS] else counters
    repaired = counters[N_REPAIRED] or any(problems.KINDS[kind].repaired for kind, _, _ in wrapped.found)
    values = (
        "no_notes" if not tracks else "repaired" if repaired else "split",
        form,
        division,
        counters[N_TRACKS],
        counters[N_TICKS],
        None if seconds != seconds else seconds,
        tuple(tracks),
        problems_of(wrapped, numbers, seconds, named),
    )
    return tuple.__new__(Split, values)  # a call by names takes three times as long


def problems_of(
    wrapped: Unwrapped, numbers: list[int], seconds: float, named: list[Problem]
) -> tuple[Problem, ...]:
    """All problems of a parent, in the order of the file.

    Args:
        wrapped: the parent.
        numbers: the kernel's facts.
        seconds: the song's length as the kernel gives it, NaN where the division has no time.
        named: problems of the tracks' names, which the kernel does not read.
    """
    found = [problems.problem(kind, number, None, offset) for kind, number, offset in wrapped.found]
    first = N_COUNTERS + numbers[N_SPLITS] * O_COLUMNS
    for at in range(first, first + numbers[N_PROBLEMS] * P_COLUMNS, P_COLUMNS):
        kind, track, offset, count = numbers[at : at + P_COLUMNS]
        found.append(problems.problem(kind, count, None if track < 0 else track, wrapped.base + offset))
    found += named
    form, counted, division = HEADER.unpack_from(wrapped.data, 8)
    num_tracks = numbers[N_TRACKS]
    if form > 2:
        found.append(problems.problem(problems.FORMAT_UNKNOWN, form, None, wrapped.base + 8))
    elif form == 0 and num_tracks > 1:
        found.append(problems.problem(problems.FORMAT_0_TRACKS, num_tracks, None, wrapped.base + 8))
    if counted != num_tracks:
        found.append(problems.problem(problems.TRACK_COUNT, num_tracks, None, wrapped.base + 10))
    if seconds != seconds:
        n = f"division {division:#06x}"
        found.append(problems.problem(problems.DIVISION_SMPTE, n, None, wrapped.base + 12))
    if found:
        found.sort(key=lambda problem: -1 if problem.offset is None else problem.offset)
    unlisted = numbers[N_UNLISTED] + len(found[problems.LISTED_AT_MOST :])
    if unlisted:
        del found[problems.LISTED_AT_MOST :]
        found.append(problems.problem(problems.TOO_MANY_PROBLEMS, unlisted, None, None))
    return tuple(found)


def name_of(
    wrapped: Unwrapped, at: int, length: int, track: int, found: list[Problem]
) -> tuple[str | None, str | None]:
    """A track's name and its encoding, (None, None) without one; a guess is told in ``found``."""
    if length <= 0:
        return None, None
    raw = bytes(wrapped.data[at : at + length])
    name, encoding = (_decoded if length <= _SHORT else decode)(raw)
    if encoding not in PLAIN_ENCODINGS:
        found.append(problems.problem(problems.TEXT_ENCODING, str(encoding), track, wrapped.base + at))
    return name, encoding


def _tracks(
    wrapped: Unwrapped,
    division: int,
    out: memoryview,
    rows: Iterator[tuple[Any, ...]],
    found: list[Problem],
) -> list[SplitTrack]:
    tracks = []
    named = -1
    name = encoding = None
    told = 0, -1, -1, -1
    facts = stated(division, *told)
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
            name, encoding = name_of(wrapped, at, length, track, found)
        if (tempi, tempo, meter, key) != told:  # mostly the tracks of a song state the same
            told = tempi, tempo, meter, key
            facts = stated(division, tempi, tempo, meter, key)
        instrument, family = SOUNDS[drums_heard * PROGRAMS + program_heard]
        own_instrument, own_family = SOUNDS[own_drums * PROGRAMS + own_program]
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
