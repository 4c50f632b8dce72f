"""Defaults of a run that depend on the machine."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from midiprism.pipeline import group_commit as group
from midiprism.pipeline.planner import BatchLimits
from midiprism.pipeline.settings import Resources

_GC_THRESHOLD = 1_000_000


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits of the memory of a worker.

    Attributes:
        chunk_bytes: most bytes of songs that are read before they are split, unless one song has more.
        cached_digests: most digests of songs that a worker remembers as done.
        pending_bytes: most bytes of tracks that wait to be stored.
        pending_ns: longest time that tracks wait to be stored together with the time that storing them
            takes, so that progress stays visible on a slow disk.
        progress_interval_ns: minimum interval between storage progress updates.
        record_bytes: a batch whose tracks travel with its record ends early once they take so many bytes.
    """

    chunk_bytes: int = 16 << 20
    cached_digests: int = 65_536
    pending_bytes: int = 16 << 20
    pending_ns: int = 250_000_000
    progress_interval_ns: int = 100_000_000
    record_bytes: int = 64 << 20


WORKER_LIMITS = WorkerLimits()
"""The limits of workers, unless others are given."""

FIRST_SHARED_BATCH_SONGS = 50
"""Songs of the first batches where runs share a catalog; later ones are larger."""

BATCHES_PER_WORKER = 4
"""Batches that a worker has at once, the one in hand included: enough while a group is committed."""


@contextmanager
def infrequent_gc() -> Iterator[None]:
    """Let Python collect cyclic garbage rarely: records are many, and have no cycles."""
    before = gc.get_threshold()
    gc.freeze()  # without a collection before, which takes some 20 ms and finds next to nothing
    gc.set_threshold(_GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def cpus() -> int:
    """Return the number of processors that this process may use: its affinity, limited by its cgroup."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:
        usable = os.cpu_count() or 1
    granted = _cgroup_cpu_limit()
    return max(1, usable if granted is None else min(usable, granted))


def default_batch_size(*, shared: bool) -> int:
    """Return the default number of songs of a batch: few, so that little is done again after a crash.

    If workers commit their own batches, each batch is a transaction: then the number that was committed
    fastest, see ``benchmarks/commit_throughput.py``.

    Args:
        shared: whether several runs may share the catalog, so that workers commit.
    """
    return 1_000 if shared else 250


def batch_limits(
    resources: Resources, *, shared: bool, all_songs: int | None, group_songs: int | None
) -> BatchLimits:
    """Return the limits of the batches of a run.

    If runs share a catalog, the first batches are small: else the run that begins first would plan all of a
    small library.

    Args:
        resources: of the run.
        shared: whether several runs may share the catalog.
        all_songs: look at so many songs only; None for all.
        group_songs: songs of a commit that follows the plan; None where commits do not.
    """
    songs = resources.batch_songs or default_batch_size(shared=shared)
    if group_songs is not None:  # one group is committed while the next is made
        room = (resources.in_flight or group_songs) * songs // 2
        group_songs = max(songs, min(group_songs, room))
    first_songs = FIRST_SHARED_BATCH_SONGS if shared and resources.batch_songs is None else None
    return BatchLimits(songs, resources.batch_bytes, all_songs, group_songs, first_songs=first_songs)


def default_in_flight(workers: int, batch_songs: int, *, shared: bool) -> int:
    """Return the default limit of batches in flight.

    That is a batch in hand and one waiting for each worker, and two groups that are being committed. If runs
    share a catalog, no other run can have what this one has planned: then only as many as keep the workers
    busy while their last batches are committed.
    """
    if shared:
        return 2 + 3 * workers
    return 2 * workers + max(2, 2 * -(-group.MAX_GROUP_SONGS // batch_songs))


def _cgroup_cpu_limit() -> int | None:
    """Return the processors that a Linux container is granted, rounded up; None without a limit."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        return None
