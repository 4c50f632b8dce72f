"""The kernel's reading of a damaged song, as the repairs need it."""

from typing import NamedTuple

import numpy as np

from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.repair.chunks import read_size


class TrackReading(NamedTuple):
    """A source track as the kernel has read it.

    Attributes:
        number: counted from 0.
        body: position of its first event.
        declared_end: its end by the length of its chunk, perhaps beyond the file.
        stop: position after the last event that was kept.
        end_of_track: position of the end of track; -1 without one.
        note_count: the notes that it plays.
        channels: a bit for each channel that it plays on.
        problem_kinds: the kinds of its problems.
    """

    number: int
    body: int
    declared_end: int
    stop: int
    end_of_track: int
    note_count: int
    channels: int
    problem_kinds: frozenset[int]


class FileProblem(NamedTuple):
    """A problem of the whole file: its kind, its position, and how many bytes it concerns."""

    kind: int
    position: int
    size: int


class Diagnosis(NamedTuple):
    """The bytes of a song, its tracks, and the problems of the whole file in the order of the file."""

    data: bytes
    tracks: list[TrackReading]
    file_problems: list[FileProblem]

    @property
    def counted_tracks(self) -> int:
        """The number of tracks that the header counts."""
        return int.from_bytes(self.data[10:12], "big")


def diagnose(data: bytes, answer: KernelOutput) -> Diagnosis:
    """Return what the kernel says about a song; ``answer`` is one with details."""
    kinds: dict[int, set[int]] = {}
    file_problems = []
    listed = [] if answer.problems is None else answer.problems.tolist()
    for kind, track, offset, count in listed:
        if track < 0:
            file_problems.append(FileProblem(kind, offset, count))
        else:
            kinds.setdefault(track, set()).add(kind)
    columns = ("body", "stop", "end_of_track", "note_count", "channels")
    rows = zip(*(np.asarray(answer.source_tracks[name]).tolist() for name in columns), strict=True)
    tracks = [
        TrackReading(
            number,
            body,
            body + read_size(data, body - 4),
            stop,
            end_of_track,
            notes,
            channels,
            frozenset(kinds.get(number, ())),
        )
        for number, (body, stop, end_of_track, notes, channels) in enumerate(rows)
    ]
    file_problems.sort(key=lambda problem: problem.position)
    return Diagnosis(data, tracks, file_problems)
