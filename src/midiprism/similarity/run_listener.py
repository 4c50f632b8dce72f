"""Lets a run record the lines of its new tracks where its result has fingerprints. It loads nothing else."""

import os
from dataclasses import dataclass

from midiprism.pipeline.track_listener import MakeTrackListener, TrackListener
from midiprism.similarity.folder import similarity_folder


@dataclass(frozen=True, slots=True)
class RecordNewLines:
    """Makes the listener of each worker.

    Attributes:
        folder: of the fingerprints.
    """

    folder: str

    def __call__(self) -> TrackListener:
        from midiprism.similarity.new_lines import NewLines

        return NewLines(self.folder)


def listener_of_run(out: str) -> MakeTrackListener | None:
    """Return what makes the listeners of a run; None where the result in ``out`` has no fingerprints."""
    folder = os.path.abspath(similarity_folder(out))
    return RecordNewLines(folder) if os.path.isdir(folder) else None
