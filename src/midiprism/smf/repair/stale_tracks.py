"""Tracks of older versions of a song, behind the last track that its header counts."""

from midiprism.smf import problems
from midiprism.smf.repair.chunks import read_chunk
from midiprism.smf.repair.diagnosis import Diagnosis
from midiprism.smf.repair.edits import Edit, Repair, RepairStep

WRONG_LENGTH = {problems.TRACK_LENGTH, problems.TRACK_TRUNCATED}


def cut_stale_tracks(song: Diagnosis) -> RepairStep | None:
    """Cut the song where its counted tracks have been found and the next is not adjacent.

    Whole unknown chunks and one byte of padding count as adjacent. The count proves nothing if the counted
    tracks hold no note, or if the length of one is wrong.
    """
    count = song.counted_tracks
    counted, others = song.tracks[:count], song.tracks[count:]
    if not others or not any(track.note_count for track in counted):
        return None
    if any(track.problem_kinds & WRONG_LENGTH for track in counted):
        return None
    if problems.MISSING_END_OF_TRACK in counted[-1].problem_kinds:
        return None
    for gap in song.file_problems:
        if (
            gap.kind == problems.JUNK_BETWEEN_CHUNKS
            and gap.position > counted[-1].body
            and not _is_filled(song.data, gap.position, gap.position + gap.size)
        ):
            size = len(song.data) - gap.position
            stale = sum(track.body > gap.position for track in others)
            repairs = [
                Repair(problems.STALE_TRACKS, stale, None, gap.position),
                Repair(problems.TRAILING_BYTES, size, None, gap.position),
            ]
            return RepairStep([Edit(gap.position, len(song.data), b"")], repairs)
    return None


def _is_filled(data: bytes, start: int, stop: int) -> bool:
    """Return whether a span holds whole chunks only, each perhaps after one byte of padding."""
    at = start
    while at < stop - 1:
        chunk = read_chunk(data, at) or read_chunk(data, at + 1)
        if chunk is None:
            return False
        at = chunk.stop
    return at <= stop
