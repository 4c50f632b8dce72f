"""What may be changed while a run goes on, and who decides it."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from midiprism.metrics.snapshot import RunSample


@dataclass(frozen=True, slots=True)
class Tunables:
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

    tunables: Tunables
    reason: str


class Tuner(Protocol):
    """Decides while a run goes on."""

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        """Called with each new sample of a run, in the order of time.

        Args:
            sample: the run at this moment.
            knobs: what has been in force since the last decision.

        Returns:
            What to change; None for nothing. What was asked for in the settings is changed by nobody.
        """
