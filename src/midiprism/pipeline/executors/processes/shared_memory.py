"""Memory that a worker and the coordinator share, in which contents cross without a pipe.

There is a slot for each batch that a worker may have in hand and not answered. They are used in turn on both
sides, by batches without contents too, and a batch is handed out once the answer before it in its slot was
taken: so nobody has to wait for one, or to say that it is free.
"""

import mmap
import os
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import reduction
from typing import Any

from midiprism.catalog import BatchRecord

SLOT_BYTES = 16 << 20
"""Contents of a batch that are more cross by the pipe."""


class Slots:
    """One end of them; the other is a pickle of it, made while a process is being started.

    Args:
        count: how many.
        descriptor: of their memory, which is closed with them, and if they cannot be made.

    Raises:
        OSError: the system has no room for them.
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
        """Put a batch's contents into the next slot; the batch without them, unless they are too many."""
        start = self._next_offset()
        contents = record.packed_tracks
        if not 0 < contents.size <= SLOT_BYTES:
            return record
        self._memory[start : start + contents.size] = contents.data
        return replace(record, packed_tracks=contents._replace(data=b""))

    def take(self, record: BatchRecord) -> BatchRecord:
        """The batch with the contents that are in the next slot, if they are there."""
        start = self._next_offset()
        contents = record.packed_tracks
        if not contents.size or contents.data:
            return record
        octets = self._memory[start : start + contents.size]
        return replace(record, packed_tracks=contents._replace(data=octets))

    def close(self) -> None:
        """Let go of this end."""
        self._memory.close()
        os.close(self._descriptor)

    def _next_offset(self) -> int:
        """Where the next slot begins."""
        start = self._slots_used % self._count * SLOT_BYTES
        self._slots_used += 1
        return start


def new_slots(count: int) -> Slots | None:
    """Slots for as many batches; None where the system has no such memory, or gives none: then contents cross
    by the pipe."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        return Slots(count, os.memfd_create("midiprism-slots", os.MFD_CLOEXEC))
    except OSError:
        return None


def _attach(count: int, duplicate: Any) -> Slots:
    return Slots(count, duplicate.detach())
