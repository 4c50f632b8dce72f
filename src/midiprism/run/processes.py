"""Worker processes: started, fed, watched, replaced when they die, and ended."""

import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, TypeVar, cast

from midiprism.catalog import Lease
from midiprism.errors import MidiprismError
from midiprism.meter.clocks import CLOCKS
from midiprism.meter.clocks import added as summed
from midiprism.run import child
from midiprism.run.answering import Message
from midiprism.run.aside import Errand, here
from midiprism.run.child import Duty, Task
from midiprism.run.gauges import (
    GAUGES,
    JOB,
    PARENT,
    READING,
    SPLITTING,
    STAGE,
    Gauges,
    added,
    clocks,
    counted,
)
from midiprism.run.jobs import KILLS, Death, Done, Job, given_up, take_apart
from midiprism.run.machine import QUEUED
from midiprism.run.plan import Batch
from midiprism.run.slots import Slots, new_slots
from midiprism.smf.types import CONTRACT_VERSION

_WAIT_SECONDS = 0.1
_END_SECONDS = 5.0
_STILLBORN = 3
_STILLBORN_LATER = 30
_PRELOADED = ["midiprism.run.preloaded"]

T = TypeVar("T")


class _Outbox:
    """What goes to a worker. A thread sends it: the pipe to one that hangs may be full, and whoever hands out
    batches must not wait with it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="midiprism-send", daemon=True)
        self._thread.start()

    def put(self, task: Task | None) -> None:
        """Send a batch; None for no more, behind which nothing is sent."""
        self._tasks.put(task)

    def close(self) -> None:
        """End the thread; the worker has ended."""
        self._tasks.put(None)
        self._thread.join(_END_SECONDS)

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # the worker has died; its pipe will say so
            for task in iter(self._tasks.get, None):
                self._pipe.send(task)
            self._pipe.send(None)


@dataclass(slots=True)
class _Child:
    """A worker process, and what it has in hand, in the order it was given.

    Attributes:
        outbox: what goes to it.
        settled: its counts at its last answer: what came after is lost if it dies.
        seen: what its gauges said when they last changed, and since when.
        slots: in which it hands over contents; None where it sends none, or by its pipe.
    """

    process: BaseProcess
    pipe: Connection
    gauges: Gauges
    slots: Slots | None
    outbox: _Outbox
    jobs: deque[Job] = field(default_factory=deque)
    ready: bool = False
    settled: tuple[int, ...] = (0, 0, 0, 0)
    seen: tuple[tuple[int, int, int], float] = ((0, 0, 0), 0.0)
    timed_out: bool = False


class ProcessPool:
    """Workers as processes of their own.

    Args:
        duty: what each of them needs.
        workers: how many.
        timeout: seconds that one may spend reading or splitting one parent; None for as long as it takes.
        compiling: called once if the splitter has to be compiled first.

    Where it has to be compiled, one worker does so before the others start. A worker that dies is replaced.
    The batch it was at is tried again; one that killed twice is taken apart, and so on down to the one
    parent, which is given up. One that is too many ends when it has nothing in hand; its numbers stay.
    """

    def __init__(
        self, duty: Duty, workers: int, timeout: float | None, compiling: Callable[[], None]
    ) -> None:
        # A process that has threads, or a user's libraries, is not safe to fork: a fresh one is.
        self._context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
        if sys.platform == "linux":
            self._context.set_forkserver_preload(_PRELOADED)
        self._duty = duty
        self._workers = workers
        self._timeout = timeout
        self._compiling = compiling
        self._stop = self._context.RawArray("q", 1)
        self._children: list[_Child] = []
        self._leaving: list[_Child] = []
        self._waiting: deque[Job] = deque()
        self._done: list[Done] = []
        self._numbers = 0
        self._lost: tuple[int, ...] = (0, 0, 0, 0)
        self._lost_clocks: tuple[int, ...] = (0,) * CLOCKS
        self._stillborn = 0
        self._began = time.perf_counter()
        self._loaded = self._begun = False
        self._counting = threading.Lock()  # samples are taken in another thread
        self.loading_seconds = 0.0
        self.idle = True

    def __enter__(self) -> "ProcessPool":
        self._children.append(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for one in self._children:
                one.outbox.put(None)  # there is nothing more to do
            for one in self._all:
                one.process.join(_END_SECONDS)
        for one in self._all:
            self._end(one)

    @property
    def in_flight(self) -> int:
        return len(self._waiting) + len(self._done) + sum(len(one.jobs) for one in self._children)

    def submit(self, batch: Batch, lease: Lease | None = None) -> None:
        self._numbers += 1
        self._waiting.append(Job(self._numbers, batch, lease))
        self._feed()

    def stop(self) -> None:
        self._stop[0] = 1

    def counts(self) -> tuple[int, ...]:
        with self._counting:
            return added([self._lost, *(counted(one.gauges) for one in self._all)])

    def clocks(self) -> tuple[int, ...]:
        with self._counting:
            return summed([self._lost_clocks, *(clocks(one.gauges).values() for one in self._all)])

    def pids(self) -> list[int]:
        with self._counting:
            return [one.process.pid for one in self._all if one.process.pid is not None]

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def ready(self) -> int:
        with self._counting:
            return sum(one.ready for one in self._children)

    def resize(self, workers: int) -> None:
        self._workers = workers
        if self._begun:
            self._start_others()

    def aside(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        free = next((one for one in self._children if one.ready and not one.jobs), None)
        if free is None:
            return here(work, *arguments)
        free.outbox.put(Errand(work, arguments))
        for one in self._children:
            one.outbox.put(None)  # they may end meanwhile

        def result() -> T:
            with contextlib.suppress(EOFError, OSError):  # it has died
                for found in free.pipe.recv().content:
                    return cast(T, found)
            return work(*arguments)

        return result

    def results(self) -> list[Done]:
        self._feed()
        if len(self._children) > self._workers or self._leaving:
            self._dismiss()
        self._hear(0.0)
        self.idle = not self._done
        if not self._done:
            self._hear(_WAIT_SECONDS)
        if not self._loaded:
            self._loaded = len(self._children) >= self._workers and all(one.ready for one in self._children)
            self.loading_seconds = time.perf_counter() - self._began
        self._end_those_that_hang()
        done, self._done = self._done, []
        return done

    @property
    def _all(self) -> list[_Child]:
        return [*self._children, *self._leaving]

    def _start(self) -> _Child:
        ours, theirs = self._context.Pipe()
        gauges = self._context.RawArray("q", GAUGES)
        slots = new_slots(QUEUED) if self._duty.sends_contents else None
        process = self._context.Process(
            target=child.main, args=(theirs, gauges, self._stop, self._duty, slots), daemon=True
        )
        process.start()
        theirs.close()
        return _Child(process, ours, gauges, slots, _Outbox(ours))

    def _start_others(self) -> None:
        while len(self._children) < self._workers:
            self._children.append(self._start())

    def _feed(self) -> None:
        """Give each worker a batch to work on, and some to go on with."""
        for queued in range(1, QUEUED + 1):
            for one in self._children[: self._workers]:
                if self._waiting and one.ready and len(one.jobs) < queued:
                    self._give(one, self._waiting.popleft())

    def _give(self, one: _Child, job: Job) -> None:
        one.jobs.append(job)
        one.outbox.put((job.number, job.batch, job.lease))

    def _hear(self, seconds: float) -> None:
        pipes = {one.pipe: one for one in self._children}
        for pipe in wait(list(pipes), seconds):
            one = pipes[pipe]  # type: ignore[index]
            try:
                message: Message = one.pipe.recv()
            except (EOFError, OSError):
                self._bury(one)
                continue
            self._take(one, message)

    def _take(self, one: _Child, message: Message) -> None:
        if message.kind == "loading":
            if not message.content:
                self._compiling()
            else:
                self._start_others()
        elif message.kind == "ready":
            one.ready = self._begun = True
            self._stillborn = 0
            self._start_others()
            self._feed()
        elif message.kind == "error":
            raise message.content
        else:
            job = one.jobs.popleft()
            assert job.number == message.job
            one.settled = counted(one.gauges)
            record, committed = message.content
            self._done.append(Done(job.batch, one.slots.take(record) if one.slots else record, committed))
            self._feed()

    def _end_those_that_hang(self) -> None:
        if self._timeout is None:
            return
        now = time.monotonic()
        for one in self._children:
            at = (one.gauges[JOB], one.gauges[PARENT], one.gauges[STAGE])
            if at != one.seen[0] or at[2] not in (READING, SPLITTING):
                one.seen = (at, now)
            elif now - one.seen[1] > self._timeout:
                one.timed_out = True
                one.process.kill()  # its pipe ends by that

    def _bury(self, one: _Child) -> None:
        """A worker has died: replace it, and see to what it had in hand."""
        one.process.join(_END_SECONDS)
        if not one.ready:
            self._stillborn += 1
            if self._stillborn >= (_STILLBORN_LATER if self._begun else _STILLBORN):
                raise MidiprismError(
                    f"Worker processes end before they begin ({_ending(one.process.exitcode)}): "
                    "--workers 0 works without them."
                )
        death = self._death(one)
        again: list[Job] = []
        for job in one.jobs:
            if one.gauges[JOB] == job.number and one.gauges[STAGE]:
                again += self._after(job, death)
            else:
                again.append(job)
        self._waiting.extendleft(reversed(again))
        self._end(one)
        place = self._children.index(one)
        following = [self._start()] if len(self._children) <= self._workers else []
        with self._counting:
            self._children[place : place + 1] = following
            self._keep(one, one.settled)

    def _dismiss(self) -> None:
        """Let those go that are too many and have nothing in hand, and see who has gone."""
        for one in self._children[self._workers :]:
            if one.ready and not one.jobs:
                one.outbox.put(None)  # there is nothing more to do
                with self._counting:
                    self._children.remove(one)
                    self._leaving.append(one)
        for one in [one for one in self._leaving if not one.process.is_alive()]:
            with self._counting:
                self._leaving.remove(one)
                self._keep(one, counted(one.gauges))
            self._end(one)

    def _keep(self, one: _Child, counts: tuple[int, ...]) -> None:
        """Keep the numbers of a worker that is no more."""
        self._lost = added([self._lost, counts])
        self._lost_clocks = summed([self._lost_clocks, clocks(one.gauges).values()])

    def _death(self, one: _Child) -> Death:
        if one.timed_out:
            message = f"A worker spent more than {self._timeout:g} s on it, and so did another."
            return Death("timeout", f"{message} --timeout gives it more.", one.gauges[PARENT])
        message = f"A worker died on it ({_ending(one.process.exitcode)}), and so did another."
        return Death("crash", message, one.gauges[PARENT])

    def _after(self, job: Job, death: Death) -> list[Job]:
        """What to do with a batch that a worker died on."""
        job.kills += 1
        if job.kills < KILLS:
            return [job]
        if len(job.batch) == 1:
            replaces = self._duty.replaces
            self._done.append(given_up(job, death, CONTRACT_VERSION, replaces=replaces))
            return []
        pieces = []
        for batch in take_apart(job.batch, death.suspect):
            self._numbers += 1
            pieces.append(Job(self._numbers, batch, job.lease))
        return pieces

    def _end(self, one: _Child) -> None:
        if one.process.is_alive():
            one.process.kill()
        one.process.join(_END_SECONDS)
        one.outbox.close()
        one.pipe.close()
        if one.slots:
            one.slots.close()


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
