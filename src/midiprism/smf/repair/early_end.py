"""An end of track with more of its track behind it."""

from collections.abc import Iterator

from midiprism.smf import problems
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading
from midiprism.smf.repair.drop_events import drop_events
from midiprism.smf.repair.edits import Repair, RepairStep, resize_chunk
from midiprism.smf.repair.events import (
    Effort,
    TrackEvent,
    is_end_of_track,
    is_note_on,
    read_clean_events,
    read_event,
)


def drop_early_end(song: Diagnosis, track: TrackReading, effort: Effort) -> RepairStep | None:
    """Drop an end of track if clean events with a note follow it, up to another that ends the chunk."""
    if problems.BYTES_AFTER_END_OF_TRACK not in track.problem_kinds or track.declared_end > len(song.data):
        return None
    end = read_event(song.data, track.end_of_track, track.stop, 0)
    if end is None:
        return None
    dropped = _early_ends(song, track, end, effort)
    if not dropped:
        return None
    edits = drop_events(_events_behind(song, track, end, Effort()), lambda event: event.start in dropped)
    repair = Repair(problems.EARLY_END_OF_TRACK, len(dropped), track.number, track.end_of_track)
    return RepairStep(resize_chunk(song.data, track.body, edits), [repair])


def _events_behind(
    song: Diagnosis, track: TrackReading, end: TrackEvent, effort: Effort
) -> Iterator[TrackEvent]:
    yield end
    yield from read_clean_events(song.data, track.stop, track.declared_end, effort)


def _early_ends(song: Diagnosis, track: TrackReading, end: TrackEvent, effort: Effort) -> set[int]:
    """Return the starts of all ends of track before the last note; none unless the rest is clean."""
    dropped: set[int] = set()
    ends = [end.start]
    last = end
    for event in _events_behind(song, track, end, effort):
        last = event
        if is_end_of_track(song.data, event):
            ends.append(event.start)
        elif is_note_on(song.data, event):
            dropped.update(ends)
            ends = []
    ended = last.stop == track.declared_end and is_end_of_track(song.data, last)
    return dropped if ended else set()
