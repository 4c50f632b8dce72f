"""Call the kernel for one song, and read the parts of its answer that ``split`` and ``inspect`` share."""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from midiprism.errors import CorruptMidiError
from midiprism.smf import problems
from midiprism.smf.instruments import DRUM_FAMILY, DRUM_KITS, instrument_family, instrument_name
from midiprism.smf.kernel.jit import ENABLED
from midiprism.smf.kernel.row_types import (
    BY_AUTO,
    BY_CHANNEL,
    BY_PROGRAM,
    BY_TRACK,
    LIMIT_EVENTS,
    LIMIT_OUTPUT,
    LIMIT_SOURCE_TRACKS,
    NO_LIMIT,
    PROGRAM_SLOTS,
    STATUS_OK,
)
from midiprism.smf.kernel.split_kernel import KernelOutput, split_kernel
from midiprism.smf.text import decode_text
from midiprism.smf.types import By, Limits, Problem
from midiprism.smf.unwrap import Unwrapped, unwrap

BY_CODES: dict[By, int] = {
    "auto": BY_AUTO,
    "track": BY_TRACK,
    "channel": BY_CHANNEL,
    "program": BY_PROGRAM,
}

DEFAULT_LIMITS = Limits()

HEADER_SIZE = 14
UNAMBIGUOUS_ENCODINGS = (None, "ascii", "utf-8")
SOUND_EFFECTS_KIT_PROGRAM = 56

_HEADER_STRUCT = struct.Struct(">HHH")
_MAX_CACHED_NAME_BYTES = 64
_decode_text_cached: Callable[[bytes], tuple[str | None, str | None]] = lru_cache(8192)(decode_text)


class Header(NamedTuple):
    """The fields of an ``MThd`` chunk."""

    format: int
    track_count: int
    division: int


def _instruments_and_families() -> tuple[tuple[str, str], ...]:
    programs = (*range(PROGRAM_SLOTS - 1), None)
    melodic = [(instrument_name(number), instrument_family(number)) for number in programs]
    drums = [(instrument_name(number, drums=True), DRUM_FAMILY) for number in programs]
    return (*melodic, *drums, *[(DRUM_KITS[SOUND_EFFECTS_KIT_PROGRAM], DRUM_FAMILY)] * PROGRAM_SLOTS)


INSTRUMENT_AND_FAMILY = _instruments_and_families()
"""Names of instrument and family, by drum state * PROGRAM_SLOTS + program."""


def unwrap_song(data: bytes, limits: Limits) -> Unwrapped:
    """Return a song without its wrappings, and check its header.

    Raises:
        CorruptMidiError: it is no MIDI file, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    if type(data) is not bytes:
        data = bytes(memoryview(data))
    unwrapped = unwrap(data, limits.input_bytes)
    check_header(unwrapped)
    return unwrapped


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


def read_header(unwrapped: Unwrapped) -> Header:
    """Return the fields of a song's header."""
    return Header(*_HEADER_STRUCT.unpack_from(unwrapped.data, 8))


def run_kernel(
    data: bytes | memoryview,
    by: int,
    full_context: bool,
    limits: Limits = DEFAULT_LIMITS,
    *,
    event_by_event: bool = False,
    details: bool = False,
) -> KernelOutput:
    """Run the kernel over a song's bytes from its ``MThd`` on, and return its tables.

    Args:
        data: the bytes.
        by: a number of ``BY_CODES``.
        full_context: whether the context is "full".
        limits: bounds on output and tracks.
        event_by_event: write every split event by event; the bytes are the same.
        details: return every track, the conductor events and the tempo changes too.

    Raises:
        CorruptMidiError: with code ``limit``.
    """
    max_output = min(limits.max_output_bytes(len(data)), int(NO_LIMIT))
    # As plain Python the kernel takes ints from a memoryview, where an array would give bytes that overflow.
    octets = np.frombuffer(data, np.uint8) if ENABLED else memoryview(data)
    answer: KernelOutput = split_kernel(
        octets,
        by,
        full_context,
        event_by_event,
        details,
        max_output,
        min(limits.tracks, int(NO_LIMIT)),
        min(limits.events, int(NO_LIMIT)),
    )
    if answer.status != STATUS_OK:
        raise _limit_error(answer.status, max_output, limits)
    return answer


def _limit_error(status: int, max_output_bytes: int, limits: Limits) -> CorruptMidiError:
    if status == LIMIT_OUTPUT:
        return CorruptMidiError(
            "limit",
            f"All splits of the file would take more than {max_output_bytes} bytes (limit: output_bytes).",
        )
    if status == LIMIT_EVENTS:
        return CorruptMidiError(
            "limit",
            f"The file has more than {limits.events} events of one kind that has a table (limit: events).",
        )
    what = "has" if status == LIMIT_SOURCE_TRACKS else "would give"
    return CorruptMidiError("limit", f"The file {what} more than {limits.tracks} tracks (limit: tracks).")


def list_problems(
    unwrapped: Unwrapped, header: Header, answer: KernelOutput, name_problems: list[Problem]
) -> tuple[Problem, ...]:
    """Return all problems of a song, in the order of the file.

    Args:
        unwrapped: the song.
        header: its header.
        answer: the kernel's answer.
        name_problems: problems of the tracks' names, which the kernel does not read.
    """
    base = unwrapped.base_offset
    listed = [
        problems.make_problem(wrapper.problem_kind, wrapper.number, None, wrapper.offset)
        for wrapper in unwrapped.wrappers
    ]
    if answer.problems is not None:
        for kind, track, offset, count in answer.problems.tolist():
            listed.append(problems.make_problem(kind, count, None if track < 0 else track, base + offset))
    listed += name_problems
    num_tracks = answer.num_tracks
    if header.format > 2:
        listed.append(problems.make_problem(problems.FORMAT_UNKNOWN, header.format, None, base + 8))
    elif header.format == 0 and num_tracks > 1:
        listed.append(problems.make_problem(problems.FORMAT_0_TRACKS, num_tracks, None, base + 8))
    if header.track_count != num_tracks:
        listed.append(problems.make_problem(problems.TRACK_COUNT, num_tracks, None, base + 10))
    if answer.duration_seconds != answer.duration_seconds:
        division = f"division {header.division:#06x}"
        listed.append(problems.make_problem(problems.DIVISION_SMPTE, division, None, base + 12))
    if listed:
        listed.sort(key=lambda problem: -1 if problem.offset is None else problem.offset)
    unlisted = answer.unlisted_problems + len(listed[problems.MAX_LISTED_PROBLEMS :])
    if unlisted:
        del listed[problems.MAX_LISTED_PROBLEMS :]
        listed.append(problems.make_problem(problems.TOO_MANY_PROBLEMS, unlisted, None, None))
    return tuple(listed)


def read_track_name(
    unwrapped: Unwrapped, start: int, size: int, track: int, name_problems: list[Problem]
) -> tuple[str | None, str | None]:
    """Return a track's name and its encoding, (None, None) without one.

    A guessed encoding is appended to ``name_problems``.
    """
    if size <= 0:
        return None, None
    raw = bytes(unwrapped.data[start : start + size])
    name, encoding = (_decode_text_cached if size <= _MAX_CACHED_NAME_BYTES else decode_text)(raw)
    if encoding not in UNAMBIGUOUS_ENCODINGS:
        name_problems.append(
            problems.make_problem(problems.TEXT_ENCODING, str(encoding), track, unwrapped.base_offset + start)
        )
    return name, encoding
