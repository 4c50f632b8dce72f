"""Split a song: its bytes in, its splits out.

``inspect`` shares the call of the kernel, and the functions that read its answer.
"""

import struct
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import numpy as np

from midiprism.errors import CorruptMidiError, UsageError
from midiprism.smf import problems
from midiprism.smf.instruments import DRUM_FAMILY, INSTRUMENT_AND_FAMILY, TEXT_FAMILY
from midiprism.smf.kernel.conductor import SMPTE_FLAG
from midiprism.smf.kernel.drum_pieces import list_piece_names
from midiprism.smf.kernel.jit import ENABLED
from midiprism.smf.kernel.row_types import (
    BY_AUTO,
    BY_CHANNEL,
    BY_DRUM,
    BY_PROGRAM,
    BY_TRACK,
    DRUM_STATE_DRUMS,
    NO_LIMIT,
    OUTPUT_TRACK,
    PITCHES,
    PROGRAM_SLOTS,
    STATUS_OK,
)
from midiprism.smf.kernel.split_kernel import KernelOutput, split_kernel
from midiprism.smf.part_names import NameReader, choose_names, read_certain_name
from midiprism.smf.refusals import limit_error, unreadable_music_error
from midiprism.smf.repair.signs import BASE_DRUMS, may_be_dual_mode, may_have_loss
from midiprism.smf.stated_meta import make_stated_meta
from midiprism.smf.text.decode import check_encoding
from midiprism.smf.types import CONTEXTS, By, Context, Limits, Problem, SplitSong, SplitTrack
from midiprism.smf.unwrap import KARAOKE_CHUNK, Header, Unwrapped, read_header, unwrap_song

BY_CODES: dict[By, int] = {
    "auto": BY_AUTO,
    "track": BY_TRACK,
    "channel": BY_CHANNEL,
    "program": BY_PROGRAM,
    "drum": BY_DRUM,
}

DEFAULT_LIMITS = Limits()

_NO_LIMIT = int(NO_LIMIT)
_NO_TRACKS: Any = b"" if ENABLED else np.empty(0, np.int64)

OUTPUT_TRACK_STRUCT = struct.Struct(
    "=" + "".join("d" if OUTPUT_TRACK[name].kind == "f" else "q" for name in OUTPUT_TRACK.names)
)
"""A row of the kernel's output tracks: unpacks three times as fast as NumPy does."""

PIECE_NAMES = list_piece_names()


def split(
    data: bytes,
    *,
    by: By = "auto",
    context: Context = "conductor",
    limits: Limits = DEFAULT_LIMITS,
    encoding: str | None = None,
) -> SplitSong:
    """Split a MIDI file into its playing tracks, each a whole MIDI file that sounds as it does in its song.

    Args:
        data: the bytes of the file (any bytes-like object), as it is on disk: gzip, RIFF RMID and MacBinary
            are read too.
        by: ``track``: one split per ``MTrk`` with notes; ``channel``: each divided by port and MIDI channel;
            ``program``: each channel divided by program; ``auto``: by track, but by channel where all notes
            of the file are in one track on several channels, unless those are one instrument; ``drum``: as
            ``auto``, but channels that play drums divided by the pieces of their kit.
        context: ``conductor``: tempo, meter, key and SMPTE offset of the song are merged in; ``full``: also
            what other tracks send on the split's channels, sysex of the first track, and text of the song;
            lyrics of a track without notes go to the one that sings them, and tracks without notes that hold
            lyrics, chords or markers are kept.
        limits: bounds on input and output.
        encoding: of the texts, such as ``cp932``, unless a byte-order mark states another; None to guess it.

    Returns:
        The splits with their facts, and the problems of the file. What each ``by`` and ``context`` promises
        is in ``docs/reference/split-contract.md``.

    Raises:
        CorruptMidiError: the file cannot be read at all, or exceeds a limit.
        UsageError: an unknown ``by``, ``context`` or ``encoding``.
        TypeError: ``data`` is not bytes-like.
    """
    check_division(by, context)
    codec = None if encoding is None else check_encoding(encoding)
    unwrapped, answer, text_kinds = read_song_for(data, by, context, limits)
    return _to_split_song(unwrapped, answer, text_kinds, codec)


def check_division(by: By, context: Context) -> None:
    """Check how a song is to be divided.

    Raises:
        UsageError: an unknown ``by`` or ``context``.
    """
    if by not in BY_CODES:
        raise UsageError(f"by={by!r} is unknown; use one of {', '.join(BY_CODES)}.")
    if context not in CONTEXTS:
        raise UsageError(f"context={context!r} is unknown; use one of {', '.join(CONTEXTS)}.")


