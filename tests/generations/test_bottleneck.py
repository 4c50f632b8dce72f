"""Tests of the limits that are found in the use of tasks."""

import pytest

from midiprism.generations.bottleneck import analyze_generation, limits_of
from midiprism.generations.errors import GenerationError
from midiprism.generations.run import split_to_storage
from midiprism.generations.splitting import Machine
from midiprism.generations.stage_clocks import ClockSeconds
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


def test_shares_of_tasks_and_workers_are_those_of_their_clocks() -> None:
    clocks = ClockSeconds(reads=2, workers=5, writes=1, splitting=3, facts=1, idle=4)
    limits = limits_of("s3://lake/out", 1, {"c": usage(1, 10)._replace(clocks=clocks)})
    assert limits.passes[0].task_shares == {"reads": 0.2, "workers": 0.5, "writes": 0.1, "own": 0.2}
    assert limits.passes[0].worker_shares == {
        "reading": 0,
        "splitting": 0.375,
        "facts": 0.125,
        "hashing": 0,
        "storing": 0,
        "idle": 0.5,
    }
    assert limits_of("s3://lake/out", 1, {"b": usage(1, 10)}).passes[0].worker_shares == {}


@pytest.mark.parametrize(
    ("clocks", "busy", "limit"),
    [
        (ClockSeconds(reads=4, writes=2, workers=3, splitting=9), 0.3, "storage"),
        (ClockSeconds(reads=1, workers=8, splitting=9, idle=9), 0.3, "workers"),
        (ClockSeconds(reads=1, workers=8, splitting=9, queued=3), 0.3, "queue"),
        (ClockSeconds(reads=1, workers=2, splitting=9, queued=3), 0.3, "task"),
        (ClockSeconds(reads=8, workers=2, splitting=9), 0.9, "processors"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_clocks_tell_what_a_pass_waited_for(clocks: ClockSeconds, busy: float, limit: str) -> None:
    limits = limits_of("s3://lake/out", 1, {"a": usage(1, 10, busy=busy)._replace(clocks=clocks)})
    assert limits.passes[0].limit == limit


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_states_where_the_time_of_tasks_and_workers_went(workers: int) -> None:
    url = memory_url()
    machine = Machine(workers)
    split_to_storage(source_with(some_songs(10)), url, options(), parts(machine=machine))
    passes = {it.name: it for it in analyze_generation(url).passes}
    for it in passes.values():
        clocks = it.usage.clocks
        assert clocks.reads > 0
        assert clocks.writes > 0
    for name in ("a", "c"):
        clocks = passes[name].usage.clocks
        assert min(clocks.workers, clocks.reading, clocks.splitting) > 0
    assert passes["a"].usage.clocks.facts == 0 < passes["c"].usage.clocks.facts
    assert passes["c"].usage.clocks.hashing > 0
    assert passes["b"].worker_shares == {}


def test_a_manifest_of_an_earlier_version_states_no_clocks() -> None:
    stated = usage(1, 10).as_json()
    del stated["clocks"]
    assert Usage.from_json(stated).clocks == ClockSeconds()
    with pytest.raises(GenerationError, match="does not state"):
        Usage.from_json({**stated, "clocks": {"reads": "long"}})
