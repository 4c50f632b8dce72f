"""How far a run is."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from midiprism.library import Library


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        total: parents that there will be; None while they are being counted.
        seen: parents looked at so far; ``skipped`` and ``failed`` are among them.
        tracks: tracks so far; ``tracks_new`` and ``tracks_duplicate`` add up to it.
        seconds: since the run began, without the time to load or compile the splitter.
    """

    total: int | None
    seen: int
    skipped: int
    failed: int
    tracks: int
    tracks_new: int
    tracks_duplicate: int
    seconds: float


Listener = Callable[[Progress], None]


class Counting:
    """Counts a library's parents beside the run, for the percentage."""

    def __init__(self, library: Library, limit: int | None) -> None:
        self._library = library
        self._limit = limit
        self._cancelled = threading.Event()
        self._total: int | None = None
        self._thread = threading.Thread(target=self._count, name="midiprism-count", daemon=True)

    def __enter__(self) -> "Counting":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._cancelled.set()
        self._thread.join()

    @property
    def total(self) -> int | None:
        """How many there are, or None while they are being counted."""
        return self._total

    def _count(self) -> None:
        total = self._library.count(self._cancelled.is_set)
        if total is not None:
            self._total = total if self._limit is None else min(total, self._limit)
