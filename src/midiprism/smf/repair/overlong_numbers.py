"""Numbers of variable length that take a byte more than they may, though their value is legal."""

from midiprism.smf import problems
from midiprism.smf.repair.diagnosis import Diagnosis, TrackReading
from midiprism.smf.repair.edits import Edit, Repair, RepairStep, resize_chunk
from midiprism.smf.repair.events import META, OVERLONG_NUMBER, Effort, read_events


def shorten_overlong_numbers(song: Diagnosis, track: TrackReading, effort: Effort) -> RepairStep | None:
    """Remove the first byte of every number of five bytes whose value fits into four."""
    if problems.VLQ not in track.problem_kinds:
        return None
    data = song.data
    limit = min(track.declared_end, len(data))
    edits = []
    for event in read_events(data, track.body, limit, effort, OVERLONG_NUMBER):
        numbers = [event.start]
        if event.status >= 0xF0 and event.stop > event.position + 1:
            numbers.append(event.position + (2 if event.status == META else 1))
        edits += [Edit(at, at + 1, b"") for at in numbers if _is_overlong(data, at, limit)]
    if not edits:
        return None
    repair = Repair(problems.VLQ_OVERLONG, len(edits), track.number, edits[0].start)
    return RepairStep(resize_chunk(data, track.body, edits), [repair])


def _is_overlong(data: bytes, at: int, limit: int) -> bool:
    return at + OVERLONG_NUMBER <= limit and all(byte >= 0x80 for byte in data[at : at + OVERLONG_NUMBER - 1])
