"""Tests of stage timers."""

import contextlib
import os
import sys
import time

import pytest

from midiprism.metrics.stage_timers import (
    COUNTER_COUNT,
    Counter,
    RunQueueClock,
    Stage,
    StageTimers,
    sum_counters,
    timer_totals,
)


def test_times_and_counts_add_up() -> None:
    timers = StageTimers()
    timers.add_time(Stage.READ, 2_000_000_000, 500_000_000)
    timers.add_time(Stage.READ, 1_000_000_000)
    timers.count(Counter.ROWS, 7)
    timers.count(Counter.ROWS)
    timers.count(Counter.IDLE_NANOSECONDS, 3_000_000_000)
    totals = timer_totals(timers.values())
    assert totals.stages["read"] == (3.0, 0.5)
    assert totals.stages["commit"] == (0.0, 0.0)
    assert totals.rows == 8
    assert totals.idle_seconds == 3.0


def test_each_counter_has_its_own_position() -> None:
    timers = StageTimers()
    for amount, counter in enumerate(Counter, 1):
        timers.count(counter, amount * 1_000_000_000)
    totals = timer_totals(timers.values())
    assert (totals.idle_seconds, totals.queued_seconds, totals.polling_seconds) == (1, 2, 6)
    assert (totals.commits, totals.rows, totals.flushes) == (3e9, 4e9, 5e9)
    assert all(stage == (0.0, 0.0) for stage in totals.stages.values())


def test_waiting_never_exceeds_the_time_of_the_stage() -> None:
    timers = StageTimers()
    timers.add_time(Stage.COMMIT, 1_000_000_000, 9_000_000_000)
    timers.add_time(Stage.COMMIT, 1_000_000_000, -5)
    assert timer_totals(timers.values()).stages["commit"] == (2.0, 1.0)


def test_sleeping_counts_as_waiting_and_computing_does_not() -> None:
    timers = StageTimers()
    with timers.measure(Stage.FLUSH):
        time.sleep(0.05)
    with timers.measure(Stage.COMMIT):
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
    stages = timer_totals(timers.values()).stages
    assert 0.045 < stages["flush"].waited <= stages["flush"].seconds
    assert stages["commit"].seconds - stages["commit"].waited > 0.04


def test_time_also_counts_if_the_block_fails() -> None:
    timers = StageTimers()
    with contextlib.suppress(ZeroDivisionError), timers.measure(Stage.FLUSH):
        time.sleep(0.01)
        raise ZeroDivisionError
    assert timer_totals(timers.values()).stages["flush"].seconds > 0.005


def test_timers_may_follow_other_counters() -> None:
    counters = [9] * 3 + [0] * COUNTER_COUNT
    timers = StageTimers(counters, 3)
    timers.add_time(Stage.READ, 5)
    assert counters[:3] == [9, 9, 9]
    assert timers.values()[0] == 5


def test_counters_of_processes_are_added() -> None:
    one, other = StageTimers(), StageTimers()
    one.count(Counter.ROWS, 2)
    other.count(Counter.ROWS, 3)
    assert timer_totals(sum_counters([one.values(), other.values()])).rows == 5
    assert sum_counters([]) == (0,) * COUNTER_COUNT


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux measures it")
def test_a_thread_that_shares_its_processor_is_queued() -> None:
    queue = RunQueueClock()
    before = queue.nanoseconds()
    core = min(os.sched_getaffinity(0))
    child = os.fork()
    if child == 0:  # keep the same processor busy
        os.sched_setaffinity(0, {core})
        until = time.perf_counter() + 0.5
        while time.perf_counter() < until:
            pass
        os._exit(0)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        until = time.perf_counter() + 0.3
        while time.perf_counter() < until:
            pass
    finally:
        os.sched_setaffinity(0, allowed)
        os.waitpid(child, 0)
    assert queue.nanoseconds() - before > 10_000_000
    queue.close()
    assert queue.nanoseconds() == 0
