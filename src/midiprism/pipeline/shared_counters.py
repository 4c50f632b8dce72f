"""Numbers that a worker writes and the coordinator reads at any moment, without a message."""

from collections.abc import Iterable

from midiprism.metrics.stage_timers import COUNTER_COUNT, CounterArray, StageTimers

BATCH_NUMBER, SONG_INDEX, STAGE, SONGS_DONE, SONGS_FAILED, TRACKS, TRACKS_WRITTEN = range(7)
"""Places of the numbers: the job in hand, the song of it, what is being done with that; and, since the
worker began, songs come to an end, of them failed, tracks put, of them written."""

_WORKER_COUNTER_COUNT = 7

TIMERS_OFFSET = _WORKER_COUNTER_COUNT
"""From here on they are clocks, see ``midiprism.metrics.stage_timers``."""

SHARED_COUNTER_COUNT = _WORKER_COUNTER_COUNT + COUNTER_COUNT

NO_SONG = -1
"""At ``SONG_INDEX`` while it is at something that concerns several."""

STAGE_IDLE, STAGE_READING, STAGE_SPLITTING, STAGE_STORING = range(4)
"""Values at ``STAGE``. Only what a song itself can be blamed for is timed: reading and splitting."""

PROGRESS_COUNTERS = (SONGS_DONE, SONGS_FAILED, TRACKS, TRACKS_WRITTEN)


SharedCounters = CounterArray
"""A list of ``SHARED_COUNTER_COUNT`` integers, or shared memory that looks like one."""


def stage_timers(counters: SharedCounters) -> StageTimers:
    """The clocks among them."""
    return StageTimers(counters, TIMERS_OFFSET)


def progress_counts(counters: SharedCounters) -> tuple[int, ...]:
    """Songs, failed, tracks and written at this moment."""
    return tuple(counters[place] for place in PROGRESS_COUNTERS)


def sum_progress_counts(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The sums of several workers' counts."""
    return tuple(map(sum, zip((0,) * len(PROGRESS_COUNTERS), *counts, strict=True)))
