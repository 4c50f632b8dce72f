"""The nodes of a Ray cluster and their agents, of which lost ones are replaced."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import sub
from typing import Any

from midiprism.errors import UsageError
from midiprism.generations.engine import EngineOptions
from midiprism.generations.engines.ray_agent import AgentSettings, AgentTotals, NodeAgent
from midiprism.generations.errors import GenerationError
from midiprism.optional_packages import MissingPackageError

MAX_FAILED_STARTS = 5
"""Agents of a node that may be lost, one after the other, before one of them has done a task."""

_REFRESH_SECONDS = 1.0
START_SECONDS = 300.0
"""Time within which one node must be ready, from the first task on."""
_RELEASE_SECONDS = 10.0


def import_ray() -> Any:
    """Return the package ``ray``, which sends no statistics about its use unless the user asks for that.

    Raises:
        MissingPackageError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError("ray", "The engine ray") from error
    return ray


@dataclass(eq=False)
class Agent:
    """An agent on a node.

    Attributes:
        node: id of the node.
        handle: of the actor.
        check: reference to what it says about its node; None if it was not asked yet.
        is_ready: whether it has said that it can run tasks.
        totals: that were counted.
        number: of the task that it runs; None for none.
    """

    node: str
    handle: Any
    check: Any = None
    is_ready: bool = False
    totals: AgentTotals = field(default_factory=AgentTotals)
    number: int | None = None


class RayCluster:
    """The agents of a cluster: one for each node that has processors, also for nodes that come later.

    Args:
        options: of the engine.
        settings: of the agents, but for their workers.
        ray: the package, which is imported if this is None.
        clock: returns seconds.

    Raises:
        UsageError: there is no such cluster, or Ray is not installed.
    """

    def __init__(
        self,
        options: EngineOptions,
        settings: AgentSettings,
        ray: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ray = ray or import_ray()
        self._options = options
        self._settings = settings
        self._clock = clock
        self._agents: dict[str, Agent] = {}
        self._failed_starts: dict[str, int] = {}
        self._last_failure = "no node has a free processor"
        self._waits_since: float | None = None
        self._refreshed = float("-inf")
        self._is_ours = not self.ray.is_initialized()
        if self._is_ours:
            self._connect()

    def _connect(self) -> None:
        """Join the cluster that is named; without one, start Ray on this machine."""
        address = self._options.address or os.environ.get("RAY_ADDRESS")
        common = {"log_to_driver": False, "logging_level": "WARNING"}
        try:
            if address:
                self.ray.init(address=address, **common)
            else:
                self.ray.init(
                    address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **common
                )
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UsageError(
                f"The Ray cluster{f' at {address}' if address else ''} cannot be joined: {reason}"
            ) from None

    def start_agents(self) -> None:
        """Let all nodes start their agents, which takes seconds, and return at once."""
        self._refreshed = self._clock()
        self._replace_agents(self._nodes())

    def ready_agents(self) -> Iterator[Agent]:
        """Yield the agents that can take a task now.

        Raises:
            GenerationError: no node can run tasks.
        """
        self._refresh()
        for agent in [*self._agents.values()]:
            if not agent.is_ready:
                self._check(agent)
            if agent.is_ready and agent.number is None and self._agents.get(agent.node) is agent:
                yield agent

    def submit(self, agent: Agent, generation: int, name: str, number: int) -> Any:
        """Let an agent run a task, and return the stream of references to what it yields."""
        agent.number = number
        return agent.handle.run.options(num_returns="streaming").remote(generation, name, number)

    def finish(self, agent: Agent, totals: AgentTotals) -> None:
        """Count what an agent did; it is free again."""
        agent.number = None
        self._failed_starts.pop(agent.node, None)
        self.count(agent, totals)

    def count(self, agent: Agent, totals: AgentTotals) -> None:
        """Count what an agent has done since it was counted last."""
        machine = self._options.machine
        machine.on_songs(totals.songs - agent.totals.songs)
        machine.on_timers([*map(sub, totals.timers, agent.totals.timers)])
        agent.totals = totals

    def lose(self, agent: Agent, reason: str) -> None:
        """Give an agent up; its node gets another one."""
        self.ray.kill(agent.handle)
        if self._agents.get(agent.node) is agent:
            del self._agents[agent.node]
            self._fail(agent.node, reason)

    def close(self) -> None:
        """End the agents, and Ray if it was started or joined for them."""
        idle = [agent.handle.release.remote() for agent in self._agents.values() if agent.number is None]
        if idle:
            self.ray.wait(idle, num_returns=len(idle), timeout=_RELEASE_SECONDS)
        for agent in self._agents.values():
            self.ray.kill(agent.handle)
        self._agents.clear()
        if self._is_ours:
            self.ray.shutdown()

    def _refresh(self) -> None:
        """Give each node an agent, and forget nodes that are gone."""
        now = self._clock()
        if self._waits_since is None:
            self._waits_since = now
        if now - self._refreshed < _REFRESH_SECONDS:
            return
        self._refreshed = now
        nodes = self._nodes()
        is_any_usable = self._replace_agents(nodes)
        waits = now - self._waits_since < START_SECONDS
        if not is_any_usable and (nodes or not waits):
            raise GenerationError(f"No node of the Ray cluster can run tasks: {self._last_failure}")
        if not waits and not any(agent.is_ready for agent in self._agents.values()):
            raise GenerationError(
                f"No node of the Ray cluster was ready after {START_SECONDS:g} seconds: {self._last_failure}."
            )

    def _nodes(self) -> dict[str, int]:
        """Return the processors of each node that has some."""
        alive = [node for node in self.ray.nodes() if node["Alive"]]
        nodes = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in alive}
        return {node: cpus for node, cpus in nodes.items() if cpus}

    def _replace_agents(self, nodes: Mapping[str, int]) -> bool:
        """Forget agents of nodes that are gone, start missing ones, and return whether a node is usable."""
        for node in [*self._agents]:
            if node not in nodes and self._agents[node].number is None:
                del self._agents[node]
        usable = [node for node in nodes if self._failed_starts.get(node, 0) < MAX_FAILED_STARTS]
        for node in usable:
            if node not in self._agents:
                self._agents[node] = self._start(node, nodes[node])
        return bool(usable)

    def _start(self, node: str, cpus: int) -> Agent:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        workers = cpus if self._options.workers is None else self._options.workers
        actor = self.ray.remote(NodeAgent).options(
            num_cpus=max(1, min(workers, cpus)),
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        handle = actor.remote(self._settings._replace(workers=workers))
        handle.prepare_process.remote()
        return Agent(node, handle)

    def _check(self, agent: Agent) -> None:
        """Ask an agent whether it can run tasks, and note its answer once it is there."""
        if agent.check is None:
            agent.check = agent.handle.check.remote()
        if not self._is_there(agent.check):
            return
        try:
            failure = self.ray.get(agent.check)
        except self.ray.exceptions.RayError as error:
            self.lose(agent, first_reason(error))
            return
        agent.is_ready = failure is None
        if failure is not None:
            self._failed_starts[agent.node] = MAX_FAILED_STARTS - 1
            self.lose(agent, failure.message)

    def _fail(self, node: str, reason: str) -> None:
        self._failed_starts[node] = self._failed_starts.get(node, 0) + 1
        self._last_failure = reason

    def _is_there(self, answer: Any) -> bool:
        ready, _ = self.ray.wait([answer], timeout=0)
        return bool(ready)


def first_reason(error: Exception) -> str:
    """Return what is most telling in the message of an error of Ray: its last line with text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
