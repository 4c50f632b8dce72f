"""Events with a data byte above 127 that selects a sound, a note or a mode."""

from midiprism.smf import problems
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading
from midiprism.smf.repair.drop_events import drop_events
from midiprism.smf.repair.edits import Repair, RepairStep, resize_chunk
from midiprism.smf.repair.events import Effort, TrackEvent, is_note_on, read_events

MAGNITUDES = frozenset((1, 2, 4, 7, 8, 10, 11, *range(91, 96)))
"""Controllers of which 127 means as much as possible: modulation, breath, foot, volume, balance, pan,
expression, effect depths."""


def drop_impossible_choices(song: Diagnosis, track: TrackReading, effort: Effort) -> RepairStep | None:
    """Drop the events to which a data byte of 127 would give a meaning that nobody chose."""
    if problems.DATA_BYTE not in track.problem_kinds:
        return None
    dropped = []
    lost_bytes = 0

    def is_dropped(event: TrackEvent) -> bool:
        nonlocal lost_bytes
        impossible = _is_impossible_choice(song.data, event)
        if impossible:
            dropped.append(event.body)
            lost_bytes += event.stop - event.body if is_note_on(song.data, event) else 0
        return impossible

    edits = drop_events(read_events(song.data, track.body, track.stop, effort), is_dropped)
    if not dropped or effort.is_exhausted:
        return None
    repair = Repair(problems.DATA_BYTE_DROPPED, len(dropped), track.number, dropped[0], lost_bytes)
    return RepairStep(resize_chunk(song.data, track.body, edits), [repair])


def _is_impossible_choice(data: bytes, event: TrackEvent) -> bool:
    """Return whether an event has a data byte above 127 that is not the size of something."""
    if event.status >= 0xF0 or all(byte < 0x80 for byte in data[event.body : event.stop]):
        return False
    kind, first = event.status >> 4, data[event.body]
    if kind == 0xB:
        return first not in MAGNITUDES
    return kind == 0xC or (kind <= 0xA and first > 127)
