"""Change the settings of a run while it is active, as long as that makes it faster.

The controller proposes a change from how workers spend their time, tries it, and keeps it only if the rate
rises by more than chance explains, and falls again without it: a disk that other programs use too becomes
faster and slower by itself. A change that did not help is not tried again. When no change is left to try, the
settings stay until the rate differs for a while, or something else limits the run.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from midiprism.advise.tune.candidates import (
    Bounds,
    Candidate,
    CandidateKind,
    find_candidates,
    worker_time_shares,
)
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline import resource_defaults
from midiprism.pipeline.settings import Settings
from midiprism.pipeline.tuner import Decision, Tunables

_OBVIOUS_GAIN = 2.0
"""A gain that needs no long measurement."""

_OBVIOUS_SECONDS = 1.5
_CONVINCING_RATIO = 1.5
"""A ratio of rates that is not chance, if a gain of as much or more was predicted."""

_MIN_SECONDS = 4.0
_MAX_SECONDS = 12.0
_MIN_RISE = 0.05
_QUEUEING_FACTOR = 1.5
_CLEAR_LOSS = 0.5
_PATIENCE_SECONDS = 20.0
_MAX_PATIENCE_SECONDS = 60.0
_MIN_ROUNDS = 2
_STABLE_SECONDS = 8.0
_WATCH_SECONDS = 10.0
_RATE_CHANGE = 0.3
_MIN_REMAINING_SECONDS = 20.0
_MAX_SAMPLES = 60
"""Samples, one per second: more than any judgement needs."""

_OPPOSITES: dict[CandidateKind, CandidateKind] = {
    "more workers": "fewer workers",
    "fewer workers": "more workers",
}


class RateEstimate(NamedTuple):
    """Songs per second, and their standard error as a share of them."""

    rate: float
    relative_error: float


class _Observation(NamedTuple):
    """The performance of a run with some settings.

    Attributes:
        wait_per_song: seconds that a song waited for the source and the store.
    """

    estimate: RateEstimate
    wait_per_song: float


class _Experiment(NamedTuple):
    """A change that is being tried.

    Attributes:
        previous: the settings before it.
        baseline: how the run went before it.
        with_change: how the run went with it; None while that is being measured. Once it is known, the change
            is taken back to see how the run goes without it.
    """

    candidate: Candidate
    previous: Tunables
    baseline: _Observation
    with_change: _Observation | None = None


class _Comparison(NamedTuple):
    """A run with and without a change.

    Attributes:
        rise: how much faster the run is with the change, as a share.
        needed: least rise with which the change is kept.
        error: standard error of the rise.
    """

    with_change: _Observation
    without: _Observation
    rise: float
    needed: float
    error: float


class Controller:
    """Decides how the settings of a run change; implements ``midiprism.pipeline.tuner.Tuner``.

    Args:
        bounds: limits of the changes.
        on_decision: called with a sentence for each decision.
    """

    def __init__(self, bounds: Bounds, on_decision: Callable[[str], None] | None = None) -> None:
        self._bounds = bounds
        self._on_decision = on_decision
        self._samples: list[RunSample] = []
        self._experiment: _Experiment | None = None
        self._rejected: set[CandidateKind] = set()
        self._last_change: tuple[float, int] | None = None
        self._patience_seconds = _PATIENCE_SECONDS
        self._pipeline_full = False
        self._stable_rate: float | None = None
        self._deviation_count = 0
        self._allowed_deviations = 1

    @classmethod
    def from_settings(
        cls, settings: Settings, on_decision: Callable[[str], None] | None = None
    ) -> "Controller | None":
        """Return a controller of the settings that the user did not choose; None if there are none."""
        resources = settings.resources
        bounds = Bounds(
            cpus=resource_defaults.cpus(),
            workers_commit=settings.catalog.database is not None,
            workers_adjustable=resources.workers is None,
            batch_size_adjustable=resources.batch_songs is None,
            in_flight_adjustable=resources.in_flight is None,
        )
        adjustable = bounds.workers_adjustable or bounds.batch_size_adjustable or bounds.in_flight_adjustable
        return cls(bounds, on_decision) if adjustable and resources.workers != 0 else None

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        """Return a change of the settings; None for no change. See ``Tuner``."""
        if _nearly_done(sample, tunables) or not self._is_in_force(sample, tunables):
            return None
        if not self._pipeline_full and sample.songs >= tunables.in_flight * tunables.batch_size:
            # From now on, batches begin no faster than others are committed: earlier samples are not typical.
            self._pipeline_full = True
            self._samples = self._samples if self._experiment else []
        self._samples = [*self._samples[1 - _MAX_SAMPLES :], sample]
        if len(self._samples) < 2:
            return None
        if self._experiment is not None:
            return self._judge(self._experiment, sample, tunables)
        if self._stable_rate is not None and not self._should_resume(self._stable_rate, tunables):
            return None
        return self._propose(sample, tunables)

    def _is_in_force(self, sample: RunSample, tunables: Tunables) -> bool:
        """Return whether the last change is in effect: workers are ready, and earlier batches are done."""
        if sample.songs == 0:
            return False
        if self._last_change is None:
            self._last_change = sample.elapsed_seconds, 0
        changed_at, songs_before = self._last_change
        in_force = sample.workers_ready == tunables.workers and sample.songs >= songs_before
        return in_force or sample.elapsed_seconds - changed_at >= self._patience_seconds

    def _propose(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        """Return the next change to try, once it is known well enough how the run goes without it."""
        seconds = SampleWindow(self._samples[0], sample).seconds
        if seconds < _OBVIOUS_SECONDS:
            return None
        estimate = estimate_rate(self._samples)
        candidates = [
            candidate
            for candidate in self._open_candidates(tunables)
            if self._pipeline_full or not candidate.needs_full_batches
        ]
        if not candidates:
            if self._pipeline_full and seconds >= _STABLE_SECONDS:
                self._stable_rate = estimate.rate
                self._deviation_count = 0
                self._samples = [sample]
            return None
        best = candidates[0]
        obvious = best.gain >= _OBVIOUS_GAIN and not best.needs_full_batches
        min_seconds, max_seconds = _measuring_seconds(best, tunables, estimate)
        precise = estimate.relative_error <= _MIN_RISE or seconds >= max_seconds
        if not obvious and (seconds < min_seconds or not precise):
            return None
        if sample.songs_total is not None and estimate.rate > 0:
            songs_left = sample.songs_total - sample.songs_skipped - sample.songs
            if songs_left / estimate.rate < _MIN_REMAINING_SECONDS:
                return None
        self._experiment = _Experiment(best, tunables, self._observe(estimate))
        return self._decide_on(sample, tunables, best.tunables, best.reason)

    def _open_candidates(self, tunables: Tunables) -> list[Candidate]:
        candidates = find_candidates(self._samples, tunables, self._bounds)
        return [candidate for candidate in candidates if candidate.kind not in self._rejected]

    def _judge(self, experiment: _Experiment, sample: RunSample, tunables: Tunables) -> Decision | None:
        """Return the settings to continue with once it is known whether a change helps; None until then."""
        seconds = SampleWindow(self._samples[0], sample).seconds
        if seconds < _OBVIOUS_SECONDS:
            return None
        now = self._observe(estimate_rate(self._samples))
        comparison = _compare(experiment, now)
        if not _is_conclusive(experiment, comparison, seconds, tunables):
            return None
        self._experiment = None
        candidate = experiment.candidate
        rate, rate_without = comparison.with_change.estimate.rate, comparison.without.estimate.rate
        measured = f"{_format_tunables(candidate.tunables)} gave {rate:,.0f} songs/s"
        if comparison.rise < comparison.needed:
            self._rejected.add(candidate.kind)
            if experiment.with_change is not None:  # the change is taken back already
                return self._propose(sample, tunables)
            reason = f"{measured}, and {rate_without:,.0f} before"
            return self._decide_on(sample, tunables, experiment.previous, reason)
        convincing = 1 + comparison.rise >= max(_CONVINCING_RATIO, math.sqrt(candidate.gain))
        if experiment.with_change is None and not convincing:
            self._experiment = experiment._replace(with_change=now)
            reason = f"{measured}, and {rate_without:,.0f} before, which may be chance"
            return self._decide_on(sample, tunables, experiment.previous, reason)
        self._rejected = {_OPPOSITES[candidate.kind]} if candidate.kind in _OPPOSITES else set()
        if comparison.with_change.wait_per_song > _QUEUEING_FACTOR * comparison.without.wait_per_song > 0:
            # Workers wait for each other: the disk serves no more of them.
            self._rejected.add("more workers")
        if experiment.with_change is None:
            return self._propose(sample, tunables)
        reason = f"{measured}, and {rate_without:,.0f} again without"
        return self._decide_on(sample, tunables, candidate.tunables, reason)

    def _observe(self, estimate: RateEstimate) -> _Observation:
        blocked = worker_time_shares(self._samples, self._bounds.cpus).blocked
        workers = self._samples[-1].workers_ready
        return _Observation(estimate, blocked * workers / max(1e-9, estimate.rate))

    def _should_resume(self, stable_rate: float, tunables: Tunables) -> bool:
        """Return whether a stable run has changed for long enough to try changes again."""
        window = SampleWindow(self._samples[0], self._samples[-1])
        if window.seconds < _WATCH_SECONDS:
            return False
        rate = estimate_rate(self._samples).rate
        rate_changed = abs(rate / max(1e-9, stable_rate) - 1) > _RATE_CHANGE
        deviates = rate_changed or bool(self._open_candidates(tunables))
        self._deviation_count = self._deviation_count + 1 if deviates else 0
        if self._deviation_count <= self._allowed_deviations:
            self._samples = [self._samples[-1]]
            return False
        if rate_changed:
            self._rejected.clear()
        self._stable_rate = None
        self._allowed_deviations *= 2  # so that trials end where the rate never settles
        return True

    def _decide_on(self, sample: RunSample, previous: Tunables, tunables: Tunables, reason: str) -> Decision:
        songs_before = sample.songs
        self._patience_seconds = _PATIENCE_SECONDS
        if tunables.batch_size != previous.batch_size:
            # Batches of the previous size are still in flight.
            songs_before += sample.in_flight * min(previous.batch_size, tunables.batch_size)
            self._patience_seconds = _MAX_PATIENCE_SECONDS
        self._last_change = sample.elapsed_seconds, songs_before
        self._samples = []
        if self._on_decision is not None:
            self._on_decision(f"{_format_tunables(tunables)}: {reason}.")
        return Decision(tunables, reason)


def estimate_rate(samples: Sequence[RunSample]) -> RateEstimate:
    """Return the rate between the first and the last of some samples."""
    window = SampleWindow(samples[0], samples[-1])
    rates = [SampleWindow(first, last).rate for first, last in pairwise(samples)]
    if window.rate <= 0 or len(rates) < 2:
        return RateEstimate(window.rate, 1.0)
    return RateEstimate(window.rate, statistics.stdev(rates) / math.sqrt(len(rates)) / window.rate)


def _compare(experiment: _Experiment, now: _Observation) -> _Comparison:
    if experiment.with_change is None:
        with_change, without = now, experiment.baseline
    else:
        with_change, without = experiment.with_change, now
    return _Comparison(
        with_change,
        without,
        rise=with_change.estimate.rate / max(1e-9, without.estimate.rate) - 1,
        needed=-_MIN_RISE if experiment.candidate.kind == "fewer workers" else _MIN_RISE,
        error=math.hypot(with_change.estimate.relative_error, without.estimate.relative_error),
    )


def _is_conclusive(
    experiment: _Experiment, comparison: _Comparison, seconds: float, tunables: Tunables
) -> bool:
    """Return whether the rise is obvious or precise, or has been measured for as long as is sensible."""
    rise = comparison.rise
    obvious = rise > _OBVIOUS_GAIN - 1 or rise < -_CLEAR_LOSS
    min_seconds, max_seconds = _measuring_seconds(
        experiment.candidate, tunables, experiment.baseline.estimate
    )
    precise = seconds >= min_seconds and abs(rise - comparison.needed) > comparison.error
    return (obvious and not experiment.candidate.needs_full_batches) or precise or seconds >= max_seconds


def _measuring_seconds(
    candidate: Candidate, tunables: Tunables, estimate: RateEstimate
) -> tuple[float, float]:
    """Return the least and the longest time to measure a rate."""
    if not candidate.needs_full_batches:
        return _MIN_SECONDS, _MAX_SECONDS
    round_seconds = tunables.workers * tunables.batch_size / max(1e-9, estimate.rate)
    return min(_PATIENCE_SECONDS, max(_MIN_SECONDS, _MIN_ROUNDS * round_seconds)), _PATIENCE_SECONDS


def _nearly_done(sample: RunSample, tunables: Tunables) -> bool:
    """Return whether workers have all of the remaining songs."""
    if sample.songs_total is None or sample.batches_queued:
        return False
    remaining = sample.songs_total - sample.songs_skipped - sample.songs
    return remaining <= sample.in_flight * tunables.batch_size


def _format_tunables(tunables: Tunables) -> str:
    return f"{tunables.workers} workers, batches of {tunables.batch_size:,}, {tunables.in_flight} in flight"
