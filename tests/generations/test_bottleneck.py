"""Tests of the limits that are found in the use of tasks."""

import pytest

from midiprism.generations.bottleneck import analyze_generation, limits_of
from midiprism.generations.run import split_to_storage
from midiprism.generations.usage import Usage
from midiprism.objects.counting import RequestCounts
from support.generation_results import memory_url, options, parts, some_songs, source_with


def usage(
    tasks: int, mean: float, *, busy: float = 0.9, longest: float | None = None, gets: int = 0
) -> Usage:
    """Return the use of tasks on machines with two workers."""
    seconds = tasks * mean
    return Usage(
        tasks,
        seconds,
        longest or mean,
        2 * busy * seconds,
        RequestCounts(gets=gets),
        2 * seconds,
    )


def test_the_limit_is_what_workers_waited_for() -> None:
    limits = limits_of("s3://lake/out", 3, {"a": usage(8, 10, busy=0.3), "b": usage(4, 1), "c": usage(8, 5)})
    assert [(it.name, it.limit) for it in limits.passes] == [
        ("a", "storage"),
        ("b", "processors"),
        ("c", "processors"),
    ]
    assert limits.slowest is not None
    assert limits.slowest.name == "a"
    assert limits.slowest.busy_share == pytest.approx(0.3)


def test_more_machines_pay_as_long_as_they_have_tasks() -> None:
    limits = limits_of("s3://lake/out", 1, {"a": usage(16, 10), "c": usage(16, 10)})
    assert limits.forecasts == ((1, 320), (2, 160), (4, 80), (8, 40), (16, 20))
    assert limits.worthwhile_machines == 16


def test_a_straggler_bounds_what_machines_can_do() -> None:
    limits = limits_of("s3://lake/out", 1, {"a": usage(16, 10, longest=100)})
    assert limits.passes[0].has_stragglers
    assert limits.forecasts[-1] == (16, 100)
    assert limits.worthwhile_machines == 2


def test_the_limit_of_requests_is_stated() -> None:
    limits = limits_of("s3://lake/out", 1, {"a": usage(10, 10, gets=55_000)})
    assert limits.machines_at_request_limit == 10
    assert limits_of("s3://lake/out", 1, {"a": usage(10, 10)}).machines_at_request_limit is None


def test_nothing_is_said_of_a_result_without_generations() -> None:
    limits = limits_of("s3://lake/out", 0, {})
    assert (limits.passes, limits.forecasts, limits.slowest) == ((), (), None)


def test_a_run_states_what_it_used() -> None:
    url = memory_url()
    split_to_storage(source_with(some_songs(10)), url, options(), parts())
    limits = analyze_generation(url)
    assert limits.generation == 1
    assert [it.name for it in limits.passes] == ["a", "b", "c"]
    assert limits.passes[0].usage.requests.gets > 10
    assert limits.passes[0].usage.worker_seconds > 0
    assert limits.forecasts[0].seconds > 0
