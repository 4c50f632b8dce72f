"""The bytes of a song's splits, without the texts and facts that take much of the time of ``split``."""

from typing import TYPE_CHECKING, Any

from midiprism.smf.instruments import DRUM_FAMILY, INSTRUMENT_AND_FAMILY, TEXT_FAMILY
from midiprism.smf.kernel.row_types import PITCHES, PROGRAM_SLOTS
from midiprism.smf.split_song import DEFAULT_LIMITS, PIECE_NAMES, check_division, read_song_for
from midiprism.smf.types import By, Context, Limits, Problem, SplitSong, SplitTrack
from midiprism.smf.unwrap import read_header

if TYPE_CHECKING:
    from midiprism.smf.kernel.split_kernel import KernelOutput


def split_bytes(
    data: bytes, *, by: By = "auto", context: Context = "conductor", limits: Limits = DEFAULT_LIMITS
) -> list[memoryview]:
    """Return the bytes of each track that ``split`` gives, in the same order.

    Where ``split`` finds that all music of a song is lost, there are none.

    Raises:
        CorruptMidiError: the file cannot be read at all, or exceeds a limit.
        UsageError: an unknown ``by`` or ``context``.
        TypeError: ``data`` is not bytes-like.
    """
    check_division(by, context)
    unwrapped, answer, _ = read_song_for(data, by, context, limits)
    if unwrapped.lost_bytes and not answer.channels:
        return []
    return _bytes_of_tracks(answer)


def split_plainly(
    data: bytes,
    problem: Problem,
    *,
    by: By = "auto",
    context: Context = "conductor",
    limits: Limits = DEFAULT_LIMITS,
) -> SplitSong:
    """Return the splits of a song on which ``split`` failed by a defect of its own.

    They have the bytes that ``split_bytes`` gives, no names, the instruments that the song selects, and the
    counts and times of the kernel.

    Args:
        data: the bytes of the file.
        problem: states the defect; it is the only problem of the song, which counts as repaired.
        by: as for ``split``.
        context: as for ``split``.
        limits: as for ``split``.

    Raises:
        CorruptMidiError: the file cannot be read at all, or exceeds a limit.
        UsageError: an unknown ``by`` or ``context``.
    """
    check_division(by, context)
    unwrapped, answer, text_kinds = read_song_for(data, by, context, limits)
    header = read_header(unwrapped)
    is_lost = unwrapped.lost_bytes and not answer.channels
    rows = [] if is_lost else zip(answer.output_tracks, _bytes_of_tracks(answer), strict=True)
    tracks = [_plain_track(row, bytes(octets), text_kinds.get(int(row["track"]))) for row, octets in rows]
    return SplitSong(
        "repaired" if tracks else "no_notes",
        header.format,
        header.division,
        answer.num_tracks,
        answer.duration_ticks,
        _seconds(answer.duration_seconds),
        tuple(tracks),
        (problem,),
        unwrapped.lost_bytes,
    )


def _bytes_of_tracks(answer: "KernelOutput") -> list[memoryview]:
    out, tracks = memoryview(answer.out), answer.output_tracks
    starts, stops = tracks["start"].tolist(), tracks["stop"].tolist()
    return [out[start:stop] for start, stop in zip(starts, stops, strict=True)]


def _plain_track(row: Any, data: bytes, text_kind: str | None) -> SplitTrack:
    sound = int(row["song_drums"]) * PROGRAM_SLOTS + int(row["song_program"])
    instrument, family = INSTRUMENT_AND_FAMILY[sound]
    own_sound = int(row["own_drums"]) * PROGRAM_SLOTS + int(row["own_program"])
    own_instrument, own_family = INSTRUMENT_AND_FAMILY[own_sound]
    note_count, piece = int(row["note_count"]), int(row["drum_piece"])
    if piece >= 0:
        instrument, family = PIECE_NAMES[piece], DRUM_FAMILY
    if text_kind is not None and not note_count:
        instrument = own_instrument = text_kind
        family = own_family = TEXT_FAMILY
    return SplitTrack(
        data,
        int(row["track"]),
        None if row["channel"] < 0 else int(row["channel"]),
        None if row["program"] < 0 else int(row["program"]),
        None,
        None,
        instrument,
        family,
        own_instrument,
        own_family,
        note_count,
        int(row["ticks"]),
        _seconds(float(row["seconds"])),
        int(row["lowest_pitch"]) if note_count else None,
        int(row["highest_pitch"]) if note_count else None,
        port=None if row["port"] < 0 else int(row["port"]),
        drum_piece=None if piece < 0 else piece % PITCHES,
        last_note_ticks=int(row["last_note_tick"]),
        last_note_seconds=_seconds(float(row["last_note_seconds"])),
        note_hash=int(row["note_hash"]),
    )


def _seconds(seconds: float) -> float | None:
    """Return a time of the kernel, which is not a number where the division has no time."""
    return None if seconds != seconds else seconds
