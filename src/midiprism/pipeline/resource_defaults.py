"""What the machine has that a run's defaults depend on."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

from midiprism.pipeline import group_commit as group

_GC_THRESHOLD = 1_000_000

BATCHES_PER_WORKER = 4
"""Batches that a worker has, the one in hand among them: as many as it does while a group is committed."""


@contextmanager
def infrequent_gc() -> Iterator[None]:
    """Let Python look for cyclic garbage rarely: records are many, and have no cycles."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def cpus() -> int:
    """How many processors this process may use: of those it may run on, as many as its group is granted."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:
        usable = os.cpu_count() or 1
    granted = _cgroup_cpu_limit()
    return max(1, usable if granted is None else min(usable, granted))


def default_batch_size(*, shared: bool) -> int:
    """Small enough that little is done again after a crash.

    Where workers commit their own batches, each is a transaction of its own: then as many as were committed
    fastest, see ``benchmarks/commit_throughput.py``.
    """
    return 1_000 if shared else 250


def default_in_flight(workers: int, batch_songs: int, *, shared: bool) -> int:
    """A batch in hand and one waiting for each worker, and two groups of those that are being committed.

    Where runs share a catalogue, what one has planned the others cannot have: then as few as keep the workers
    busy while their last ones are committed.
    """
    if shared:
        return 2 + 3 * workers
    return 2 * workers + max(2, 2 * -(-group.MAX_GROUP_SONGS // batch_songs))


def _cgroup_cpu_limit() -> int | None:
    """Whole processors that a container of Linux is granted, rounded up; None where nothing says so."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        return None
