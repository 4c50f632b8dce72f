"""The interface of what a worker tells of the tracks that are new to the store."""

from collections.abc import Callable, Sequence
from typing import Protocol


class TrackListener(Protocol):
    """Receives new tracks, in the process of the worker that stored them.

    Some may never be recorded, and some reach the listeners of several workers.
    """

    def add(self, digests: Sequence[bytes], tracks: Sequence[bytes], families: Sequence[str]) -> None:
        """Receive tracks.

        Args:
            digests: BLAKE3 of their bytes.
            tracks: their bytes.
            families: the instrument family that each of them selects.
        """

    def close(self) -> None:
        """Receive no more."""


MakeTrackListener = Callable[[], TrackListener]
"""Makes the listener of a worker; it crosses to other processes."""
