"""The engine that runs tasks on the nodes of a Ray cluster; each uses the workers of its node."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from midiprism.errors import UsageError
from midiprism.generations.engine import Done, EngineOptions, EngineTask, TaskAddress
from midiprism.generations.engines.ray_agent import AgentSettings, AgentTotals, TaskAnswer, TaskFailure
from midiprism.generations.engines.ray_cluster import Agent, RayCluster, first_reason
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.objects import ObjectMissingError

MAX_TRIES = 5
"""Times that a task may fail or be lost with its agent."""

_WAIT_SECONDS = 0.2


class RayEngine:
    """Runs tasks on a cluster; see ``Engine``. ``prepare``, or else the first task, joins or starts Ray.

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

    def prepare(self, result_url: str, source_url: str) -> None:
        if self._cluster is None:
            settings = _settings_of(result_url, source_url)
            self._cluster = RayCluster(self._options, settings, self._ray, self._clock)
            self._cluster.start_agents()

    def map(self, task: EngineTask, numbers: Sequence[int]) -> Iterator[Done]:
        if not numbers:
            return
        address = task.address()
        self.prepare(address.result_url, address.source_url)
        assert self._cluster is not None
        yield from _RayTasks(self._cluster, self._options, address, numbers).run()

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None


def _settings_of(result_url: str, source_url: str) -> AgentSettings:
    """Return the settings of agents.

    Raises:
        UsageError: a URL means another place on each node.
    """
    if any(url.startswith("memory://") for url in (result_url, source_url)):
        raise UsageError("memory:// is seen by one process only: the engine ray needs other storage.")
    return AgentSettings(result_url, source_url, workers=0)


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
        while self._waiting or self._running:
            if self._stop():
                raise GenerationStoppedError
            self._hand_out()
            for stream in self._ready_streams():
                done = self._receive(stream)
                if done is not None:
                    yield done

    def _hand_out(self) -> None:
        for agent in self._cluster.ready_agents():
            if not self._waiting:
                return
            number = self._waiting.popleft()
            stream = self._cluster.submit(agent, self._task.generation, self._task.name, number)
            self._running[stream] = agent

    def _ready_streams(self) -> Sequence[Any]:
        if not self._running:
            time.sleep(_WAIT_SECONDS)
            return []
        ready, _ = self._cluster.ray.wait([*self._running], timeout=_WAIT_SECONDS)
        return [*ready]

    def _receive(self, stream: Any) -> Done | None:
        """Take what an agent has yielded, and return its task if that is done."""
        ray, agent = self._cluster.ray, self._running[stream]
        number = agent.number
        assert number is not None
        try:
            answer: AgentTotals | TaskAnswer = ray.get(next(stream))
        except ray.exceptions.RayTaskError:  # a defect of midiprism
            raise
        except ray.exceptions.RayError as error:
            del self._running[stream]
            self._cluster.lose(agent, first_reason(error))
            self._fail(number, TaskFailure(f"Its node or its agent was lost: {first_reason(error)}"))
            return None
        if isinstance(answer, AgentTotals):
            self._cluster.count(agent, answer)
            return None
        del self._running[stream]
        self._cluster.finish(agent, answer.totals)
        if answer.failure is not None:
            self._fail(number, answer.failure)
            return None
        return Done(number, answer.value)

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
