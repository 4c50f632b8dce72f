"""A run simulated event by event: the steps of the engine in the same order, with times from a table.

It uses no queueing theory, so the model of ``midiprism.advise`` can be compared with it.
"""

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Callable, Generator
from itertools import count
from typing import Any

from midiprism.advise.model.costs import Costs
from midiprism.metrics.snapshot import RunSample, SampleWindow, StageTime
from midiprism.pipeline.tuner import Tunables

GROUP_SONGS = 4_000
GROUP_SECONDS = 2.0
POLL_SECONDS = 0.1
MAX_QUEUED_BATCHES = 4
READ_CONCURRENCY = 32
COMMIT_TRIPS, LEASE_TRIPS, LOOKUP_TRIPS, REPORT_TRIPS, REPORT_PAUSE_FACTOR = 28, 6, 3, 6, 9

Process = Generator[tuple[Any, ...], None, None]
"""A simulated process. It yields requests to ``EventSimulator``:

- ``("work", seconds)``: use a processor.
- ``("pass", seconds)``: wait without one.
- ``("serve", station, seconds)``: wait until a station has served it.
- ``("wait", signal, seconds)``: wait for a signal, for a limited time unless ``seconds`` is None.
"""


class Signal:
    """An event that processes wait for."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.is_set = False


class EventSimulator:
    """A simulated machine: a clock, processors shared evenly with other programs, and stations with queues.

    Args:
        cores: number of processors.
        other_load: number of processors that other programs want.
        draw_seconds: returns a random duration with a mean, composed of a number of steps.
    """

    def __init__(self, cores: float, other_load: float, draw_seconds: Callable[[float, int], float]) -> None:
        self.now = 0.0
        self.cores = cores
        self.other_load = other_load
        self.used_by_others = 0.0
        self.queued = 0.0
        self.draw_seconds = draw_seconds
        self._events: list[tuple[float, int, Process, int]] = []
        self._sequence = count()
        self._processor_time = 0.0
        self._working: list[tuple[float, int, Process]] = []
        self._free_servers: dict[str, float] = {}
        self._queues: dict[str, deque[tuple[Process, float]]] = {}
        self._tickets: dict[int, Process] = {}

    def start(self, process: Process) -> None:
        """Start a process now."""
        self._schedule(0.0, process)

    def set_signal(self, signal: Signal) -> None:
        """Set a signal and wake the processes that wait for it."""
        signal.is_set = True
        for ticket in signal.waiting:
            process = self._tickets.pop(ticket, None)
            if process is not None:
                self._schedule(0.0, process)
        signal.waiting.clear()

    def add_station(self, name: str, width: float | None) -> None:
        """Add a station that serves ``width`` requests at once, or any number."""
        self._free_servers[name] = float("inf") if width is None else width
        self._queues[name] = deque()

    def run(self, ended: Callable[[], bool]) -> None:
        """Simulate events until ``ended`` returns true."""
        while not ended():
            wanted = len(self._working) + self.other_load
            pace = min(1.0, self.cores / wanted) if wanted else 1.0
            before = self.now
            done_at = float("inf")
            if self._working:
                done_at = self.now + max(0.0, self._working[0][0] - self._processor_time) / pace
            if self._events and self._events[0][0] <= done_at:
                at, _, process, ticket = heapq.heappop(self._events)
                self._processor_time += pace * (at - self.now)
                self.now = at
                self._count_usage(pace, before)
                if ticket and self._tickets.pop(ticket, None) is None:
                    continue
            else:
                self._processor_time, _, process = heapq.heappop(self._working)
                self.now = done_at
                self._count_usage(pace, before, 1)
            self._step(process)

    def _count_usage(self, pace: float, before: float, done: int = 0) -> None:
        passed = self.now - before
        self.used_by_others += self.other_load * pace * passed
        self.queued += (len(self._working) + done) * (1 - pace) * passed

    def _schedule(self, seconds: float, process: Process, ticket: int = 0) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._sequence), process, ticket))

    def _step(self, process: Process) -> None:
        try:
            request = next(process)
        except StopIteration:
            return
        if request[0] == "work":
            heapq.heappush(self._working, (self._processor_time + request[1], next(self._sequence), process))
        elif request[0] == "pass":
            self._schedule(request[1], process)
        elif request[0] == "serve":
            _, name, seconds = request
            if self._free_servers[name] >= 1:
                self._free_servers[name] -= 1
                self._schedule(seconds, self._finish_service(name, process))
            else:
                self._queues[name].append((process, seconds))
        else:
            _, signal, seconds = request
            if signal.is_set:
                self._schedule(0.0, process)
                return
            ticket = next(self._sequence) + 1
            self._tickets[ticket] = process
            signal.waiting.append(ticket)
            if seconds is not None:
                self._schedule(seconds, process, ticket)

    def _finish_service(self, name: str, process: Process) -> Process:
        """End a service: serve the next request in the queue, and let the process continue."""
        if self._queues[name]:
            following, seconds = self._queues[name].popleft()
            self._schedule(seconds, self._finish_service(name, following))
        else:
            self._free_servers[name] += 1
        self._schedule(0.0, process)
        return
        yield  # makes this a generator


class SimulatedPipeline:
    """The coordinator, the workers and the commits of one run."""

    def __init__(self, costs: Costs, tunables: Tunables, variation: str, seed: int) -> None:
        rng = random.Random(seed)
        times: dict[str, Callable[[float, int], float]] = {
            "deterministic": lambda mean, _steps: mean,
            "exponential": lambda mean, steps: rng.gammavariate(steps, mean / steps) if mean else 0.0,
        }
        self.costs, self.tunables = costs, tunables
        self.machine = EventSimulator(costs.cores, costs.other_programs_cpu, times[variation])
        self.machine.add_station("source", costs.source_concurrency)
        self.machine.add_station("output", costs.output_concurrency)
        self.planned_batches: deque[int] = deque()
        self.batches_per_worker = [0] * tunables.workers
        self.tasks: list[deque[int]] = [deque() for _ in range(tunables.workers)]
        self.task_signals = [Signal() for _ in range(tunables.workers)]
        self.answers: list[deque[int]] = [deque() for _ in range(tunables.workers)]
        self.answer_signals = [Signal() for _ in range(tunables.workers)]
        self.messages: deque[int] = deque()
        self.message_signal = Signal()
        self.collected_batches: list[int] = []
        self.batches_to_commit: list[int] = []
        self.flushed_signal = Signal()
        self.is_flushing = False
        self.group_started_at = 0.0
        self.progress: list[tuple[float, int]] = []
        self.songs_committed = 0
        self.totals: defaultdict[str, float] = defaultdict(float)

    def run_until(self, songs: int) -> None:
        """Simulate until this many songs are committed."""
        for number in range(self.tunables.workers):
            self.machine.start(self.worker(number))
            if self.costs.workers_commit:
                self.machine.start(self.committing_worker(number))
        self.machine.start(self.coordinator())
        self.machine.run(lambda: self.songs_committed >= songs)

    def worker(self, number: int) -> Process:
        """Read, split and store batches."""
        costs, machine, batch = self.costs, self.machine, self.tunables.batch_size
        parts = min(batch, 40 if batch <= 250 else 80)
        size = batch / parts
        lookup_seconds = 0.0
        if costs.queries_catalog:
            lookup_seconds = LOOKUP_TRIPS * costs.round_trip * size / min(READ_CONCURRENCY, batch)
        while True:
            while not self.tasks[number]:
                self.task_signals[number].is_set = False
                yield "wait", self.task_signals[number], None
            task = self.tasks[number].popleft()
            for _ in range(parts):
                began = machine.now
                if costs.source_wait:
                    yield "serve", "source", machine.draw_seconds(costs.source_wait * size, 1)
                self.totals["read"] += machine.now - began
                work = machine.draw_seconds((costs.worker_cpu - costs.commit_client_cpu) * size, 1)
                self.totals["split"] += work
                yield "work", work
                began = machine.now
                if costs.output_wait:
                    yield "serve", "output", machine.draw_seconds(costs.output_wait * size, 1)
                if lookup_seconds:
                    yield "pass", lookup_seconds
                self.totals["store"] += machine.now - began
            self.totals["songs"] += batch
            if self.costs.workers_commit:
                self.answers[number].append(task)
                machine.set_signal(self.answer_signals[number])
            else:
                self.send_message(number)

    def send_message(self, number: int) -> None:
        self.messages.append(number)
        self.machine.set_signal(self.message_signal)

    def committing_worker(self, number: int) -> Process:
        """Flush and commit in a worker, while it splits the next batch."""
        costs, batch = self.costs, self.tunables.batch_size
        while True:
            while not self.answers[number]:
                self.answer_signals[number].is_set = False
                yield "wait", self.answer_signals[number], None
            ready = len(self.answers[number])
            self.answers[number].clear()
            if costs.flush_fixed or costs.flush_per_song:
                yield self.stage_wait("flush", costs.flush_fixed + costs.flush_per_song * batch * ready, 1)
            for _ in range(ready):
                work = self.machine.draw_seconds(costs.commit_client_cpu * batch, COMMIT_TRIPS)
                self.totals["client cpu"] += work
                if work:
                    yield "work", work
                yield self.stage_wait(
                    "commit", costs.commit_fixed + costs.commit_per_song * batch, COMMIT_TRIPS
                )
                self.send_message(number)

    def dispatch(self) -> None:
        """Give planned batches to the workers with the fewest."""
        for queued in range(1, MAX_QUEUED_BATCHES + 1):
            for number in range(self.tunables.workers):
                if self.planned_batches and self.batches_per_worker[number] < queued:
                    self.batches_per_worker[number] += 1
                    self.tasks[number].append(self.planned_batches.popleft())
                    self.machine.set_signal(self.task_signals[number])

    def coordinator(self) -> Process:
        """Plan batches, receive answers and report progress."""
        costs, tunables, machine = self.costs, self.tunables, self.machine
        batch, in_pool, reported_at = tunables.batch_size, 0, 0.0
        plan = receive = costs.coordinator_cpu * batch / 2
        while True:
            while in_pool + len(self.collected_batches) + len(self.batches_to_commit) < tunables.in_flight:
                if plan:
                    yield "work", machine.draw_seconds(plan, 1)
                if costs.workers_commit and costs.round_trip:
                    yield "pass", LEASE_TRIPS * costs.round_trip
                self.planned_batches.append(0)
                in_pool += 1
                self.dispatch()
            if in_pool:
                self.dispatch()
                if not self.messages:
                    self.message_signal.is_set = False
                    yield "wait", self.message_signal, POLL_SECONDS
                for _ in range(min(len(self.messages), tunables.workers)):
                    number = self.messages.popleft()
                    if receive:
                        yield "work", machine.draw_seconds(receive, 1)
                    self.batches_per_worker[number] -= 1
                    self.dispatch()
                    in_pool -= 1
                    if costs.workers_commit:
                        self.count_committed(1)
                        continue
                    if not self.collected_batches:
                        self.group_started_at = machine.now
                    self.collected_batches.append(number)
            if not costs.workers_commit:
                yield from self.commit(hurry=not in_pool)
            report_seconds = REPORT_TRIPS * costs.round_trip
            pause = max(1, REPORT_PAUSE_FACTOR * report_seconds)
            if costs.workers_commit and report_seconds and machine.now - reported_at >= pause:
                yield "pass", report_seconds
                reported_at = machine.now

    def commit(self, *, hurry: bool) -> Process:
        """Flush the collected batches and commit the flushed ones, if it is time or there is a ``hurry``."""
        costs, machine, batch = self.costs, self.machine, self.tunables.batch_size
        is_old = machine.now - self.group_started_at > GROUP_SECONDS
        due = len(self.collected_batches) * batch >= GROUP_SONGS or is_old
        if not self.is_flushing and not self.batches_to_commit and self.collected_batches and (due or hurry):
            self.batches_to_commit, self.collected_batches = self.collected_batches, []
            self.is_flushing, self.flushed_signal = True, Signal()
            machine.start(self.flush())
        if self.is_flushing and hurry:
            yield "wait", self.flushed_signal, None
        if self.is_flushing or not self.batches_to_commit:
            return
        ready, self.batches_to_commit = len(self.batches_to_commit), []
        work = costs.commit_cpu * batch * ready
        if work:
            work = machine.draw_seconds(work, COMMIT_TRIPS)
            self.totals["commit cpu"] += work
            yield "work", work
        wait_seconds = costs.commit_fixed + (costs.commit_per_song - costs.commit_cpu) * batch * ready
        yield self.stage_wait("commit", wait_seconds, COMMIT_TRIPS)
        self.count_committed(ready)

    def flush(self) -> Process:
        """Make the batches to commit durable."""
        costs = self.costs
        songs = self.tunables.batch_size * len(self.batches_to_commit)
        yield self.stage_wait("flush", costs.flush_fixed + costs.flush_per_song * songs, 1)
        self.is_flushing = False
        self.machine.set_signal(self.flushed_signal)

    def stage_wait(self, stage: str, mean: float, steps: int) -> tuple[str, float]:
        """Return the request to wait in a stage, and count its time."""
        seconds = self.machine.draw_seconds(mean, steps)
        self.totals[stage] += seconds
        self.totals[f"{stage} times"] += 1
        return "pass", seconds

    def count_committed(self, batches: int) -> None:
        """Count the songs of committed batches."""
        self.songs_committed += batches * self.tunables.batch_size
        self.progress.append((self.machine.now, self.songs_committed))

    def window(self) -> SampleWindow:
        """Return the metrics that a run like this one would measure."""
        totals, tunables = self.totals, self.tunables
        commit_cpu = totals["commit cpu"]
        coordinator = self.costs.coordinator_cpu * totals["songs"]
        used_seconds = (
            totals["split"] + totals["client cpu"] + coordinator + commit_cpu + self.machine.used_by_others
        )
        cores = max(1, round(self.costs.cores))
        last = RunSample(
            elapsed_seconds=self.machine.now,
            songs=round(totals["songs"]),
            songs_committed=self.songs_committed,
            songs_skipped=1 if self.costs.queries_catalog else 0,
            stages={
                "read": StageTime(totals["read"], totals["read"]),
                "split": StageTime(totals["split"], 0.0),
                "store": StageTime(totals["store"], totals["store"]),
                "flush": StageTime(totals["flush"], totals["flush"]),
                "commit": StageTime(totals["commit"] + commit_cpu + totals["client cpu"], totals["commit"]),
            },
            queued=self.machine.queued,
            worker_cpu=totals["split"] + totals["client cpu"],
            coordinator_cpu=coordinator + commit_cpu,
            core_busy_seconds=(used_seconds / cores,) * cores,
            commits=round(totals["commit times"]),
            flushes=round(totals["flush times"]),
            workers=tunables.workers,
            batch_size=tunables.batch_size,
            in_flight_limit=tunables.in_flight,
            round_trip=self.costs.round_trip,
        )
        return SampleWindow(RunSample(core_busy_seconds=(0.0,) * cores), last)


def simulate_run(
    costs: Costs, tunables: Tunables, variation: str, seed: int = 1, groups: int = 30
) -> SimulatedPipeline:
    """Simulate a run of about this many commit groups, and return it."""
    songs_in_flight = min(GROUP_SONGS, tunables.batch_size * tunables.in_flight)
    group_songs = max(
        songs_in_flight,
        tunables.batch_size * min(tunables.in_flight, 2 * tunables.workers),
        4 * tunables.batch_size,
    )
    run = SimulatedPipeline(costs, tunables, variation, seed)
    run.run_until(groups * group_songs)
    return run


def simulate_rate(costs: Costs, tunables: Tunables, variation: str, seed: int = 1, groups: int = 30) -> float:
    """Return the songs per second of a simulated run, after its first quarter."""
    marks = simulate_run(costs, tunables, variation, seed, groups).progress
    first = next(index for index, mark in enumerate(marks) if mark[1] >= marks[-1][1] / 4)
    (started_at, songs_before), (ended_at, songs_after) = marks[first], marks[-1]
    return (songs_after - songs_before) / (ended_at - started_at)
