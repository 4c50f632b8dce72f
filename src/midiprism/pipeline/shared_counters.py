"""Numbers that a worker writes and the coordinator reads at any moment, without a message."""

from collections.abc import Iterable

from midiprism.metrics.stage_timers import COUNTER_COUNT, CounterArray, StageTimers

BATCH_NUMBER, SONG_INDEX, STAGE, FACTS_CALLS, SONGS_DONE, SONGS_FAILED, TRACKS, TRACKS_WRITTEN = range(8)
"""Places of the numbers: the batch in hand, the index of its song, the stage of that; and, since the worker
began, how often it computed facts, songs done, of them failed, tracks put, of them written."""

POSITION_COUNTERS = (BATCH_NUMBER, SONG_INDEX, STAGE, FACTS_CALLS)
"""A worker that goes on does not come to the same numbers again."""

_WORKER_COUNTER_COUNT = 8

TIMERS_OFFSET = _WORKER_COUNTER_COUNT
"""From here on they are timers, see ``midiprism.metrics.stage_timers``."""

SHARED_COUNTER_COUNT = _WORKER_COUNTER_COUNT + COUNTER_COUNT

NO_SONG = -1
"""At ``SONG_INDEX`` while the worker is at something that concerns several songs."""

STAGE_IDLE, STAGE_READING, STAGE_SPLITTING, STAGE_STORING, STAGE_FACTS = range(5)
"""Values at ``STAGE``. While facts are computed, the worker is at the tracks of several songs."""

TIMED_STAGES = (STAGE_READING, STAGE_SPLITTING, STAGE_FACTS)
"""Only what songs themselves can be blamed for is timed."""

PROGRESS_COUNTERS = (SONGS_DONE, SONGS_FAILED, TRACKS, TRACKS_WRITTEN)


SharedCounters = CounterArray
"""A list of ``SHARED_COUNTER_COUNT`` integers, or shared memory that looks like one."""


def stage_timers(counters: SharedCounters) -> StageTimers:
    """Return the timers among the counters."""
    return StageTimers(counters, TIMERS_OFFSET)


def progress_counts(counters: SharedCounters) -> tuple[int, ...]:
    """Return songs, failed, tracks and written at this moment."""
    return tuple(counters[place] for place in PROGRESS_COUNTERS)


def sum_progress_counts(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the sums of several workers' counts."""
    return tuple(map(sum, zip((0,) * len(PROGRESS_COUNTERS), *counts, strict=True)))
