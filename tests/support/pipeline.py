"""A run simulated event by event: the same steps in the same order as the engine, with times out of a table.

It knows nothing of queueing theory, so what the model says can be held against it.
"""

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Callable, Generator
from itertools import count
from typing import Any

from midiprism.advise.costs import Costs
from midiprism.advise.model import Setup
from midiprism.meter.sample import Sample, Stage, Window

GROUP_PARENTS = 4_000
GROUP_SECONDS = 2.0
POLL_SECONDS = 0.1
QUEUED = 4
READ_AT_ONCE = 32
COMMIT_TRIPS, LEASE_TRIPS, ASK_TRIPS, TELL_TRIPS, TELL_REST = 28, 6, 3, 6, 9

Process = Generator[tuple[Any, ...], None, None]


class Signal:
    """Processes wait until it is given, at most so long."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.given = False


class Machine:
    """Processors that are shared evenly, also with other programs, stations that serve so many at once, and a
    clock."""

    def __init__(self, cores: float, others: float, time_of: Callable[[float, int], float]) -> None:
        self.now = 0.0
        self.cores = cores
        self.others = others
        self.used_by_others = 0.0
        self.queued = 0.0
        self.time_of = time_of
        self._events: list[tuple[float, int, Process, int]] = []
        self._numbers = count()
        self._shared = 0.0
        self._working: list[tuple[float, int, Process]] = []
        self._free: dict[str, float] = {}
        self._queues: dict[str, deque[tuple[Process, float]]] = {}
        self._tickets: dict[int, Process] = {}

    def start(self, process: Process) -> None:
        self._later(0.0, process)

    def give(self, signal: Signal) -> None:
        signal.given = True
        for ticket in signal.waiting:
            process = self._tickets.pop(ticket, None)
            if process is not None:
                self._later(0.0, process)
        signal.waiting.clear()

    def station(self, name: str, width: float | None) -> None:
        self._free[name] = float("inf") if width is None else width
        self._queues[name] = deque()

    def run(self, ended: Callable[[], bool]) -> None:
        while not ended():
            wanted = len(self._working) + self.others
            pace = min(1.0, self.cores / wanted) if wanted else 1.0
            before = self.now
            done_at = float("inf")
            if self._working:
                done_at = self.now + max(0.0, self._working[0][0] - self._shared) / pace
            if self._events and self._events[0][0] <= done_at:
                at, _, process, ticket = heapq.heappop(self._events)
                self._shared += pace * (at - self.now)
                self.now = at
                self._count(pace, before)
                if ticket and self._tickets.pop(ticket, None) is None:
                    continue
            else:
                self._shared, _, process = heapq.heappop(self._working)
                self.now = done_at
                self._count(pace, before, 1)
            self._step(process)

    def _count(self, pace: float, before: float, done: int = 0) -> None:
        passed = self.now - before
        self.used_by_others += self.others * pace * passed
        self.queued += (len(self._working) + done) * (1 - pace) * passed

    def _later(self, seconds: float, process: Process, ticket: int = 0) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), process, ticket))

    def _step(self, process: Process) -> None:
        try:
            wish = next(process)
        except StopIteration:
            return
        if wish[0] == "work":
            heapq.heappush(self._working, (self._shared + wish[1], next(self._numbers), process))
        elif wish[0] == "pass":
            self._later(wish[1], process)
        elif wish[0] == "serve":
            _, name, seconds = wish
            if self._free[name] >= 1:
                self._free[name] -= 1
                self._later(seconds, self._served(name, process))
            else:
                self._queues[name].append((process, seconds))
        else:
            _, signal, seconds = wish
            if signal.given:
                self._later(0.0, process)
                return
            ticket = next(self._numbers) + 1
            self._tickets[ticket] = process
            signal.waiting.append(ticket)
            if seconds is not None:
                self._later(seconds, process, ticket)

    def _served(self, name: str, process: Process) -> Process:
        """What happens when a request has been served: the next one is, and its process goes on."""
        if self._queues[name]:
            following, seconds = self._queues[name].popleft()
            self._later(seconds, self._served(name, following))
        else:
            self._free[name] += 1
        self._later(0.0, process)
        return
        yield


class Pipeline:
    """Coordinator, workers and commits of one run."""

    def __init__(self, costs: Costs, setup: Setup, variation: str, seed: int) -> None:
        dice = random.Random(seed)
        times: dict[str, Callable[[float, int], float]] = {
            "deterministic": lambda mean, _steps: mean,
            "exponential": lambda mean, steps: dice.gammavariate(steps, mean / steps) if mean else 0.0,
        }
        self.costs, self.setup = costs, setup
        self.machine = Machine(costs.cores, costs.others, times[variation])
        self.machine.station("source", costs.source_width)
        self.machine.station("output", costs.output_width)
        self.waiting: deque[int] = deque()
        self.jobs = [0] * setup.workers
        self.tasks: list[deque[int]] = [deque() for _ in range(setup.workers)]
        self.task_there = [Signal() for _ in range(setup.workers)]
        self.answers: list[deque[int]] = [deque() for _ in range(setup.workers)]
        self.answer_there = [Signal() for _ in range(setup.workers)]
        self.heard: deque[int] = deque()
        self.message = Signal()
        self.collected: list[int] = []
        self.flushing: list[int] = []
        self.flushed = Signal()
        self.flush_on = False
        self.since = 0.0
        self.marks: list[tuple[float, int]] = []
        self.done = 0
        self.spent: defaultdict[str, float] = defaultdict(float)

    def go(self, songs: int) -> None:
        """Until so many songs are committed."""
        for number in range(self.setup.workers):
            self.machine.start(self.worker(number))
            if self.setup.shared:
                self.machine.start(self.answering(number))
        self.machine.start(self.coordinator())
        self.machine.run(lambda: self.done >= songs)

    def worker(self, number: int) -> Process:
        costs, machine, batch = self.costs, self.machine, self.setup.batch
        parts = min(batch, 40 if batch <= 250 else 80)
        size = batch / parts
        asks = 0.0
        if costs.asks:
            asks = ASK_TRIPS * costs.round_trip * size / min(READ_AT_ONCE, batch)
        while True:
            while not self.tasks[number]:
                self.task_there[number].given = False
                yield "wait", self.task_there[number], None
            task = self.tasks[number].popleft()
            for _ in range(parts):
                began = machine.now
                if costs.source_wait:
                    yield "serve", "source", machine.time_of(costs.source_wait * size, 1)
                self.spent["read"] += machine.now - began
                work = machine.time_of((costs.worker_cpu - costs.client_cpu) * size, 1)
                self.spent["split"] += work
                yield "work", work
                began = machine.now
                if costs.output_wait:
                    yield "serve", "output", machine.time_of(costs.output_wait * size, 1)
                if asks:
                    yield "pass", asks
                self.spent["store"] += machine.now - began
            self.spent["songs"] += batch
            if self.setup.shared:
                self.answers[number].append(task)
                machine.give(self.answer_there[number])
            else:
                self.say(number)

    def say(self, number: int) -> None:
        self.heard.append(number)
        self.machine.give(self.message)

    def answering(self, number: int) -> Process:
        """Flushes and commits in a worker, beside its splitting."""
        costs, batch = self.costs, self.setup.batch
        while True:
            while not self.answers[number]:
                self.answer_there[number].given = False
                yield "wait", self.answer_there[number], None
            ready = len(self.answers[number])
            self.answers[number].clear()
            if costs.flush_fixed or costs.flush_each:
                yield self.timed("flush", costs.flush_fixed + costs.flush_each * batch * ready, 1)
            for _ in range(ready):
                work = self.machine.time_of(costs.client_cpu * batch, COMMIT_TRIPS)
                self.spent["client cpu"] += work
                if work:
                    yield "work", work
                yield self.timed("commit", costs.commit_fixed + costs.commit_each * batch, COMMIT_TRIPS)
                self.say(number)

    def feed(self) -> None:
        for queued in range(1, QUEUED + 1):
            for number in range(self.setup.workers):
                if self.waiting and self.jobs[number] < queued:
                    self.jobs[number] += 1
                    self.tasks[number].append(self.waiting.popleft())
                    self.machine.give(self.task_there[number])

    def coordinator(self) -> Process:
        costs, setup, machine = self.costs, self.setup, self.machine
        batch, in_pool, told = setup.batch, 0, 0.0
        plan = receive = costs.coordinator_cpu * batch / 2
        while True:
            while in_pool + len(self.collected) + len(self.flushing) < setup.in_flight:
                if plan:
                    yield "work", machine.time_of(plan, 1)
                if setup.shared and costs.round_trip:
                    yield "pass", LEASE_TRIPS * costs.round_trip
                self.waiting.append(0)
                in_pool += 1
                self.feed()
            if in_pool:
                self.feed()
                if not self.heard:
                    self.message.given = False
                    yield "wait", self.message, POLL_SECONDS
                for _ in range(min(len(self.heard), setup.workers)):
                    number = self.heard.popleft()
                    if receive:
                        yield "work", machine.time_of(receive, 1)
                    self.jobs[number] -= 1
                    self.feed()
                    in_pool -= 1
                    if setup.shared:
                        self.count(1)
                        continue
                    if not self.collected:
                        self.since = machine.now
                    self.collected.append(number)
            if not setup.shared:
                yield from self.commit(hurry=not in_pool)
            telling = TELL_TRIPS * costs.round_trip
            if setup.shared and telling and machine.now - told >= max(1, TELL_REST * telling):
                yield "pass", telling
                told = machine.now

    def commit(self, *, hurry: bool) -> Process:
        costs, machine, batch = self.costs, self.machine, self.setup.batch
        waited = machine.now - self.since > GROUP_SECONDS
        due = len(self.collected) * batch >= GROUP_PARENTS or waited
        if not self.flush_on and not self.flushing and self.collected and (due or hurry):
            self.flushing, self.collected = self.collected, []
            self.flush_on, self.flushed = True, Signal()
            machine.start(self.flush())
        if self.flush_on and hurry:
            yield "wait", self.flushed, None
        if self.flush_on or not self.flushing:
            return
        ready, self.flushing = len(self.flushing), []
        work = costs.commit_cpu * batch * ready
        if work:
            work = machine.time_of(work, COMMIT_TRIPS)
            self.spent["commit cpu"] += work
            yield "work", work
        waiting = costs.commit_fixed + (costs.commit_each - costs.commit_cpu) * batch * ready
        yield self.timed("commit", waiting, COMMIT_TRIPS)
        self.count(ready)

    def flush(self) -> Process:
        costs = self.costs
        songs = self.setup.batch * len(self.flushing)
        yield self.timed("flush", costs.flush_fixed + costs.flush_each * songs, 1)
        self.flush_on = False
        self.machine.give(self.flushed)

    def timed(self, stage: str, mean: float, steps: int) -> tuple[str, float]:
        seconds = self.machine.time_of(mean, steps)
        self.spent[stage] += seconds
        self.spent[f"{stage} times"] += 1
        return "pass", seconds

    def count(self, batches: int) -> None:
        self.done += batches * self.setup.batch
        self.marks.append((self.machine.now, self.done))

    def window(self) -> Window:
        """What a run like that measures of itself."""
        spent, setup = self.spent, self.setup
        computed = spent["commit cpu"]
        coordinator = self.costs.coordinator_cpu * spent["songs"]
        used = spent["split"] + spent["client cpu"] + coordinator + computed + self.machine.used_by_others
        cores = max(1, round(self.costs.cores))
        last = Sample(
            at=self.machine.now,
            parents=round(spent["songs"]),
            committed=self.done,
            skipped=1 if self.costs.asks else 0,
            stages={
                "read": Stage(spent["read"], spent["read"]),
                "split": Stage(spent["split"], 0.0),
                "store": Stage(spent["store"], spent["store"]),
                "flush": Stage(spent["flush"], spent["flush"]),
                "commit": Stage(spent["commit"] + computed + spent["client cpu"], spent["commit"]),
            },
            queued=self.machine.queued,
            worker_cpu=spent["split"] + spent["client cpu"],
            coordinator_cpu=coordinator + computed,
            cores=(used / cores,) * cores,
            commits=round(spent["commit times"]),
            flushes=round(spent["flush times"]),
            workers=setup.workers,
            batch_size=setup.batch,
            in_flight_most=setup.in_flight,
            round_trip=self.costs.round_trip,
        )
        return Window(Sample(cores=(0.0,) * cores), last)


def simulated(costs: Costs, setup: Setup, variation: str, seed: int = 1, groups: int = 30) -> Pipeline:
    """A run that has made so many groups, or what comes close to it."""
    in_hand = min(GROUP_PARENTS, setup.batch * setup.in_flight)
    least = max(in_hand, setup.batch * min(setup.in_flight, 2 * setup.workers), 4 * setup.batch)
    run = Pipeline(costs, setup, variation, seed)
    run.go(groups * least)
    return run


def simulated_rate(costs: Costs, setup: Setup, variation: str, seed: int = 1, groups: int = 30) -> float:
    """Songs a second of such a run, after its beginning."""
    marks = simulated(costs, setup, variation, seed, groups).marks
    first = next(index for index, mark in enumerate(marks) if mark[1] >= marks[-1][1] / 4)
    (began, before), (ended, after) = marks[first], marks[-1]
    return (after - before) / (ended - began)