def read_song_for(
    data: bytes, by: By, context: Context, limits: Limits
) -> tuple[Unwrapped, KernelOutput, Mapping[int, str]]:
    """Return what ``read_song`` or ``read_song_with_words`` does, as the context asks.

    Raises:
        CorruptMidiError: it is no MIDI file, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    if context == "full":
        return read_song_with_words(data, BY_CODES[by], limits)
    return *read_song(data, BY_CODES[by], False, limits), {}


def _to_split_song(
    unwrapped: Unwrapped, answer: KernelOutput, text_kinds: Mapping[int, str], encoding: str | None
) -> SplitSong:
    header = read_header(unwrapped)
    name_reader = make_name_reader(unwrapped, answer, encoding)
    tracks = _to_split_tracks(unwrapped, header.division, answer, text_kinds, name_reader)
    listed = list_problems(unwrapped, header, answer, name_reader.problems)
    if (lost_bytes := unwrapped.lost_bytes) and not answer.channels:
        raise unreadable_music_error(lost_bytes, listed)
    repaired = answer.repaired_problems or unwrapped.was_repaired or lost_bytes
    seconds = answer.duration_seconds
    values = (
        "no_notes" if not tracks else "repaired" if repaired else "split",
        header.format,
        header.division,
        answer.num_tracks,
        answer.duration_ticks,
        None if seconds != seconds else seconds,
        tuple(tracks),
        listed,
        lost_bytes,
    )
    return tuple.__new__(SplitSong, values)  # a call by names takes three times as long


def _to_split_tracks(
    unwrapped: Unwrapped, division: int, answer: KernelOutput, kinds: Mapping[int, str], names: NameReader
) -> list[SplitTrack]:
    out, data = bytes(answer.out), bytes(unwrapped.data)  # which most are already
    tracks = []
    is_dual_mode = unwrapped.is_dual_mode
    chooser = choose_names(unwrapped.bytes_at, answer.texts, answer.output_tracks)
    may_be_certain = names.encoding is None
    named: tuple[int, int, int] | None = None
    name = encoding = own_name = None
    stated_numbers: tuple[int, int, int, int] | None = None
    for (
        track,
        port,
        channel,
        program,
        drum_piece,
        start,
        stop,
        note_count,
        lowest_pitch,
        highest_pitch,
        note_hash,
        ticks,
        last_note_tick,
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
        last_note_seconds,
    ) in OUTPUT_TRACK_STRUCT.iter_unpack(answer.output_tracks.tobytes()):
        own_start, own_size = name_start, name_size
        if chooser is not None:
            part = track, channel, name_start, name_size
            own_start, own_size, _ = chooser.choose_own(part)
            name_start, name_size, _ = chooser.choose(part)
        certain = None
        if may_be_certain and own_start == name_start:
            certain = read_certain_name(data[name_start : name_start + name_size])
        if certain is not None:
            name, encoding, own_name = certain
            named = None
        elif (track, name_start, own_start) != named:
            named = track, name_start, own_start
            name, encoding, own_name = names.read_with_own(track, name_start, name_size, own_start, own_size)
        if (tempo_count, tempo, meter, key) != stated_numbers:  # mostly the tracks of a song state the same
            stated_numbers = tempo_count, tempo, meter, key
            ticks_per_quarter, quarters_per_minute, _, time_signature, key_signature = make_stated_meta(
                division, tempo_count, tempo, meter, key
            )
        if is_dual_mode and channel == BASE_DRUMS:
            song_drums = DRUM_STATE_DRUMS
        instrument, family = INSTRUMENT_AND_FAMILY[song_drums * PROGRAM_SLOTS + song_program]
        if drum_piece >= 0:
            instrument, family = PIECE_NAMES[drum_piece], DRUM_FAMILY
        own_instrument, own_family = INSTRUMENT_AND_FAMILY[own_drums * PROGRAM_SLOTS + own_program]
        if not note_count:
            instrument = own_instrument = kinds[track]
            family = own_family = TEXT_FAMILY
            lowest_pitch = highest_pitch = None
        values = (
            out[start:stop],
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
            ticks_per_quarter,
            quarters_per_minute,
            tempo_count,
            time_signature,
            key_signature,
            None if port < 0 else port,
            None if drum_piece < 0 else drum_piece % PITCHES,
            own_name,
            last_note_tick,
            None if last_note_seconds != last_note_seconds else last_note_seconds,
            note_hash,
        )
        tracks.append(tuple.__new__(SplitTrack, values))
    return tracks


def read_song(
    data: bytes, by: int, full_context: bool, limits: Limits, *, details: bool = False
) -> tuple[Unwrapped, KernelOutput]:
    """Return a song without its wrappings, repaired where its damage can be undone, and the kernel's answer.

    The arguments are those of ``unwrap_song`` and ``run_kernel``.

    Raises:
        CorruptMidiError: it is no MIDI file, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    unwrapped = unwrap_song(data, limits)
    answer = run_kernel(unwrapped.data, by, full_context, limits, details=details)
    if answer.problems is not None:
        # Loaded only for a song that needs it.
        from midiprism.smf.repair.song_repair import may_be_repaired, repair_song

        if may_be_repaired(answer) and repair_song(unwrapped, partial(_read_details, limits)):
            answer = run_kernel(unwrapped.data, by, full_context, limits, details=details)
    if may_have_loss(answer, unwrapped.track_count, unwrapped.repairs) or may_be_dual_mode(answer):
        from midiprism.smf.repair.examine import examine_song

        examine_song(unwrapped, answer, partial(_read_details, limits))
    return unwrapped, answer


