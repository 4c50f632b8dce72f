"""The order in which the repairs are tried on a song."""

from collections.abc import Callable

from midiprism.smf import problems
from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.repair.chunk_length import correct_chunk_lengths
from midiprism.smf.repair.data_bytes import drop_impossible_choices
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading, diagnose
from midiprism.smf.repair.early_end import drop_early_end
from midiprism.smf.repair.edits import RepairStep
from midiprism.smf.repair.event_length import MISREAD, correct_event_length
from midiprism.smf.repair.events import Effort
from midiprism.smf.repair.line_ends import undo_line_ends
from midiprism.smf.repair.negative_deltas import sort_negative_deltas
from midiprism.smf.repair.overlong_numbers import shorten_overlong_numbers
from midiprism.smf.repair.second_song import cut_second_song
from midiprism.smf.repair.stale_tracks import cut_stale_tracks
from midiprism.smf.unwrap import Unwrapped

REPAIRABLE = frozenset(
    (
        problems.HEADER_LENGTH,
        problems.UNKNOWN_CHUNK,
        problems.JUNK_BETWEEN_CHUNKS,
        problems.TRACK_TRUNCATED,
        problems.TRACK_LENGTH,
        problems.MISSING_END_OF_TRACK,
        problems.BYTES_AFTER_END_OF_TRACK,
        problems.DATA_BYTE,
        problems.SYSTEM_MESSAGE,
        problems.VLQ,
    )
)
"""Kinds of problems that a repair may undo. So may those of ``event_length.MISREAD`` in one track."""

MAX_STEPS = 12
"""Most steps of repair for one song. A step is one repair of the whole song, or at most one of each track."""

MAX_TRACKS_READ = 1 << 17
"""Most tracks that are read, in all steps together, before another step begins."""

SongRepair = Callable[[Diagnosis], RepairStep | None]
TrackRepair = Callable[[Diagnosis, TrackReading, Effort], RepairStep | None]

SONG_REPAIRS: tuple[SongRepair, ...] = (cut_second_song, correct_chunk_lengths, cut_stale_tracks)
"""Repairs of the whole song. The first that finds something makes a step."""

TRACK_REPAIRS: tuple[TrackRepair, ...] = (
    shorten_overlong_numbers,
    sort_negative_deltas,
    correct_event_length,
    drop_early_end,
    drop_impossible_choices,
)
"""Repairs of one track. For each track the first that finds something takes part in a step."""


def may_be_repaired(answer: KernelOutput) -> bool:
    """Return whether the kernel has found a problem that a repair may undo."""
    if answer.problems is None:
        return False
    kinds = set(answer.problems["kind"].tolist())
    return not REPAIRABLE.isdisjoint(kinds) or kinds >= MISREAD


def repair_song(
    song: Unwrapped, read: Callable[[bytes], KernelOutput | None], max_tracks: int = MAX_TRACKS_READ
) -> bool:
    """Repair a song as far as its damage can be undone; return whether its bytes have changed.

    Args:
        song: the song, to which edits and problems are added.
        read: returns the kernel's answer for bytes, with details; None where it exceeds a limit.
        max_tracks: no step begins once so many tracks were read, in all steps together.
    """
    effort = Effort()
    changed = False
    tracks_read = 0
    for number in range(MAX_STEPS):
        data = bytes(song.data)
        answer = read(data)
        if answer is None or tracks_read >= max_tracks:
            break
        diagnosis = diagnose(data, answer)
        tracks_read += len(diagnosis.tracks)
        step = undo_line_ends(diagnosis, effort) if number == 0 else None
        if step is not None and not step.edits:
            song.apply_repairs(step)
            step = None
        if step is None:
            step = _next_step(diagnosis, effort)
        if step is None:
            break
        song.apply_repairs(step)
        changed = True
    return changed


def _next_step(song: Diagnosis, effort: Effort) -> RepairStep | None:
    for repair in SONG_REPAIRS:
        step = repair(song)
        if step is not None:
            return step
    together = RepairStep([], [])
    for track in song.tracks:
        for repair_track in TRACK_REPAIRS:
            step = repair_track(song, track, effort)
            if step is not None:
                together.edits.extend(step.edits)
                together.repairs.extend(step.repairs)
                break
    return together if together.edits else None
