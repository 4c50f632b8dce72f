"""Songs written for the two kinds of synthesizer of Windows 3.1, which hold their music twice."""

from midiprism.smf import problems
from midiprism.smf.repair.diagnosis import Diagnosis
from midiprism.smf.repair.edits import Repair
from midiprism.smf.repair.events import Effort, is_note_on, read_events
from midiprism.smf.repair.signs import BASE_DRUMS, EXTENDED_DRUMS

MIN_REPEATED_DRUMS = 0.9
MIN_REPEATED_MELODY = 0.5
MIN_NOTES = 8

_Notes = set[tuple[int, int]]


def find_dual_mode(song: Diagnosis, effort: Effort) -> Repair | None:
    """Return the notice about a song that repeats its music on channels 13 to 16, or None.

    Of the notes on channel 16 nine in ten are on channel 10 too, of those on 13 to 15 half are on 1 to 9, at
    the same tick and pitch. Chance or a doubled part do not look like that.
    """
    notes: list[_Notes] = [set() for _ in range(16)]
    for track in song.tracks:
        tick = 0
        for event in read_events(song.data, track.body, track.stop, effort):
            tick += event.delta
            if is_note_on(song.data, event):
                notes[event.status & 15].add((tick, song.data[event.body]))
    if effort.is_exhausted:
        return None
    extended: _Notes = set().union(*notes[:EXTENDED_DRUMS])
    base: _Notes = set().union(*notes[12:BASE_DRUMS])
    if _repeats(notes[BASE_DRUMS], notes[EXTENDED_DRUMS], MIN_REPEATED_DRUMS) and _repeats(
        base, extended, MIN_REPEATED_MELODY
    ):
        first = next(track for track in song.tracks if track.note_count)
        return Repair(problems.DUAL_MODE, 0, None, first.body)
    return None


def _repeats(notes: _Notes, others: _Notes, share: float) -> bool:
    return len(notes) >= MIN_NOTES and len(notes & others) >= share * len(notes)
