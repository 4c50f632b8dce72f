"""Note-ons and note-offs without a counterpart: they show that a track is read at the wrong place."""

from collections import Counter

from midiprism.smf.repair.events import Effort, TrackEvent, is_end_of_track, is_note_on, read_clean_events


class SoundingNotes:
    """The notes that sound at a position of a track, and how many note-offs before it have ended none."""

    def __init__(self, notes: Counter[tuple[int, int]] | None = None, unmatched: int = 0) -> None:
        self._notes = Counter() if notes is None else notes
        self._unmatched = unmatched

    def copy(self) -> "SoundingNotes":
        """Return a copy that another reading may change."""
        return SoundingNotes(+self._notes, self._unmatched)

    def read(self, data: bytes, event: TrackEvent) -> None:
        """Begin or end the note of an event, if it has one."""
        if event.status >> 4 in (8, 9):
            note = event.status & 15, data[event.body]
            if is_note_on(data, event):
                self._notes[note] += 1
            elif self._notes[note]:
                self._notes[note] -= 1
            else:
                self._unmatched += 1

    def may_precede(self, data: bytes, event: TrackEvent) -> bool:
        """Return whether an event is no note-off, or one that ends a note."""
        is_note_off = event.status >> 4 in (8, 9) and not is_note_on(data, event)
        return not is_note_off or self._notes[event.status & 15, data[event.body]] > 0

    @property
    def unmatched(self) -> int:
        """The number of note-ons and note-offs without a counterpart, if the track ends here."""
        return self._unmatched + self._notes.total()


def unmatched_notes(data: bytes, at: int, limit: int, effort: Effort) -> int | None:
    """Return how many note-ons and note-offs of ``data[at:limit]`` have no counterpart.

    None unless these are clean events with one end of track, the last of them.
    """
    sounding = SoundingNotes()
    for event in read_clean_events(data, at, limit, effort):
        if is_end_of_track(data, event):
            return sounding.unmatched if event.stop == limit else None
        sounding.read(data, event)
    return None
