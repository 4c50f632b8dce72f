"""Memory that a worker and the coordinator share, through which tracks cross without a pipe.

There is a slot for each batch that a worker may have. Both sides use the slots in turn, also for batches
without tracks, and a batch is handed out only after the previous answer in its slot was taken. So neither
side waits for a slot, or announces that it is free.
"""

import mmap
import os
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import reduction
from typing import Any

from midiprism.catalog import BatchRecord

SLOT_BYTES = 16 << 20
"""If the tracks of a batch are larger, they cross through the pipe."""


class Slots:
    """One end of the slots; the other end is a pickle of it, made while a process is being started.

    Args:
        count: number of slots.
        descriptor: of their memory; it is closed with them, also if they cannot be made.

    Raises:
        OSError: the system has too little memory.
    """

    def __init__(self, count: int, descriptor: int) -> None:
        self._count = count
        self._descriptor = descriptor
        self._slots_used = 0
        try:
            os.ftruncate(descriptor, count * SLOT_BYTES)
            self._memory = mmap.mmap(descriptor, count * SLOT_BYTES)
        except BaseException:
            os.close(descriptor)
            raise

    def __reduce__(self) -> tuple[Callable[[int, Any], "Slots"], tuple[int, Any]]:
        return _attach, (self._count, reduction.DupFd(self._descriptor))

    def put(self, record: BatchRecord) -> BatchRecord:
        """Put the tracks of a batch into the next slot, and return the batch without them.

        A batch whose tracks do not fit is returned as it is.
        """
        start = self._next_offset()
        contents = record.packed_tracks
        if not 0 < contents.size <= SLOT_BYTES:
            return record
        self._memory[start : start + contents.size] = contents.data
        return replace(record, packed_tracks=contents._replace(data=b""))

    def take(self, record: BatchRecord) -> BatchRecord:
        """Return the batch with its tracks, from the next slot if they are there."""
        start = self._next_offset()
        contents = record.packed_tracks
        if not contents.size or contents.data:
            return record
        octets = self._memory[start : start + contents.size]
        return replace(record, packed_tracks=contents._replace(data=octets))

    def close(self) -> None:
        """Release this end."""
        self._memory.close()
        os.close(self._descriptor)

    def _next_offset(self) -> int:
        """Return the offset of the next slot."""
        start = self._slots_used % self._count * SLOT_BYTES
        self._slots_used += 1
        return start


def new_slots(count: int) -> Slots | None:
    """Return slots for so many batches; None if the system gives no such memory, so that tracks cross through
    the pipe."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        return Slots(count, os.memfd_create("midiprism-slots", os.MFD_CLOEXEC))
    except OSError:
        return None


def _attach(count: int, duplicate: Any) -> Slots:
    return Slots(count, duplicate.detach())
