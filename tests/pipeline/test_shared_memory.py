import errno
import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from multiprocessing.connection import Connection

import pytest

from midiprism.catalog import BatchRecord
from midiprism.pipeline.executors.processes.shared_memory import SLOT_BYTES, Slots, new_slots
from midiprism.records.batches import pack_tracks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such memory")

COUNT = 3


def batch(*contents: bytes) -> BatchRecord:
    named = {data[:32]: data for data in contents}
    return BatchRecord(packed_tracks=pack_tracks(named))


BATCHES = [
    batch(b"one", b"two" * 100),
    batch(),
    batch(b""),
    batch(bytes(SLOT_BYTES)),
    batch(bytes(SLOT_BYTES + 1)),
    batch(b"last", b"", b"of all"),
    *(batch(b"%d" % number * 1000) for number in range(2 * COUNT)),
]


def send(pipe: Connection, slots: Slots) -> None:
    for record in BATCHES:
        pipe.recv()
        pipe.send(slots.put(record))
    slots.close()


def test_tracks_are_sent_to_another_process() -> None:
    slots = new_slots(COUNT)
    assert slots is not None
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=send, args=(theirs, slots), daemon=True)
    process.start()
    got, crossed = [], []
    for step in range(len(BATCHES) + COUNT):
        if step >= COUNT:  # all slots are in transit
            record = ours.recv()
            crossed.append(len(record.packed_tracks.data))
            got.append(slots.take(record))
        if step < len(BATCHES):
            ours.send(None)
    process.join()
    slots.close()
    assert got == BATCHES
    assert crossed == [0, 0, 0, 0, SLOT_BYTES + 1, *[0] * (1 + 2 * COUNT)]


def test_tracks_larger_than_a_slot_stay_in_their_record() -> None:
    slots = new_slots(1)
    assert slots is not None
    large = batch(bytes(SLOT_BYTES + 1))
    assert slots.put(large) is large
    assert slots.take(large) is large
    slots.close()


def test_a_system_without_memfd_has_no_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    assert new_slots(COUNT) is None


@pytest.mark.parametrize("call", ["os.memfd_create", "os.ftruncate", "mmap.mmap"])
def test_a_system_without_free_memory_has_no_slots(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.ENOMEM, "there is none")

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(call, refuse)
    assert new_slots(COUNT) is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_module_can_be_imported_without_descriptor_passing() -> None:
    program = (
        "import multiprocessing.reduction as it, sys; del it.DupFd; it.__all__.remove('DupFd'); "
        "import midiprism.pipeline.executors.processes.shared_memory"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_record_in_a_slot_differs_only_in_its_data() -> None:
    slots = new_slots(COUNT)
    assert slots is not None
    sent = slots.put(BATCHES[0])
    assert sent == replace(BATCHES[0], packed_tracks=BATCHES[0].packed_tracks._replace(data=b""))
    slots.close()
