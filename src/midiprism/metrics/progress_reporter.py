"""Reports of progress to a listener, at most as often as a person can read them."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

P = TypeVar("P")

REPORT_SECONDS = 0.1
"""Default time between two reports."""


class ProgressReporter(Generic[P]):
    """Calls a listener at most once per interval.

    Args:
        listener: called with a report; None for none.
        interval_seconds: at least this passes between two reports; None for ``REPORT_SECONDS``.
        clock: returns seconds.
    """

    def __init__(
        self,
        listener: Callable[[P], None] | None,
        interval_seconds: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._listener = listener
        self._interval_seconds = REPORT_SECONDS if interval_seconds is None else interval_seconds
        self._clock = clock
        self._started = clock()
        self._next_report = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the reporter was made."""
        return self._clock() - self._started

    def report(self, make_report: Callable[[float], P]) -> None:
        """Report, unless the last report was made too recently.

        Args:
            make_report: makes the report, given the seconds since the reporter was made.
        """
        if self._listener is None:
            return
        seconds = self.seconds
        if seconds >= self._next_report:
            self._next_report = seconds + self._interval_seconds
            self._listener(make_report(seconds))
