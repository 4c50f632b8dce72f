"""Tempo events that stand outside of all chunks."""

from midiprism.smf import problems
from midiprism.smf.repair.diagnosis import Diagnosis
from midiprism.smf.repair.edits import Repair
from midiprism.smf.repair.events import META, Effort, read_clean_events

TEMPO = 0x51


def find_stray_tempos(song: Diagnosis, effort: Effort) -> list[Repair]:
    """Return a notice for each span between chunks that holds whole events only, a tempo among them."""
    found = []
    for problem in song.file_problems:
        if problem.kind in (problems.JUNK_BETWEEN_CHUNKS, problems.TRAILING_BYTES):
            stop = problem.position + problem.size
            events = [*read_clean_events(song.data, problem.position, stop, effort)]
            tempos = sum(event.status == META and song.data[event.position + 1] == TEMPO for event in events)
            if tempos and events[-1].stop == stop:
                found.append(Repair(problems.TEMPO_BETWEEN_CHUNKS, tempos, None, problem.position))
    return found
