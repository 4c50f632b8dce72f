"""How far a run is."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from midiprism.metrics.snapshot import SampleWindow
from midiprism.sources import Source


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is.

    Attributes:
        total: songs that there will be; None while they are being counted.
        seen: songs looked at so far; ``skipped`` and ``failed`` are among them.
        tracks: tracks so far; ``tracks_new`` and ``tracks_duplicate`` add up to it.
        seconds: since the run began, without the time to load or compile the splitter.
        window: what went on in the last seconds; None where it is not measured.
        facts: what was recorded of the run when it began, such as its settings and places.
    """

    total: int | None
    seen: int
    skipped: int
    failed: int
    tracks: int
    tracks_new: int
    tracks_duplicate: int
    seconds: float
    window: SampleWindow | None = None
    recorded_settings: Mapping[str, Any] = field(default_factory=dict)


RunListener = Callable[[RunProgress], None]


class SongCounter:
    """Counts a library's songs in the gaps between other work, for the percentage.

    Args:
        library: what to count.
        limit: most songs that the run looks at.
    """

    def __init__(self, source: Source, limit: int | None) -> None:
        self._count_iterator = source.running_count()
        self._limit = limit
        self._so_far = 0
        self.total: int | None = None
        """How many there are, or None while they are being counted."""

    def advance(self, seconds: float) -> None:
        """Go on counting for about so long."""
        until = time.perf_counter() + seconds
        while self.total is None and time.perf_counter() < until:
            count = next(self._count_iterator, None)
            if count is not None:
                self._so_far = count
            if count is None or (self._limit is not None and count >= self._limit):
                self.total = self._so_far if self._limit is None else min(self._so_far, self._limit)
