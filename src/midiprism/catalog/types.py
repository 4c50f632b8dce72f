"""The facts about songs and tracks that a catalog returns."""

from dataclasses import dataclass
from typing import NamedTuple

KnownPaths = dict[bytes, tuple[int | None, int | None]]
"""Size, and time of the last change in nanoseconds, of each path when it was last read; None for a file that
could not be read."""


class KnownSong(NamedTuple):
    """A song that has an outcome, with the version of the contract and the run that gave it."""

    id: int
    outcome: str
    contract_version: int
    run_id: int


class TrackPathFields(NamedTuple):
    """The fields that make up the path of a track's file."""

    family: str
    stem: str
    digest: bytes
    digest_digits: int


@dataclass(frozen=True, slots=True)
class UpToDate:
    """Songs with which a run has nothing to do: of this contract, and with none of these outcomes."""

    contract_version: int
    retried_outcomes: tuple[str, ...] = ()

    def includes(self, contract_version: int, outcome: str) -> bool:
        """Return whether a song with these facts is one of them."""
        return contract_version == self.contract_version and outcome not in self.retried_outcomes
