"""The settings of a run that may change during the run, and the interface of tuners, which change them."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from midiprism.metrics.snapshot import RunSample


@dataclass(frozen=True, slots=True)
class Tunables:
    """The settings that may change during a run.

    Attributes:
        workers: worker processes.
        batch_size: most songs of a batch.
        in_flight: most batches handed out and not yet committed.
    """

    workers: int
    batch_size: int
    in_flight: int


class Decision(NamedTuple):
    """The tunables from now on, and the reason in one sentence."""

    tunables: Tunables
    reason: str


class Tuner(Protocol):
    """Decides on the tunables during a run."""

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        """Return the next decision; called with each new sample of a run, in the order of time.

        Args:
            sample: the run at this moment.
            tunables: those in force since the last decision.

        Returns:
            The tunables to change to; None for no change. What the settings fix is never changed.
        """
