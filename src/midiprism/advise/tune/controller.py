"""Changes the settings of a run while it goes on, as long as that makes it faster.

A change is proposed by what the clocks say, tried, and kept only if the rate rises by more than chance would
have it, and falls again without it: a disk that others use too becomes faster and slower by itself. What did
not help is not tried again. When nothing is left to try, all stays as it is, until the rate is another one
for a while, or something else limits it.
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
from midiprism.pipeline import resource_defaults as machine
from midiprism.pipeline.settings import Settings
from midiprism.pipeline.tuner import Decision, Tunables

_OBVIOUS_GAIN = 2.0
"""A gain in sight that needs no long measurement."""

_OBVIOUS_SECONDS = 1.5
_CONVINCING_RATIO = 1.5
"""So many times the rate, where as many or more were in sight, are no chance."""

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
"""Samples, of a second each: more than are needed for any judgement."""

_OPPOSITES: dict[CandidateKind, CandidateKind] = {
    "more workers": "fewer workers",
    "fewer workers": "more workers",
}


class RateEstimate(NamedTuple):
    """Songs a second, and the standard error of that as a share of it."""

    rate: float
    relative_error: float


class _Observation(NamedTuple):
    """How a run went with some settings.

    Attributes:
        waits: seconds that a song waited for the source and the store.
    """

    estimate: RateEstimate
    wait_per_song: float


class _Experiment(NamedTuple):
    """A change on trial: what it is, and what was before.

    Attributes:
        without: how the run went before it.
        found: how it went with it, while it is seen once more how it goes without.
    """

    candidate: Candidate
    previous: Tunables
    baseline: _Observation
    with_change: _Observation | None = None


class Controller:
    """Decides what of a run's settings is to change; see ``midiprism.pipeline.tuner.Tuner``.

    Args:
        bounds: what it keeps to.
        tell: is told each decision when it is made; None for nobody.
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
        """The controller of a run: it changes what the settings leave open; None where that is nothing."""
        resources = settings.resources
        left = resources.workers is None, resources.batch_songs is None, resources.in_flight is None
        if resources.workers == 0 or not any(left):
            return None
        return cls(Bounds(machine.cpus(), settings.catalog.database is not None, *left), on_decision)

    def decide(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        """See ``Tuner``."""
        if _nearly_done(sample, tunables) or not self._is_in_force(sample, tunables):
            return None
        if not self._pipeline_full and sample.songs >= tunables.in_flight * tunables.batch_size:
            self._pipeline_full = True  # from now on batches are begun no faster than others are committed
            self._samples = self._samples if self._experiment else []
        self._samples = [*self._samples[1 - _MAX_SAMPLES :], sample]
        if len(self._samples) < 2:
            return None
        if self._experiment is not None:
            return self._judge(self._experiment, sample, tunables)
        if self._stable_rate is not None and not self._should_resume(tunables):
            return None
        return self._propose(sample, tunables)

    def _is_in_force(self, sample: RunSample, tunables: Tunables) -> bool:
        """Whether what was changed last is really in force: processes have loaded, old batches are done."""
        if sample.songs == 0:
            return False
        if self._last_change is None:
            self._last_change = sample.elapsed_seconds, 0
        at, songs = self._last_change
        in_force = sample.workers_ready == tunables.workers and sample.songs >= songs
        return in_force or sample.elapsed_seconds - at >= self._patience_seconds

    def _propose(self, sample: RunSample, tunables: Tunables) -> Decision | None:
        """The next thing to try, once enough is known of how it goes without."""
        seconds = SampleWindow(self._samples[0], sample).seconds
        if seconds < _OBVIOUS_SECONDS:
            return None
        found = [
            move
            for move in find_candidates(self._samples, tunables, self._bounds)
            if move.kind not in self._rejected and (self._pipeline_full or not move.needs_full_batches)
        ]
        pace = estimate_rate(self._samples)
        if not found:
            if self._pipeline_full and seconds >= _STABLE_SECONDS:
                self._mark_stable(sample, pace)
            return None
        best = found[0]
        obvious = best.gain >= _OBVIOUS_GAIN and not best.needs_full_batches
        least, longest = _measuring_seconds(best, tunables, pace)
        if not obvious and (seconds < least or (pace.relative_error > _MIN_RISE and seconds < longest)):
            return None
        if sample.songs_total is not None and pace.rate > 0:
            left = (sample.songs_total - sample.songs_skipped - sample.songs) / pace.rate
            if left < _MIN_REMAINING_SECONDS:
                return None
        self._experiment = _Experiment(best, tunables, self._observe(pace))
        return self._decide_on(sample, tunables, best.tunables, best.reason)

    def _judge(self, experiment: _Experiment, sample: RunSample, tunables: Tunables) -> Decision | None:
        """Go back, if what is on trial does not help; nothing as long as that is not known."""
        seconds = SampleWindow(self._samples[0], sample).seconds
        if seconds < _OBVIOUS_SECONDS:
            return None
        now = self._observe(estimate_rate(self._samples))
        within, without = (
            (now, experiment.baseline) if experiment.with_change is None else (experiment.with_change, now)
        )
        rise = within.estimate.rate / max(1e-9, without.estimate.rate) - 1
        needed = -_MIN_RISE if experiment.candidate.kind == "fewer workers" else _MIN_RISE
        error = math.hypot(within.estimate.relative_error, without.estimate.relative_error)
        obvious = not experiment.candidate.needs_full_batches and (
            rise > _OBVIOUS_GAIN - 1 or rise < -_CLEAR_LOSS
        )
        least, longest = _measuring_seconds(experiment.candidate, tunables, experiment.baseline.estimate)
        clear = seconds >= least and abs(rise - needed) > error
        if not (obvious or clear or seconds >= longest):
            return None
        self._experiment = None
        gave = f"{_format_tunables(experiment.candidate.tunables)} gave {within.estimate.rate:,.0f} songs/s"
        if rise < needed:
            self._rejected.add(experiment.candidate.kind)
            if experiment.with_change is not None:  # it is taken back already
                return self._propose(sample, tunables)
            why = f"{gave}, and {without.estimate.rate:,.0f} before"
            return self._decide_on(sample, tunables, experiment.previous, why)
        if experiment.with_change is None and 1 + rise < max(
            _CONVINCING_RATIO, math.sqrt(experiment.candidate.gain)
        ):
            self._experiment = experiment._replace(with_change=now)
            why = f"{gave}, and {without.estimate.rate:,.0f} before, which may be chance"
            return self._decide_on(sample, tunables, experiment.previous, why)
        self._rejected = (
            {_OPPOSITES[experiment.candidate.kind]} if experiment.candidate.kind in _OPPOSITES else set()
        )
        if (
            within.wait_per_song > _QUEUEING_FACTOR * without.wait_per_song > 0
        ):  # they wait for each other: it serves no more
            self._rejected.add("more workers")
        if experiment.with_change is None:
            return self._propose(sample, tunables)
        why = f"{gave}, and {without.estimate.rate:,.0f} again without"
        return self._decide_on(sample, tunables, experiment.candidate.tunables, why)

    def _observe(self, estimate: RateEstimate) -> _Observation:
        workers = self._samples[-1].workers_ready
        waits = (
            worker_time_shares(self._samples, self._bounds.cpus).blocked * workers / max(1e-9, estimate.rate)
        )
        return _Observation(estimate, waits)

    def _mark_stable(self, sample: RunSample, estimate: RateEstimate) -> None:
        self._stable_rate = estimate.rate
        self._deviation_count = 0
        self._samples = [sample]

    def _should_resume(self, tunables: Tunables) -> bool:
        """Whether a run that had settled has changed for long enough."""
        window = SampleWindow(self._samples[0], self._samples[-1])
        if window.seconds < _WATCH_SECONDS or self._stable_rate is None:
            return False
        rate = estimate_rate(self._samples).rate
        other = abs(rate / max(1e-9, self._stable_rate) - 1) > _RATE_CHANGE
        open_ = any(
            move.kind not in self._rejected for move in find_candidates(self._samples, tunables, self._bounds)
        )
        self._deviation_count = self._deviation_count + 1 if other or open_ else 0
        last = self._samples[-1]
        if self._deviation_count <= self._allowed_deviations:
            self._samples = [last]
            return False
        if other:
            self._rejected.clear()
        self._stable_rate = None
        self._allowed_deviations *= 2  # lest it goes on for ever where nothing lasts
        return True

    def _decide_on(self, sample: RunSample, previous: Tunables, tunables: Tunables, reason: str) -> Decision:
        other = tunables.batch_size != previous.batch_size
        old = sample.in_flight * min(previous.batch_size, tunables.batch_size) if other else 0
        self._last_change = sample.elapsed_seconds, sample.songs + old
        self._patience_seconds = _MAX_PATIENCE_SECONDS if other else _PATIENCE_SECONDS
        self._samples = []
        if self._on_decision is not None:
            self._on_decision(f"{_format_tunables(tunables)}: {reason}.")
        return Decision(tunables, reason)


def estimate_rate(samples: Sequence[RunSample]) -> RateEstimate:
    """How fast a run was between the first of some samples and the last."""
    window = SampleWindow(samples[0], samples[-1])
    rates = [SampleWindow(*pair).rate for pair in pairwise(samples)]
    if window.rate <= 0 or len(rates) < 2:
        return RateEstimate(window.rate, 1.0)
    return RateEstimate(window.rate, statistics.stdev(rates) / math.sqrt(len(rates)) / window.rate)


def _measuring_seconds(
    candidate: Candidate, tunables: Tunables, estimate: RateEstimate
) -> tuple[float, float]:
    """For how many seconds a rate is measured, at least and at most."""
    if not candidate.needs_full_batches:
        return _MIN_SECONDS, _MAX_SECONDS
    round_ = tunables.workers * tunables.batch_size / max(1e-9, estimate.rate)
    return min(_PATIENCE_SECONDS, max(_MIN_SECONDS, _MIN_ROUNDS * round_)), _PATIENCE_SECONDS


def _nearly_done(sample: RunSample, tunables: Tunables) -> bool:
    """Whether workers have all that is left."""
    if sample.songs_total is None or sample.batches_queued:
        return False
    return sample.songs_total - sample.songs_skipped - sample.songs <= sample.in_flight * tunables.batch_size


def _format_tunables(tunables: Tunables) -> str:
    return f"{tunables.workers} processes, batches of {tunables.batch_size:,}, {tunables.in_flight} in flight"
