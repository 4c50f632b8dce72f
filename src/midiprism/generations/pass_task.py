"""The tasks of the passes, as engines hand them out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from midiprism.generations.engine import TaskAddress
from midiprism.generations.open_generation import OpenGeneration
from midiprism.generations.pass_a import digest_chunk
from midiprism.generations.pass_b import choose_first, choose_kept_songs
from midiprism.generations.pass_c import write_chunk
from midiprism.generations.redo import digest_base_chunk, find_kept_tracks, rewrite_base_chunk
from midiprism.generations.stage_clocks import CLOCKS

Task = Callable[[OpenGeneration, int], None]


def _by_chunk(own: Task, earlier: Task) -> Task:
    """Return the task of a pass that has one for each chunk, then one for each of earlier generations."""

    def do(generation: OpenGeneration, number: int) -> None:
        (own if number < len(generation.plan.chunks) else earlier)(generation, number)

    return do


TASKS: Mapping[str, Task] = {
    "a": _by_chunk(digest_chunk, digest_base_chunk),
    "s": choose_kept_songs,
    "t": find_kept_tracks,
    "b": choose_first,
    "c": _by_chunk(write_chunk, rewrite_base_chunk),
}
"""The task of each pass."""


@dataclass(frozen=True, slots=True)
class PassTask:
    """The task of a pass: a function of the number of a chunk, or in pass B of a prefix.

    Attributes:
        generation: that the pass belongs to.
        pass_name: one of the passes of its plan.
    """

    generation: OpenGeneration
    pass_name: str

    def address(self) -> TaskAddress:
        """Return what another machine needs to do it."""
        generation = self.generation
        return TaskAddress(
            generation.storage.url,
            "" if generation.source is None else generation.source.url,
            generation.plan.number,
            self.pass_name,
            f"pass {self.pass_name.upper()}",
            "What is recorded stays; the same command continues.",
        )

    def __call__(self, number: int) -> None:
        """Do the task, unless somebody has recorded it meanwhile.

        Raises:
            MidiprismError: it cannot be done now.
        """
        if not self.generation.is_done(self.pass_name, number):
            CLOCKS.take()  # what is not of this task
            TASKS[self.pass_name](self.generation, number)
