"""What may be changed while a run goes on, and who decides it."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from midiprism.meter.sample import Sample


@dataclass(frozen=True, slots=True)
class Knobs:
    """What is in force.

    Attributes:
        workers: processes that split.
        batch_size: most songs of a batch.
        in_flight: most batches handed out and not committed.
    """

    workers: int
    batch_size: int
    in_flight: int


class Decision(NamedTuple):
    """What is to be in force from now on, and why, in one sentence."""

    knobs: Knobs
    why: str


class Tuner(Protocol):
    """Decides while a run goes on."""

    def decide(self, sample: Sample, knobs: Knobs) -> Decision | None:
        """Called with each new sample of a run, in the order of time.

        Args:
            sample: the run at this moment.
            knobs: what has been in force since the last decision.

        Returns:
            What to change; None for nothing. What was asked for in the settings is changed by nobody.
        """
