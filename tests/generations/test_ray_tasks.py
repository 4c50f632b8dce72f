"""Tasks on a cluster: the engine ``ray`` with actors that run in this process and are lost on request."""

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from midiprism.errors import UsageError
from midiprism.generations.bottleneck import analyze_generation
from midiprism.generations.engine import EngineOptions
from midiprism.generations.engines.ray import RayEngine
from midiprism.generations.engines.ray_agent import AgentSettings, AgentTotals, NodeAgent, TaskAnswer
from midiprism.generations.engines.ray_cluster import START_SECONDS
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.generations.run import split_to_storage
from midiprism.generations.splitting import Machine
from support.fake_ray import FakeRay, node_id
from support.generation_results import (
    local_rows,
    memory_url,
    older_parts,
    options,
    parts,
    some_songs,
    source_with,
    stop_at,
    stored_rows,
)
from support.object_stores import KilledError


def _ticking(seconds: int = 2) -> Callable[[], float]:
    """Return a clock on which so many seconds pass with each look."""
    times = iter(range(0, 1_000_000, seconds))
    return lambda: float(next(times))


@pytest.fixture
def songs(tmp_path: Path) -> dict[str, bytes]:
    return {key.replace("?", ""): data for key, data in some_songs(8, broken=3).items()}


def _split(
    folder: Path,
    ray: FakeRay,
    machine: Machine | None = None,
    workers: int | None = 0,
    clock: Callable[[], float] | None = None,
) -> str:
    """Split the songs of a folder on a cluster, and return the URL of the result."""
    url = f"{folder.as_uri()}/lake"
    with closing(RayEngine(EngineOptions(machine or Machine(), workers), ray, clock or _ticking())) as engine:
        split_to_storage(f"{folder.as_uri()}/songs", url, options(), parts(engine=engine))
    return url


def test_agents_of_all_nodes_make_the_result_of_a_local_run(tmp_path: Path, songs: dict[str, bytes]) -> None:
    expected = local_rows(songs, tmp_path)
    ray = FakeRay()
    url = _split(tmp_path, ray)
    assert stored_rows(url) == expected
    assert sorted(ray.actors_started) == [node_id(0), node_id(1)]
    assert analyze_generation(url).passes[0].worker_shares["splitting"] > 0


def test_agents_split_songs_again(tmp_path: Path, songs: dict[str, bytes]) -> None:
    expected = local_rows(songs, tmp_path)
    source, url = f"{tmp_path.as_uri()}/songs", f"{tmp_path.as_uri()}/lake"
    split_to_storage(source, url, options(), older_parts())
    with closing(RayEngine(EngineOptions(Machine(), 0), FakeRay(), _ticking())) as engine:
        split_to_storage(source, url, options(redo=True), parts(engine=engine))
    assert stored_rows(url) == expected


def test_lost_agents_are_replaced_and_their_tasks_done_by_others(
    tmp_path: Path, songs: dict[str, bytes]
) -> None:
    expected = local_rows(songs, tmp_path)
    calls: list[Any] = []

    def loses_every_third(_node: str, method: str, *task: Any) -> bool:
        calls.extend([task] if method == "run" else [])
        return method == "run" and len(calls) % 3 == 0

    ray = FakeRay(loses=loses_every_third)
    assert stored_rows(_split(tmp_path, ray)) == expected
    assert len(ray.actors_started) > 2


