"""The notes that sound in the parts of a track that is divided by program or by drum piece."""

from typing import Any

from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.row_types import BY_PROGRAM, PITCHES


@inlined
def begin_note_of_part(parts: Any, note_counts: Any, row: int, slot: int) -> None:
    """Count a note of a part that begins; ``note_counts`` are those that sound.

    A slot is ``row * PITCHES + pitch`` by program. By drum it is ``address * PITCHES + pitch``, as in
    ``row_by_key``: each is of one part.
    """
    note_counts[slot] += 1
    parts.rows[row].sounding_count += 1


@inlined
def end_note_of_part(parts: Any, note_counts: Any, row: int, slot: int, tick: int) -> None:
    """Count a note-off of a part, if a note sounds there."""
    if note_counts[slot] > 0:
        note_counts[slot] -= 1
        part = parts.rows[row]
        part.sounding_count -= 1
        part.last_note_tick = tick


@borrowing_helper
def end_notes_of_address(parts: Any, by: int, note_counts: Any, address: int, notes: int, tick: int) -> None:
    """Count the end of all notes of an address. Their note-offs, if any, still go to their parts.

    ``notes`` is the first slot of its notes by drum.
    """
    for row in range(parts.channel_starts[address], parts.channel_stops[address]):
        part = parts.rows[row]
        if part.sounding_count == 0:
            continue
        for pitch in range(PITCHES):
            slot = row * PITCHES + pitch
            if by != BY_PROGRAM:
                slot = notes + pitch
                if parts.row_by_key[slot] >= 0 and parts.row_by_key[slot] != row:
                    continue
            if note_counts[slot] > 0:
                part.sounding_count -= note_counts[slot]
                part.last_note_tick = tick
                note_counts[slot] = 0
