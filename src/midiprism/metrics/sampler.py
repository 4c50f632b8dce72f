"""Takes samples of a run, and of the machine under it, in a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Protocol

import psutil

from midiprism.metrics.devices import StorageLocation, read_device_io
from midiprism.metrics.snapshot import DeviceIo, RunSample, SampleWindow

PERIOD_SECONDS = 1.0
"""Seconds between two samples."""

_MAX_SAMPLES = 120
_BUSY_FIELDS = ("user", "nice", "system", "irq", "softirq")


class SampledRun(Protocol):
    """What only the run knows."""

    def sample(self) -> RunSample:
        """How far it is, with the times of its stages; without what the system tells."""

    def worker_pids(self) -> Collection[int]:
        """Numbers of the processes that split, without this one."""


class Sampler:
    """Takes a sample each ``period`` seconds while it is entered.

    Args:
        run: tells how far it is; it is asked in the sampler's thread.
        places: where source, output, catalogue and temporary files are, by their roles.
        period: seconds between two samples; None for ``PERIOD_SECONDS``.
    """

    def __init__(
        self, run: SampledRun, locations: Mapping[str, StorageLocation], period: float | None = None
    ) -> None:
        self._run = run
        self._devices = {place.device for place in locations.values() if place.device}
        self._period = PERIOD_SECONDS if period is None else period
        self._started = time.perf_counter()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._latest: deque[RunSample] = deque(maxlen=_MAX_SAMPLES)
        self._unrecorded: list[RunSample] = []
        self._own_process = psutil.Process()
        self._worker_processes: dict[int, psutil.Process] = {}
        self._worker_cpu: dict[int, float] = {}
        self._ended_workers_cpu = 0.0
        self._first_cores = _core_times()
        self._first_device_io = read_device_io(self._devices)
        self._first_own_cpu = _cpu_seconds(self._own_process)
        self._metering_cpu = 0.0

    def __enter__(self) -> "Sampler":
        self.take_sample()
        self._thread = threading.Thread(target=self._loop, name="midiprism-meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def take_sample(self) -> RunSample:
        """A sample of this moment, which is kept with the others."""
        began = time.thread_time()
        with self._lock:
            cores, stolen = _core_times()
            first_cores, first_stolen = self._first_cores
            memory, worker_cpu = self._measure_processes()
            sample = replace(
                self._run.sample(),
                elapsed_seconds=time.perf_counter() - self._started,
                worker_cpu=worker_cpu,
                coordinator_cpu=_cpu_seconds(self._own_process) - self._first_own_cpu,
                core_busy_seconds=tuple(now - then for now, then in zip(cores, first_cores, strict=False)),
                stolen=stolen - first_stolen,
                devices=self._device_io(),
                memory_bytes=memory,
                available_bytes=psutil.virtual_memory().available,
                metering_cpu=self._metering_cpu,
            )
            self._latest.append(sample)
            self._unrecorded.append(sample)
            self._metering_cpu += time.thread_time() - began
        return sample

    def take_unrecorded(self) -> list[RunSample]:
        """The samples since this was asked last."""
        with self._lock:
            samples, self._unrecorded = self._unrecorded, []
        return samples

    def window(self, seconds: float) -> SampleWindow | None:
        """About the last so many seconds, or as many as there are; None before the second sample."""
        with self._lock:
            samples = list(self._latest)
        if len(samples) < 2:
            return None
        last = samples[-1]
        first = next(
            (one for one in samples[:-1] if last.elapsed_seconds - one.elapsed_seconds <= seconds),
            samples[-2],
        )
        return SampleWindow(first, last)

    def _loop(self) -> None:
        while not self._stopping.wait(self._period):
            self.take_sample()

    def _measure_processes(self) -> tuple[int, float]:
        """Memory of all our processes, what they share not counted twice, and processor time of workers."""
        alive = set(self._run.worker_pids())
        for pid in [pid for pid in self._worker_processes if pid not in alive]:
            del self._worker_processes[pid]
            self._ended_workers_cpu += self._worker_cpu.pop(pid, 0.0)
        memory, shared = _memory_bytes(self._own_process)
        for pid in alive:
            try:
                if pid not in self._worker_processes:
                    self._worker_processes[pid] = psutil.Process(pid)
                process = self._worker_processes[pid]
                self._worker_cpu[pid] = _cpu_seconds(process)
                own, also = _memory_bytes(process)
            except psutil.Error:  # it has just ended
                continue
            memory += own
            shared = max(shared, also)
        return memory + shared, self._ended_workers_cpu + sum(self._worker_cpu.values())

    def _device_io(self) -> Mapping[str, DeviceIo]:
        now = read_device_io(self._devices)
        return {
            name: DeviceIo(*(after - before for before, after in zip(first, now[name], strict=True)))  # type: ignore[arg-type]
            for name, first in self._first_device_io.items()
            if name in now
        }


def _cpu_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _memory_bytes(process: psutil.Process) -> tuple[int, int]:
    """Bytes that are a process's own, and that it may share with others."""
    used = process.memory_info()
    shared = min(used.rss, getattr(used, "shared", 0))
    return used.rss - shared, shared


def _core_times() -> tuple[list[float], float]:
    """Busy seconds of each processor since the machine was started, and seconds that were stolen."""
    cores = psutil.cpu_times(percpu=True)
    busy = [sum(getattr(core, name, 0.0) for name in _BUSY_FIELDS) for core in cores]
    return busy, float(sum(getattr(core, "steal", 0.0) for core in cores))