def read_song_with_words(
    data: bytes, by: int, limits: Limits
) -> tuple[Unwrapped, KernelOutput, Mapping[int, str]]:
    """Return what ``read_song`` does with the full context, once lyrics are in the tracks that sing them.

    Also what each track without notes that is kept holds, by its number.
    """
    unwrapped, answer = read_song(data, by, True, limits, details=True)
    playing = answer.source_tracks["note_count"] > 0
    # The tracks of format 2 have nothing in common, and a song that plays nothing has no splits.
    if not playing.any() or read_header(unwrapped).format == 2:
        return unwrapped, answer, {}
    if playing.all() and KARAOKE_CHUNK not in bytes(unwrapped.data):
        return unwrapped, answer, {}
    # Loaded only for a song that needs it.
    from midiprism.smf.words.song_words import place_words

    size = len(unwrapped.data)
    text_kinds = place_words(unwrapped, answer)
    if text_kinds or len(unwrapped.data) != size:
        answer = run_kernel(unwrapped.data, by, True, limits, kept_tracks=text_kinds)
    return unwrapped, answer, text_kinds


def _read_details(limits: Limits, data: bytes) -> KernelOutput | None:
    """Return the kernel's answer with details, or None where it exceeds a limit."""
    try:
        return run_kernel(data, BY_TRACK, False, limits, details=True)
    except CorruptMidiError:
        return None


def run_kernel(
    data: bytes | memoryview,
    by: int,
    full_context: bool,
    limits: Limits = DEFAULT_LIMITS,
    *,
    event_by_event: bool = False,
    details: bool = False,
    kept_tracks: Collection[int] = (),
) -> KernelOutput:
    """Run the kernel over a song's bytes from its ``MThd`` on, and return its tables.

    Args:
        data: the bytes.
        by: a number of ``BY_CODES``.
        full_context: whether the context is "full".
        limits: bounds on output and tracks.
        event_by_event: write every split event by event; the bytes are the same.
        details: return every track, the conductor events and the tempo changes too.
        kept_tracks: numbers of tracks that become splits even if they play nothing.

    Raises:
        CorruptMidiError: with code ``limit``.
    """
    max_output = min(limits.max_output_bytes(len(data)), _NO_LIMIT)
    octets: Any = data
    if not ENABLED:
        octets = memoryview(data)  # gives ints, where an array would give bytes that overflow
    elif not isinstance(data, bytes):
        octets = np.frombuffer(data, np.uint8)
    answer: KernelOutput = split_kernel(
        octets,
        by,
        full_context,
        event_by_event,
        details,
        max_output,
        min(limits.tracks, _NO_LIMIT),
        min(limits.events, _NO_LIMIT),
        np.array([*kept_tracks], np.int64) if kept_tracks else _NO_TRACKS,
    )
    if answer.status != STATUS_OK:
        raise limit_error(answer.status, max_output, limits)
    return answer


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
    base, file_offset = unwrapped.base_offset, unwrapped.file_offset
    listed: list[Problem] = []
    if unwrapped.wrappers or unwrapped.repairs:
        listed += [problems.make_problem(kind, number, None, at) for kind, number, at in unwrapped.wrappers]
        listed += [problems.make_problem(*repair[:4]) for repair in unwrapped.repairs]
    if answer.problems is not None:
        for kind, track, offset, count in answer.problems.tolist():
            number = None if track < 0 else track
            listed.append(problems.make_problem(kind, count, number, file_offset(offset)))
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
    elif header.division & SMPTE_FLAG:
        listed.append(problems.smpte_notice(header.division, base + 12))
    if not listed and not answer.unlisted_problems:
        return ()
    listed.sort(key=lambda problem: -1 if problem.offset is None else problem.offset)
    unlisted = answer.unlisted_problems + len(listed[problems.MAX_LISTED_PROBLEMS :])
    if unlisted:
        del listed[problems.MAX_LISTED_PROBLEMS :]
        listed.append(problems.make_problem(problems.TOO_MANY_PROBLEMS, unlisted, None, None))
    return tuple(listed)


def make_name_reader(unwrapped: Unwrapped, answer: KernelOutput, encoding: str | None) -> NameReader:
    """Return what reads the names of a song; ``encoding`` is that of its texts, None to guess it."""
    return NameReader(unwrapped.bytes_at, unwrapped.file_offset, answer.texts, encoding)
