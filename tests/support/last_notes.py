"""A check of where the last notes of the tracks of a split end."""

from collections import Counter
from collections.abc import Iterable

from support.invariants import SplitCase
from support.midi_parser import CONTROL, Event, is_note_off, is_note_on


def check_last_notes(case: SplitCase) -> None:
    """Check where the last notes end, for songs of one port.

    What other tracks send does not count, which ``full`` merges in.
    """
    if case.context == "full" or any(map(any, case.oracle.ports.numbers)):
        return
    for out in case.outputs:
        end = last_note_end(out.track.events, out.track.end_tick)
        assert out.split_track.last_note_ticks == end, out.split_track


def last_note_end(events: Iterable[Event], end_tick: int) -> int:
    """Return the tick at which the last note ends: by a note-off, by all sound off, or by a mode message."""
    sounding: Counter[tuple[int, int]] = Counter()
    last = 0
    for event in events:
        tick, status, body = event
        if is_note_on(event):
            sounding[status & 15, body[0]] += 1
        elif is_note_off(event) and sounding[status & 15, body[0]]:
            sounding[status & 15, body[0]] -= 1
            last = tick
        elif status & 0xF0 == CONTROL and body[0] in (120, *range(123, 128)):
            ended = [key for key, count in sounding.items() if key[0] == status & 15 and count]
            for key in ended:
                sounding[key] = 0
                last = tick
    return end_tick if sounding.total() else last
