"""Takes samples of a run, and of the machine under it, in a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Protocol

import psutil

from midiprism.meter.devices import Place, traffic
from midiprism.meter.sample import Sample, Traffic, Window

PERIOD = 1.0
"""Seconds between two samples."""

_KEPT = 120
_BUSY = ("user", "nice", "system", "irq", "softirq")


class Run(Protocol):
    """What only the run knows."""

    def sample(self) -> Sample:
        """How far it is, with the times of its stages; without what the system tells."""

    def pids(self) -> Collection[int]:
        """Numbers of the processes that split, without this one."""


class Sampler:
    """Takes a sample each ``period`` seconds while it is entered.

    Args:
        run: tells how far it is; it is asked in the sampler's thread.
        places: where source, output, catalogue and temporary files are, by their roles.
        period: seconds between two samples; None for ``PERIOD``.
    """

    def __init__(self, run: Run, places: Mapping[str, Place], period: float | None = None) -> None:
        self._run = run
        self._devices = {place.device for place in places.values() if place.device}
        self._period = PERIOD if period is None else period
        self._began = time.perf_counter()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._latest: deque[Sample] = deque(maxlen=_KEPT)
        self._unrecorded: list[Sample] = []
        self._own = psutil.Process()
        self._workers: dict[int, psutil.Process] = {}
        self._used: dict[int, float] = {}
        self._used_by_gone = 0.0
        self._first_cores = _cores()
        self._first_traffic = traffic(self._devices)
        self._first_own = _cpu(self._own)
        self._cost = 0.0

    def __enter__(self) -> "Sampler":
        self.take()
        self._thread = threading.Thread(target=self._go, name="midiprism-meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def take(self) -> Sample:
        """A sample of this moment, which is kept with the others."""
        began = time.thread_time()
        with self._lock:
            cores, stolen = _cores()
            first_cores, first_stolen = self._first_cores
            memory, worker_cpu = self._processes()
            sample = replace(
                self._run.sample(),
                at=time.perf_counter() - self._began,
                worker_cpu=worker_cpu,
                coordinator_cpu=_cpu(self._own) - self._first_own,
                cores=tuple(now - then for now, then in zip(cores, first_cores, strict=False)),
                stolen=stolen - first_stolen,
                devices=self._traffic(),
                memory=memory,
                available=psutil.virtual_memory().available,
                metering=self._cost,
            )
            self._latest.append(sample)
            self._unrecorded.append(sample)
            self._cost += time.thread_time() - began
        return sample

    def unrecorded(self) -> list[Sample]:
        """The samples since this was asked last."""
        with self._lock:
            samples, self._unrecorded = self._unrecorded, []
        return samples

    def window(self, seconds: float) -> Window | None:
        """About the last so many seconds, or as many as there are; None before the second sample."""
        with self._lock:
            samples = list(self._latest)
        if len(samples) < 2:
            return None
        last = samples[-1]
        first = next((one for one in samples[:-1] if last.at - one.at <= seconds), samples[-2])
        return Window(first, last)

    def _go(self) -> None:
        while not self._ended.wait(self._period):
            self.take()

    def _processes(self) -> tuple[int, float]:
        """Memory of all our processes, what they share not counted twice, and processor time of workers."""
        alive = set(self._run.pids())
        for pid in [pid for pid in self._workers if pid not in alive]:
            del self._workers[pid]
            self._used_by_gone += self._used.pop(pid, 0.0)
        memory, shared = _memory(self._own)
        for pid in alive:
            try:
                if pid not in self._workers:
                    self._workers[pid] = psutil.Process(pid)
                process = self._workers[pid]
                self._used[pid] = _cpu(process)
                own, also = _memory(process)
            except psutil.Error:  # it has just ended
                continue
            memory += own
            shared = max(shared, also)
        return memory + shared, self._used_by_gone + sum(self._used.values())

    def _traffic(self) -> Mapping[str, Traffic]:
        now = traffic(self._devices)
        return {
            name: Traffic(*(after - before for before, after in zip(first, now[name], strict=True)))  # type: ignore[arg-type]
            for name, first in self._first_traffic.items()
            if name in now
        }


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Bytes that are a process's own, and that it may share with others."""
    used = process.memory_info()
    shared = min(used.rss, getattr(used, "shared", 0))
    return used.rss - shared, shared


def _cores() -> tuple[list[float], float]:
    """Busy seconds of each processor since the machine was started, and seconds that were stolen."""
    cores = psutil.cpu_times(percpu=True)
    busy = [sum(getattr(core, name, 0.0) for name in _BUSY) for core in cores]
    return busy, float(sum(getattr(core, "steal", 0.0) for core in cores))
