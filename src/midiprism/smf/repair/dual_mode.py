"""Songs written for the two kinds of synthesizer of Windows 3.1, which hold their music twice."""

from typing import NamedTuple

from midiprism.smf import problems
from midiprism.smf.repair.diagnosis import Diagnosis
from midiprism.smf.repair.edits import Repair
from midiprism.smf.repair.events import Effort, is_note_on, read_events
from midiprism.smf.repair.signs import BASE_DRUMS, EXTENDED_DRUMS

FIRST_BASE_CHANNEL = 12
MIN_REPEATED_DRUMS = 0.9
MIN_REPEATED_MELODY = 0.5
MIN_NOTES = 8
NOTES_COMPARED = 32
"""Most notes of each source track that are looked for among the others."""


class _Notes(NamedTuple):
    """Ticks and pitches of notes, and the tick of the last one."""

    notes: set[tuple[int, int]]
    last_tick: int


def find_dual_mode(song: Diagnosis, effort: Effort) -> Repair | None:
    """Return the notice about a song that repeats its music on channels 13 to 16, or None.

    Of the first notes on channel 16 nine in ten are on channel 10 too, of those on 13 to 15 half are on 1 to
    9, at the same tick and pitch. Chance or a doubled part do not look like that.
    """
    is_dual_mode = _repeats(
        song, range(BASE_DRUMS, 16), range(EXTENDED_DRUMS, EXTENDED_DRUMS + 1), MIN_REPEATED_DRUMS, effort
    ) and _repeats(
        song, range(FIRST_BASE_CHANNEL, BASE_DRUMS), range(EXTENDED_DRUMS), MIN_REPEATED_MELODY, effort
    )
    if not is_dual_mode or effort.is_exhausted:
        return None
    first = next(track for track in song.tracks if track.note_count)
    return Repair(problems.DUAL_MODE, 0, None, first.body)


def _repeats(song: Diagnosis, channels: range, others: range, min_share: float, effort: Effort) -> bool:
    """Return whether the first notes on some channels are also on others."""
    found = _read_notes(song, channels, None, effort)
    if len(found.notes) < MIN_NOTES:
        return False
    repeated = found.notes & _read_notes(song, others, found.last_tick, effort).notes
    return len(repeated) >= min_share * len(found.notes)


def _read_notes(song: Diagnosis, channels: range, last_tick: int | None, effort: Effort) -> _Notes:
    """Return the notes on some channels up to a tick; without one, the first of each source track."""
    notes = set()
    last = 0
    for track in song.tracks:
        if not any(track.channels >> channel & 1 for channel in channels):
            continue
        tick = count = 0
        for event in read_events(song.data, track.body, track.stop, effort):
            tick += event.delta
            if count == NOTES_COMPARED if last_tick is None else tick > last_tick:
                break
            if event.status & 15 in channels and is_note_on(song.data, event):
                notes.add((tick, song.data[event.body]))
                last = max(last, tick)
                count += 1
    return _Notes(notes, last)
