"""Unknown chunks whose length is wrong."""

from midiprism.smf import problems
from midiprism.smf.repair.chunks import MTHD, find_track, is_chunk_or_end, read_size
from midiprism.smf.repair.diagnosis import Diagnosis
from midiprism.smf.repair.edits import Edit, Repair, RepairStep

SHORTEST_CHUNK = 8


def correct_chunk_lengths(song: Diagnosis) -> RepairStep | None:
    """End an unknown chunk at the first MTrk within it, if its length leads neither to a chunk nor the end.

    One byte of padding may follow it if no counted track is missing. A chunk that embeds a whole song stays
    as it is.
    """
    edits, repairs = [], []
    data = song.data
    is_complete = len(song.tracks) >= song.counted_tracks
    for problem in song.file_problems:
        at = problem.position
        if problem.kind != problems.UNKNOWN_CHUNK or data.startswith(MTHD, at):
            continue
        stop = at + 8 + read_size(data, at + 4)
        if (
            len(data) - stop < SHORTEST_CHUNK
            or is_chunk_or_end(data, stop)
            or (is_complete and is_chunk_or_end(data, stop + 1))
        ):
            continue
        track = find_track(data, at + 8, stop)
        if track is not None and data.find(MTHD, at + 8, track) < 0:
            edits.append(Edit(at + 4, at + 8, (track - at - 8).to_bytes(4, "big")))
            repairs.append(Repair(problems.CHUNK_LENGTH, 1, None, at))
    return RepairStep(edits, repairs) if edits else None
