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

from midiprism.advise.moves import Bounds, Kind, Move, moves, use_of
from midiprism.meter.sample import Sample, Window
from midiprism.run import machine
from midiprism.run.settings import Settings
from midiprism.run.tuning import Decision, Knobs

_OBVIOUS = 2.0
"""A gain in sight that needs no long measurement."""

_OBVIOUS_SECONDS = 1.5
_CONVINCING = 1.5
"""So many times the rate, where as many or more were in sight, are no chance."""

_SECONDS = 4.0
_LONGEST_SECONDS = 12.0
_NEEDED = 0.05
_QUEUEING = 1.5
_LOSS = 0.5
_PATIENCE_SECONDS = 20.0
_LONGEST_PATIENCE_SECONDS = 60.0
_ROUNDS = 2
_SETTLING_SECONDS = 8.0
_WATCH_SECONDS = 10.0
_OTHER_RATE = 0.3
_WORTH_SECONDS = 20.0
_KEPT = 60
"""Samples, of a second each: more than are needed for any judgement."""

_OPPOSITES: dict[Kind, Kind] = {"more workers": "fewer workers", "fewer workers": "more workers"}


class Pace(NamedTuple):
    """Songs a second, and the standard error of that as a share of it."""

    rate: float
    error: float


class _Seen(NamedTuple):
    """How a run went with some settings.

    Attributes:
        waits: seconds that a song waited for the source and the store.
    """

    pace: Pace
    waits: float


class _Trial(NamedTuple):
    """A change on trial: what it is, and what was before.

    Attributes:
        without: how the run went before it.
        found: how it went with it, while it is seen once more how it goes without.
    """

    move: Move
    before: Knobs
    without: _Seen
    found: _Seen | None = None