def test_a_task_that_loses_its_agents_is_not_tried_for_ever(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    lost: list[Any] = []

    def loses(_node: str, method: str, *task: Any) -> bool:
        lost.extend([task] if method == "run" and task[1:] == ("a", 1) else [])
        return method == "run" and task[1:] == ("a", 1)

    with pytest.raises(GenerationError, match=r"Task 1 of pass A failed 5 times.*Its process was killed\."):
        _split(tmp_path, FakeRay(loses=loses))
    assert len(lost) == 5


def test_nodes_that_join_get_an_agent_and_nodes_that_leave_are_forgotten(
    tmp_path: Path, songs: dict[str, bytes]
) -> None:
    expected = local_rows(songs, tmp_path)
    ray = FakeRay(cpus=[1])

    def changes(_node: str, method: str, *task: Any) -> bool:
        if method == "run" and task[1:] == ("a", 1):
            ray.cpus[node_id(9)] = 1
        if method == "run" and task[1:] == ("b", 0):
            ray.cpus.pop(node_id(0), None)
        return False

    ray.loses = changes
    assert stored_rows(_split(tmp_path, ray)) == expected
    assert set(ray.actors_started) == {node_id(0), node_id(9)}


def test_a_cluster_without_processors_is_given_up(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    with pytest.raises(GenerationError, match="No node of the Ray cluster can run tasks: no node has"):
        _split(tmp_path, FakeRay(cpus=[0]), clock=_ticking(int(START_SECONDS)))


def test_a_node_whose_agents_never_start_is_left_out(tmp_path: Path, songs: dict[str, bytes]) -> None:
    expected = local_rows(songs, tmp_path)
    ray = FakeRay(loses=lambda node, *_: node == node_id(0))
    assert stored_rows(_split(tmp_path, ray)) == expected
    assert ray.actors_started.count(node_id(0)) <= 5


def test_a_cluster_whose_agents_never_start_is_given_up(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    with pytest.raises(GenerationError, match="can run tasks: Its process was killed"):
        _split(tmp_path, FakeRay(loses=lambda *_: True))


def test_workers_are_as_many_as_the_node_has_processors(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows({"a.mid": b"no song"}, tmp_path)
    ray = FakeRay(cpus=[1, 2])
    _split(tmp_path, ray, workers=None)
    assert [it["num_cpus"] for it in ray.options] == [1, 2]
    assert all(it["max_restarts"] == it["max_task_retries"] == 0 for it in ray.options)


def test_songs_and_stage_timers_of_all_nodes_are_counted(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    counted: list[int] = []
    timers: list[int] = []
    machine = Machine(on_songs=counted.append, on_timers=lambda added: timers.append(sum(added)))
    _split(tmp_path, FakeRay(), machine)
    assert sum(counted) > len(songs)  # in passes A and C
    assert sum(timers) > 0


def test_agents_start_before_a_new_result_is_planned(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    plans: list[bool] = []

    def loses_none(_node: str, method: str, *_task: Any) -> bool:
        if method == "prepare_process":
            plans.append((tmp_path / "lake" / "plans").exists())
        return False

    _split(tmp_path, FakeRay(loses=loses_none))
    assert plans == [False, False]


def test_a_run_with_nothing_to_do_starts_no_agent(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    _split(tmp_path, FakeRay())
    ray = FakeRay()
    _split(tmp_path, ray)
    assert ray.actors_started == []


def test_an_agent_says_what_it_has_done_while_a_task_runs(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    source, url = f"{tmp_path.as_uri()}/songs", f"{tmp_path.as_uri()}/lake"

    def die(_progress: object) -> None:
        raise KilledError

    with suppress(KilledError):
        split_to_storage(source, url, options(), parts(on_progress=die))
    agent = NodeAgent(AgentSettings(url, source, 0), progress_seconds=0.0)
    *progress, answer = agent.run(1, "a", 0)
    agent.release()
    assert isinstance(answer, TaskAnswer)
    assert answer.totals.songs > 0
    assert {type(it) for it in progress} == {AgentTotals}


def test_a_run_that_is_stopped_hands_out_nothing_more(tmp_path: Path, songs: dict[str, bytes]) -> None:
    local_rows(songs, tmp_path)
    calls: list[str] = []

    def loses_none(_node: str, method: str, *_task: Any) -> bool:
        calls.append(method)
        return False

    ray = FakeRay(loses=loses_none)
    with pytest.raises(GenerationStoppedError):
        _split(tmp_path, ray, Machine(stop=lambda: True))
    assert "run" not in calls


def test_storage_of_one_process_is_refused(songs: dict[str, bytes]) -> None:
    engine = RayEngine(EngineOptions(), FakeRay())
    with pytest.raises(UsageError, match="seen by one process only"):
        split_to_storage(source_with(songs), memory_url(), options(), parts(engine=engine))


def test_a_node_with_another_version_runs_no_task() -> None:
    failure = NodeAgent(AgentSettings(memory_url(), memory_url(), 0, "0.0.1")).check()
    assert failure is not None
    assert "the command has 0.0.1: install the same" in failure.message


def _split_until(pass_name: str, songs: dict[str, bytes]) -> str:
    """Begin to split, end the run before a pass, and return the URL of the result."""
    url = memory_url()
    with pytest.raises(GenerationError, match="stopped"):
        split_to_storage(source_with(songs), url, options(), parts(on_progress=stop_at(pass_name)))
    return url


def test_an_agent_needs_no_songs_once_all_are_read(songs: dict[str, bytes]) -> None:
    url = _split_until("b", songs)
    agent = NodeAgent(AgentSettings(url, memory_url(), 0))
    (answer,) = agent.run(1, "b", 0)
    agent.release()
    assert isinstance(answer, TaskAnswer)
    assert answer.failure is None


def test_an_agent_reads_only_the_songs_that_the_command_named(songs: dict[str, bytes]) -> None:
    url = _split_until("a", songs)
    agent = NodeAgent(AgentSettings(url, memory_url(), 0))
    assert agent.check() is None
    (answer,) = agent.run(1, "a", 0)
    agent.release()
    assert isinstance(answer, TaskAnswer)
    assert answer.failure is not None
    assert answer.failure.is_usage
    assert "finish it by a run from there" in answer.failure.message
    assert answer.totals.songs == 0
