"""The progress of a run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from midiprism.metrics.snapshot import SampleWindow
from midiprism.sources import Source


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The progress of a run.

    Attributes:
        total: songs in the source; None while they are being counted.
        seen: songs looked at so far; ``skipped`` and ``failed`` are among them.
        tracks: tracks of the songs seen; ``tracks_new`` and ``tracks_duplicate`` add up to it.
        seconds: since the run began, without the time to load or compile the splitter.
        window: the samples of the last seconds; None before there are two.
        recorded_settings: the settings and locations that were recorded when the run began.
        tracks_ahead: tracks written so far for songs that are not done yet.
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
    tracks_ahead: int = 0


RunListener = Callable[[RunProgress], None]


class SongCounter:
    """Counts the songs of a source in the gaps between other work, for the percentage.

    Args:
        source: lists the songs.
        limit: most songs that the run looks at.
    """

    def __init__(self, source: Source, limit: int | None) -> None:
        self._count_iterator = source.running_count()
        self._limit = limit
        self._so_far = 0
        self._total: int | None = None

    @property
    def total(self) -> int | None:
        """Number of songs; None while they are being counted."""
        return self._total

    def advance(self, seconds: float) -> None:
        """Count for about so long."""
        end = time.perf_counter() + seconds
        while self._total is None and time.perf_counter() < end:
            count = next(self._count_iterator, None)
            if count is not None:
                self._so_far = count
            if count is None or (self._limit is not None and count >= self._limit):
                self._total = self._so_far if self._limit is None else min(self._so_far, self._limit)
