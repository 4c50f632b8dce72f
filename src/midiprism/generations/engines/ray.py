"""The engine that runs tasks on the nodes of a Ray cluster; each uses the workers of its node."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from midiprism.errors import UsageError
from midiprism.generations.engine import Done, EngineOptions, EngineTask, TaskAddress
from midiprism.generations.engines.ray_agent import AgentSettings, TaskFailure
from midiprism.generations.engines.ray_cluster import REFRESH_SECONDS, Agent, RayCluster, first_reason
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.objects import ObjectMissingError

MAX_TRIES = 5
"""Times that a task may fail or be lost with its agent."""

_WAIT_SECONDS = 0.2


class RayEngine:
    """Runs tasks on a cluster; see ``Engine``. Ray is joined or started when there is a first task.

    Args:
        options: of the engine.
        ray: the package, which is imported if this is None.
        clock: returns seconds.
    """

    def __init__(
        self, options: EngineOptions, ray: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options
        self._ray = ray
        self._clock = clock
        self._cluster: RayCluster | None = None

    def map(self, task: EngineTask, numbers: Sequence[int]) -> Iterator[Done]:
        if not numbers:
            return
        address = task.address()
        if self._cluster is None:
            self._cluster = RayCluster(self._options, _settings_of(address), self._ray, self._clock)
        yield from _RayTasks(self._cluster, self._options, address, numbers).run()

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None


def _settings_of(task: TaskAddress) -> AgentSettings:
    """Return the settings of agents.

    Raises:
        UsageError: a URL means another place on each node.
    """
    urls = task.result_url, task.source_url
    if any(url.startswith("memory://") for url in urls):
        raise UsageError("memory:// is seen by one process only: the engine ray needs other storage.")
    return AgentSettings(*urls, workers=0)


class _RayTasks:
    """The tasks of one pass or check on their way to agents and back."""

    def __init__(
        self, cluster: RayCluster, options: EngineOptions, task: TaskAddress, numbers: Sequence[int]
    ) -> None:
        self._cluster = cluster
        self._stop = options.machine.stop
        self._task = task
        self._waiting = deque(numbers)
        self._running: dict[Any, Agent] = {}
        self._failures: Counter[int] = Counter()

    def run(self) -> Iterator[Done]:
        """Yield the tasks that are done.

        Raises:
            MidiprismError: a task, or all nodes, failed too often.
        """
        polled = time.monotonic()
        while self._waiting or self._running:
            if self._stop():
                raise GenerationStoppedError
            self._hand_out()
            for answer in self._answers():
                done = self._receive(answer, self._running.pop(answer))
                if done is not None:
                    yield done
            if time.monotonic() - polled > REFRESH_SECONDS:
                polled = time.monotonic()
                self._cluster.poll_progress()

    def _hand_out(self) -> None:
        for agent in self._cluster.ready_agents():
            if not self._waiting:
                return
            number = self._waiting.popleft()
            answer = self._cluster.submit(agent, self._task.generation, self._task.name, number)
            self._running[answer] = agent

    def _answers(self) -> Sequence[Any]:
        if not self._running:
            time.sleep(_WAIT_SECONDS)
            return []
        ready, _ = self._cluster.ray.wait([*self._running], timeout=_WAIT_SECONDS)
        return [*ready]

    def _receive(self, answer: Any, agent: Agent) -> Done | None:
        """Return a task if it is done."""
        ray, number = self._cluster.ray, agent.number
        assert number is not None
        try:
            failure, totals, value = ray.get(answer)
        except ray.exceptions.RayTaskError:  # a defect of midiprism
            raise
        except ray.exceptions.RayError as error:
            self._cluster.lose(agent, first_reason(error))
            self._fail(number, TaskFailure(f"Its node or its agent was lost: {first_reason(error)}"))
            return None
        self._cluster.finish(agent, totals)
        if failure is not None:
            self._fail(number, failure)
            return None
        return Done(number, value)

    def _fail(self, number: int, failure: TaskFailure) -> None:
        """Try a task again later, unless it has failed too often.

        Raises:
            ObjectMissingError: others may have finished the generation.
            UsageError: trying again cannot help.
            GenerationError: it has failed too often.
        """
        if failure.is_missing:
            raise ObjectMissingError(failure.message)
        if failure.is_usage:
            raise UsageError(failure.message)
        self._failures[number] += 1
        if self._failures[number] >= MAX_TRIES:
            raise GenerationError(
                f"Task {number} of {self._task.title} failed {MAX_TRIES} times. The last time: "
                f"{failure.message} {self._task.hint}"
            )
        self._waiting.append(number)