class Controller:
    """Decides what of a run's settings is to change; see ``midiprism.run.tuning.Tuner``.

    Args:
        bounds: what it keeps to.
        tell: is told each decision when it is made; None for nobody.
    """

    def __init__(self, bounds: Bounds, tell: Callable[[str], None] | None = None) -> None:
        self._bounds = bounds
        self._tell = tell
        self._samples: list[Sample] = []
        self._trial: _Trial | None = None
        self._failed: set[Kind] = set()
        self._changed: tuple[float, int] | None = None
        self._patience_seconds = _PATIENCE_SECONDS
        self._filled = False
        self._settled: float | None = None
        self._unlike = 0
        self._patience = 1

    @classmethod
    def of(cls, settings: Settings, tell: Callable[[str], None] | None = None) -> "Controller | None":
        """The controller of a run: it changes what the settings leave open; None where that is nothing."""
        left = settings.workers is None, settings.batch_parents is None, settings.in_flight is None
        if settings.workers == 0 or not any(left):
            return None
        return cls(Bounds(machine.cpus(), settings.database is not None, *left), tell)

    def decide(self, sample: Sample, knobs: Knobs) -> Decision | None:
        """See ``Tuner``."""
        if _nearly_over(sample, knobs) or not self._steady(sample, knobs):
            return None
        if not self._filled and sample.parents >= knobs.in_flight * knobs.batch_size:
            self._filled = True  # from now on batches are begun no faster than others are committed
            self._samples = self._samples if self._trial else []
        self._samples = [*self._samples[1 - _KEPT :], sample]
        if len(self._samples) < 2:
            return None
        if self._trial is not None:
            return self._judged(self._trial, sample, knobs)
        if self._settled is not None and not self._awake(knobs):
            return None
        return self._next(sample, knobs)

    def _steady(self, sample: Sample, knobs: Knobs) -> bool:
        """Whether what was changed last is really in force: processes have loaded, old batches are done."""
        if sample.parents == 0:
            return False
        if self._changed is None:
            self._changed = sample.at, 0
        at, parents = self._changed
        in_force = sample.ready == knobs.workers and sample.parents >= parents
        return in_force or sample.at - at >= self._patience_seconds

    def _next(self, sample: Sample, knobs: Knobs) -> Decision | None:
        """The next thing to try, once enough is known of how it goes without."""
        seconds = Window(self._samples[0], sample).seconds
        if seconds < _OBVIOUS_SECONDS:
            return None
        found = [
            move
            for move in moves(self._samples, knobs, self._bounds)
            if move.kind not in self._failed and (self._filled or not move.by_batches)
        ]
        pace = pace_of(self._samples)
        if not found:
            if self._filled and seconds >= _SETTLING_SECONDS:
                self._settle(sample, pace)
            return None
        best = found[0]
        obvious = best.gain >= _OBVIOUS and not best.by_batches
        least, longest = _measured(best, knobs, pace)
        if not obvious and (seconds < least or (pace.error > _NEEDED and seconds < longest)):
            return None
        if sample.total is not None and pace.rate > 0:
            left = (sample.total - sample.skipped - sample.parents) / pace.rate
            if left < _WORTH_SECONDS:
                return None
        self._trial = _Trial(best, knobs, self._seen(pace))
        return self._decision(sample, knobs, best.knobs, best.why)

    def _judged(self, trial: _Trial, sample: Sample, knobs: Knobs) -> Decision | None:
        """Go back, if what is on trial does not help; nothing as long as that is not known."""
        seconds = Window(self._samples[0], sample).seconds
        if seconds < _OBVIOUS_SECONDS:
            return None
        now = self._seen(pace_of(self._samples))
        within, without = (now, trial.without) if trial.found is None else (trial.found, now)
        rise = within.pace.rate / max(1e-9, without.pace.rate) - 1
        needed = -_NEEDED if trial.move.kind == "fewer workers" else _NEEDED
        error = math.hypot(within.pace.error, without.pace.error)
        obvious = not trial.move.by_batches and (rise > _OBVIOUS - 1 or rise < -_LOSS)
        least, longest = _measured(trial.move, knobs, trial.without.pace)
        clear = seconds >= least and abs(rise - needed) > error
        if not (obvious or clear or seconds >= longest):
            return None
        self._trial = None
        gave = f"{_in_words(trial.move.knobs)} gave {within.pace.rate:,.0f} songs/s"
        if rise < needed:
            self._failed.add(trial.move.kind)
            if trial.found is not None:  # it is taken back already
                return self._next(sample, knobs)
            why = f"{gave}, and {without.pace.rate:,.0f} before"
            return self._decision(sample, knobs, trial.before, why)
        if trial.found is None and 1 + rise < max(_CONVINCING, math.sqrt(trial.move.gain)):
            self._trial = trial._replace(found=now)
            why = f"{gave}, and {without.pace.rate:,.0f} before, which may be chance"
            return self._decision(sample, knobs, trial.before, why)
        self._failed = {_OPPOSITES[trial.move.kind]} if trial.move.kind in _OPPOSITES else set()
        if within.waits > _QUEUEING * without.waits > 0:  # they wait for each other: it serves no more
            self._failed.add("more workers")
        if trial.found is None:
            return self._next(sample, knobs)
        why = f"{gave}, and {without.pace.rate:,.0f} again without"
        return self._decision(sample, knobs, trial.move.knobs, why)

    def _seen(self, pace: Pace) -> _Seen:
        workers = self._samples[-1].ready
        waits = use_of(self._samples, self._bounds.cpus).blocked * workers / max(1e-9, pace.rate)
        return _Seen(pace, waits)

    def _settle(self, sample: Sample, pace: Pace) -> None:
        self._settled = pace.rate
        self._unlike = 0
        self._samples = [sample]

    def _awake(self, knobs: Knobs) -> bool:
        """Whether a run that had settled has changed for long enough."""
        window = Window(self._samples[0], self._samples[-1])
        if window.seconds < _WATCH_SECONDS or self._settled is None:
            return False
        rate = pace_of(self._samples).rate
        other = abs(rate / max(1e-9, self._settled) - 1) > _OTHER_RATE
        open_ = any(move.kind not in self._failed for move in moves(self._samples, knobs, self._bounds))
        self._unlike = self._unlike + 1 if other or open_ else 0
        last = self._samples[-1]
        if self._unlike <= self._patience:
            self._samples = [last]
            return False
        if other:
            self._failed.clear()
        self._settled = None
        self._patience *= 2  # lest it goes on for ever where nothing lasts
        return True

    def _decision(self, sample: Sample, before: Knobs, knobs: Knobs, why: str) -> Decision:
        other = knobs.batch_size != before.batch_size
        old = sample.in_flight * min(before.batch_size, knobs.batch_size) if other else 0
        self._changed = sample.at, sample.parents + old
        self._patience_seconds = _LONGEST_PATIENCE_SECONDS if other else _PATIENCE_SECONDS
        self._samples = []
        if self._tell is not None:
            self._tell(f"{_in_words(knobs)}: {why}.")
        return Decision(knobs, why)


def pace_of(samples: Sequence[Sample]) -> Pace:
    """How fast a run was between the first of some samples and the last."""
    window = Window(samples[0], samples[-1])
    rates = [Window(*pair).rate for pair in pairwise(samples)]
    if window.rate <= 0 or len(rates) < 2:
        return Pace(window.rate, 1.0)
    return Pace(window.rate, statistics.stdev(rates) / math.sqrt(len(rates)) / window.rate)


def _measured(move: Move, knobs: Knobs, pace: Pace) -> tuple[float, float]:
    """For how many seconds a rate is measured, at least and at most."""
    if not move.by_batches:
        return _SECONDS, _LONGEST_SECONDS
    round_ = knobs.workers * knobs.batch_size / max(1e-9, pace.rate)
    return min(_PATIENCE_SECONDS, max(_SECONDS, _ROUNDS * round_)), _PATIENCE_SECONDS


def _nearly_over(sample: Sample, knobs: Knobs) -> bool:
    """Whether workers have all that is left."""
    if sample.total is None or sample.queue:
        return False
    return sample.total - sample.skipped - sample.parents <= sample.in_flight * knobs.batch_size


def _in_words(knobs: Knobs) -> str:
    return f"{knobs.workers} processes, batches of {knobs.batch_size:,}, {knobs.in_flight} in flight"
