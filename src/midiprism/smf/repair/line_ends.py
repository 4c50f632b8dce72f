"""Songs in which a program has translated the ends of lines, as if they were texts."""

from collections.abc import Callable
from typing import NamedTuple

from midiprism.smf import problems
from midiprism.smf.repair.chunks import HEADER_SIZE, MTRK, STANDARD_HEADER, read_chunk, read_size
from midiprism.smf.repair.diagnosis import Diagnosis
from midiprism.smf.repair.edits import Edit, Repair, RepairStep, apply_edits
from midiprism.smf.repair.events import Effort, reads_cleanly
from midiprism.smf.repair.lost_returns import restore_returns

MAX_LINE_ENDS = 500_000
"""Most line ends that are undone in one song."""


class Undone(NamedTuple):
    """A translation, and the edits that undo it."""

    translation: str
    edits: list[Edit]


def undo_line_ends(song: Diagnosis, effort: Effort) -> RepairStep | None:
    """Undo a translation of line ends, if all chunk lengths then fit and there is only one way to do it."""
    data = song.data
    if not 0 < data.count(b"\n") <= MAX_LINE_ENDS or _chunks_fit(data):
        return None
    first = data.find(b"\n")
    fitting = [undone for undone in _undo_pairs(data) if _chunks_fit(apply_edits(data, undone.edits))]
    is_ambiguous = False
    if len(fitting) > 1:
        fitting = [undone for undone in fitting if _is_clean(apply_edits(data, undone.edits), effort)]
        is_ambiguous = len(fitting) != 1
    elif not fitting:
        edits, has_parted = restore_returns(data, effort)
        if edits and _chunks_fit(apply_edits(data, edits)):
            if has_parted:
                cut = sum(max(0, -edit.growth) for edit in edits)
                repair = Repair(problems.LINE_ENDS_AMBIGUOUS, 0, None, edits[0].start, cut)
                return RepairStep(edits, [repair])
            fitting = [Undone("CRLF to LF", edits)]
    if is_ambiguous:
        return RepairStep([], [Repair(problems.LINE_ENDS_AMBIGUOUS, 0, None, first)])
    if not fitting:
        return None
    undone = fitting[0]
    repair = Repair(problems.LINE_ENDS, undone.translation, None, undone.edits[0].start)
    return RepairStep(undone.edits, [repair])


def _undo_pairs(data: bytes) -> list[Undone]:
    """Return the ways to undo a translation to CRLF: a bare LF or CR proves that it was not translated."""
    pairs = _positions(data, lambda at: data[at - 1 : at] == b"\r")
    ways: list[Undone] = []
    if not pairs:
        return ways
    if len(pairs) == data.count(b"\n"):
        ways.append(Undone("LF to CRLF", [Edit(at - 1, at, b"") for at in pairs]))
    if len(pairs) == data.count(b"\r"):
        ways.append(Undone("CR to CRLF", [Edit(at, at + 1, b"") for at in pairs]))
    return ways


def _positions(data: bytes, is_wanted: Callable[[int], bool]) -> list[int]:
    """Return the wanted positions of LF."""
    found = []
    at = data.find(b"\n")
    while at >= 0:
        if is_wanted(at):
            found.append(at)
        at = data.find(b"\n", at + 1)
    return found


def _chunks_fit(data: bytes) -> bool:
    """Return whether the lengths of all chunks lead to the next and to the end, with the counted tracks."""
    if not data.startswith(STANDARD_HEADER) or len(data) < HEADER_SIZE or data[12] == data[13] == 0:
        return False
    at, tracks = HEADER_SIZE, 0
    while at < len(data):
        chunk = read_chunk(data, at)
        if chunk is None:
            return False
        tracks += chunk.kind == MTRK
        at = chunk.stop
    return tracks == int.from_bytes(data[10:12], "big")


def _is_clean(data: bytes, effort: Effort) -> bool:
    """Return whether every track of a song whose chunks fit is free of damage."""
    at = HEADER_SIZE
    while at < len(data):
        stop = at + 8 + read_size(data, at + 4)
        if data.startswith(MTRK, at) and not reads_cleanly(data, at + 8, stop, effort):
            return False
        at = stop
    return True
