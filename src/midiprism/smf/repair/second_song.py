"""Another song in the same file."""

from collections.abc import Iterator

from midiprism.smf import problems
from midiprism.smf.repair.chunks import HEADER_SIZE, MTHD, STANDARD_HEADER
from midiprism.smf.repair.diagnosis import Diagnosis
from midiprism.smf.repair.edits import Edit, Repair, RepairStep


def cut_second_song(song: Diagnosis) -> RepairStep | None:
    """Cut the song at a second MThd with tracks on both sides of it."""
    if not song.tracks:
        return None
    first, last = song.tracks[0].body, song.tracks[-1].body
    start = min((at for at in _header_positions(song) if first < at < last), default=None)
    if start is None:
        return None
    size = len(song.data) - start
    return RepairStep([Edit(start, len(song.data), b"")], [Repair(problems.SECOND_SONG, size, None, start)])


def _header_positions(song: Diagnosis) -> Iterator[int]:
    """Yield where a second header may be: where a chunk begins, or in bytes that belong to no chunk."""
    for problem in song.file_problems:
        if problem.kind == problems.UNKNOWN_CHUNK:
            if song.data.startswith(MTHD, problem.position):
                yield problem.position
        elif problem.kind == problems.JUNK_BETWEEN_CHUNKS:
            yield from _search(song.data, problem.position, problem.position + problem.size)
    for track, following in zip(song.tracks, song.tracks[1:], strict=False):
        if problems.TRACK_LENGTH in track.problem_kinds:
            yield from _search(song.data, track.stop, following.body - 8)


def _search(data: bytes, start: int, stop: int) -> Iterator[int]:
    at = data.find(STANDARD_HEADER, start, stop)
    if at >= 0 and at + HEADER_SIZE <= len(data):
        yield at
