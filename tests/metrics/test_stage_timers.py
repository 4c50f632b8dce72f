import contextlib
import os
import sys
import time

import pytest

from midiprism.metrics.stage_timers import (
    COMMIT,
    COUNTER_COUNT,
    FLUSH,
    IDLE,
    READ,
    ROWS,
    RunQueueClock,
    StageTimers,
    counter_seconds,
    stage_times,
    sum_counters,
)


def test_times_and_counts_add_up() -> None:
    clocks = StageTimers()
    clocks.add_time(READ, 2_000_000_000, 500_000_000)
    clocks.add_time(READ, 1_000_000_000)
    clocks.count(ROWS, 7)
    clocks.count(ROWS)
    clocks.count(IDLE, 3_000_000_000)
    values = clocks.values()
    assert stage_times(values)["read"] == (3.0, 0.5)
    assert stage_times(values)["commit"] == (0.0, 0.0)
    assert values[ROWS] == 8
    assert counter_seconds(values, IDLE) == 3.0


def test_waiting_is_never_more_than_the_time_that_passed() -> None:
    clocks = StageTimers()
    clocks.add_time(COMMIT, 1_000_000_000, 9_000_000_000)
    clocks.add_time(COMMIT, 1_000_000_000, -5)
    assert stage_times(clocks.values())["commit"] == (2.0, 1.0)


def test_what_sleeps_has_waited_and_what_computes_has_not() -> None:
    clocks = StageTimers()
    with clocks.measure(FLUSH):
        time.sleep(0.05)
    with clocks.measure(COMMIT):
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
    found = stage_times(clocks.values())
    assert found["flush"].waited > 0.8 * found["flush"].seconds > 0.03
    assert found["commit"].seconds - found["commit"].waited > 0.04


def test_time_counts_also_where_the_work_fails() -> None:
    clocks = StageTimers()
    with contextlib.suppress(ZeroDivisionError), clocks.measure(FLUSH):
        time.sleep(0.01)
        raise ZeroDivisionError
    assert stage_times(clocks.values())["flush"].seconds > 0.005


def test_clocks_may_lie_behind_other_numbers() -> None:
    numbers = [9] * 3 + [0] * COUNTER_COUNT
    clocks = StageTimers(numbers, 3)
    clocks.add_time(READ, 5)
    assert numbers[:3] == [9, 9, 9]
    assert clocks.values()[0] == 5


def test_the_numbers_of_processes_are_added() -> None:
    one, other = StageTimers(), StageTimers()
    one.count(ROWS, 2)
    other.count(ROWS, 3)
    assert sum_counters([one.values(), other.values()])[ROWS] == 5
    assert sum_counters([]) == (0,) * COUNTER_COUNT


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells")
def test_a_thread_that_shares_its_processor_waits_for_it() -> None:
    queue = RunQueueClock()
    before = queue.nanoseconds()
    core = min(os.sched_getaffinity(0))
    child = os.fork()
    if child == 0:  # keeps the same processor busy
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
