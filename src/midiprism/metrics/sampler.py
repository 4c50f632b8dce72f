"""Take samples of a run and of the machine, in a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple, Protocol

import psutil

from midiprism.metrics.devices import StorageLocation, read_device_io
from midiprism.metrics.snapshot import DeviceIo, RunSample, SampleWindow

PERIOD_SECONDS = 1.0
"""Time between two samples."""

_MAX_SAMPLES = 120
_BUSY_FIELDS = ("user", "nice", "system", "irq", "softirq")


class SampledRun(Protocol):
    """A run that can be sampled."""

    def sample(self) -> RunSample:
        """Return the fields that only the run knows; the sampler adds those of the system."""

    def worker_pids(self) -> Collection[int]:
        """Return the process ids of the workers, without this process."""


class Sampler:
    """Takes a sample every ``period_seconds`` while it is entered as a context manager.

    Args:
        run: the run; it is asked in the sampler's thread.
        locations: where source, output, catalog and temporary files are, by role.
        period_seconds: time between two samples; None for ``PERIOD_SECONDS``.
    """

    def __init__(
        self, run: SampledRun, locations: Mapping[str, StorageLocation], period_seconds: float | None = None
    ) -> None:
        self._run = run
        self._devices = {location.device for location in locations.values() if location.device}
        self._period_seconds = PERIOD_SECONDS if period_seconds is None else period_seconds
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
        self._first_cores = _read_core_times()
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
        """Take a sample now, keep it with the others, and return it."""
        cpu_before = time.thread_time()
        with self._lock:
            cores, first = _read_core_times(), self._first_cores
            memory, worker_cpu = self._measure_processes()
            sample = replace(
                self._run.sample(),
                elapsed_seconds=time.perf_counter() - self._started,
                worker_cpu=worker_cpu,
                coordinator_cpu=_cpu_seconds(self._own_process) - self._first_own_cpu,
                core_busy_seconds=tuple(
                    now - then for now, then in zip(cores.busy, first.busy, strict=False)
                ),
                stolen=cores.stolen - first.stolen,
                devices=self._device_io(),
                memory_bytes=memory,
                available_bytes=psutil.virtual_memory().available,
                metering_cpu=self._metering_cpu,
            )
            self._latest.append(sample)
            self._unrecorded.append(sample)
            self._metering_cpu += time.thread_time() - cpu_before
        return sample

    def take_unrecorded(self) -> list[RunSample]:
        """Return the samples since the last call of this method."""
        with self._lock:
            samples, self._unrecorded = self._unrecorded, []
        return samples

    def window(self, seconds: float) -> SampleWindow | None:
        """Return the last ``seconds``, or all there is if that is less; None before the second sample."""
        with self._lock:
            samples = list(self._latest)
        if len(samples) < 2:
            return None
        last = samples[-1]
        oldest = last.elapsed_seconds - seconds
        first = next((sample for sample in samples[:-1] if sample.elapsed_seconds >= oldest), samples[-2])
        return SampleWindow(first, last)

    def _loop(self) -> None:
        while not self._stopping.wait(self._period_seconds):
            self.take_sample()

    def _measure_processes(self) -> tuple[int, float]:
        """Return the memory of all processes, with shared memory once, and the processor time of workers."""
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
                private, process_shared = _memory_bytes(process)
            except psutil.Error:  # the process has just ended
                continue
            memory += private
            shared = max(shared, process_shared)
        return memory + shared, self._ended_workers_cpu + sum(self._worker_cpu.values())

    def _device_io(self) -> Mapping[str, DeviceIo]:
        now = read_device_io(self._devices)
        return {name: now[name].since(first) for name, first in self._first_device_io.items() if name in now}


def _cpu_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _memory_bytes(process: psutil.Process) -> tuple[int, int]:
    """Return the private bytes of a process, and those that it may share with others."""
    used = process.memory_info()
    shared = min(used.rss, getattr(used, "shared", 0))
    return used.rss - shared, shared


class _CoreTimes(NamedTuple):
    """Busy seconds of each processor since the machine was started, and seconds stolen from all of them."""

    busy: list[float]
    stolen: float


def _read_core_times() -> _CoreTimes:
    cores = psutil.cpu_times(percpu=True)
    return _CoreTimes(
        busy=[sum(getattr(core, name, 0.0) for name in _BUSY_FIELDS) for core in cores],
        stolen=float(sum(getattr(core, "steal", 0.0) for core in cores)),
    )
