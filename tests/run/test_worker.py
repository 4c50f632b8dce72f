from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import pytest

from midiprism.catalog import BatchRecord
from midiprism.library import Found, open_folders
from midiprism.meter.clocks import STORE
from midiprism.run import worker as module
from midiprism.run.gauges import GAUGES, IDLE, NO_PARENT, PARENT, STAGE, STORING, Gauges, clocks
from midiprism.run.plan import Batch
from midiprism.run.worker import Worker
from midiprism.smf.types import Split
from midiprism.store import GatheringStore, NullStore, Store, Stored
from support.fake import BASS, PIANO, fake_split, song, write

BAD = "Piano;Acoustic Grand Piano;bad;x"


class Choosy(GatheringStore):
    """A store that a name makes fail, until it is mended."""

    mended = False

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> Stored:
        if name == "bad" and not self.mended:
            raise ValueError("what a name")
        return super().put(data, digest, name, instrument, family)


class Watched(NullStore):
    """A store that tells when something is put."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> Stored:
        self._told()
        return super().put(data, digest, name, instrument, family)


def in_groups() -> tuple[Callable[[bytes], Split], Watched, list[int]]:
    """A splitter, a store, and how many songs were split each time before something was put."""
    waiting = [0]
    groups: list[int] = []

    def splitting(data: bytes) -> Split:
        waiting[0] += 1
        return fake_split(data)

    def putting() -> None:
        if waiting[0]:
            groups.append(waiting[0])
            waiting[0] = 0

    return splitting, Watched(putting), groups


_PATIENT_NS = 10**12


def work(
    folder: Path,
    songs: list[bytes],
    store: Store,
    split: Callable[[bytes], Split] = fake_split,
    patience_ns: int = _PATIENT_NS,
) -> tuple[Worker, Batch]:
    """A worker, and a batch of these songs in their order.

    Args:
        folder: is made, with the songs.
        songs: their bytes.
        store: puts them.
        split: splits them.
        patience_ns: that splits wait for others.
    """
    library = open_folders([write(folder, {f"{n:03}.mid": data for n, data in enumerate(songs)})])
    found = tuple(item for item in library.walk() if isinstance(item, Found))
    worker = Worker(library, store, split, lambda _: frozenset(), 1 << 20)
    worker._patience_ns = patience_ns
    return worker, found


def outcomes(record: BatchRecord) -> list[str | None]:
    return [parent.outcome for parent in record.parents]


def test_a_track_that_cannot_be_put_costs_its_songs_and_no_other(tmp_path: Path) -> None:
    store = Choosy(remembers=True)
    songs = [song(PIANO, BAD, BASS), song(BAD), song(PIANO), song(BASS, PIANO)]
    worker, found = work(tmp_path / "songs", songs, store)
    first = worker.work(found[:2])
    assert outcomes(first) == ["failed", "failed"]
    assert [parent.problems[0].code for parent in first.parents] == ["internal", "internal"]
    assert first.contents.size == 0, "no link leads to what else was put"
    second = worker.work(found[2:])
    assert outcomes(second) == ["split", "split"]
    linked = {link[-1][0] for parent in second.parents for link in parent.links}
    assert set(second.contents.digests) == linked, "it was not taken for known"
    assert len(linked) == 2


def test_a_track_that_can_be_put_later_in_a_batch_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Choosy(remembers=True)

    def mending(data: bytes) -> Split:
        store.mended = b"mend" in data
        return fake_split(data)

    monkeypatch.setattr(module, "_TOGETHER_BYTES", 0)  # each song by itself
    worker, found = work(tmp_path / "songs", [song(BAD), song(BAD, PIANO + "mend")], store, mending)
    record = worker.work(found)
    assert outcomes(record) == ["failed", "split"]
    assert len(record.contents.digests) == 2


@pytest.mark.parametrize(("most", "together"), [(1 << 20, 50), (60, 3), (0, 1)])
def test_splits_wait_to_be_put_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, together: int
) -> None:
    monkeypatch.setattr(module, "_TOGETHER_BYTES", most)
    splitting, store, held = in_groups()
    songs = [song(f"Piano;Acoustic Grand Piano;;{n:02}") for n in range(50)]  # 30 bytes each
    worker, found = work(tmp_path / "songs", songs, store, splitting)
    assert len(worker.work(found).parents) == 50
    assert sum(held) == 50
    assert max(held) == together


def test_where_putting_is_slow_no_more_wait_than_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_NS", _PATIENT_NS)
    splitting, store, groups = in_groups()
    songs = [song(PIANO + str(n)) for n in range(140)]
    worker, found = work(tmp_path / "songs", songs, store, splitting, patience_ns=0)

    def together(batch: Batch) -> list[int]:
        groups.clear()
        worker.work(batch)
        return list(groups)

    assert together(found[:70]) == [32, 38], "nobody knows before the first time how long it takes"
    monkeypatch.setattr(module, "_WAIT_NS", 0)  # it always takes longer
    assert together(found[70:75]) == [5]
    assert together(found[75:]) == [32, 32, 1], "of a batch before this one that is known"


def test_putting_is_told_while_it_goes_on_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TELL_NS", -1)  # each track takes longer
    told: list[int] = []
    store = Watched(lambda: told.append(clocks(worker.gauges).values()[2 * STORE]))
    worker, found = work(tmp_path / "songs", [song(PIANO + str(n), BASS + str(n)) for n in range(40)], store)
    began = perf_counter_ns()
    worker.work(found)
    passed = perf_counter_ns() - began
    assert len(told) == 80
    assert all(before < after for before, after in pairwise(told))
    assert told[-1] < clocks(worker.gauges).values()[2 * STORE] <= passed


def test_files_are_put_folder_by_folder_and_told_in_the_order_of_their_parents(tmp_path: Path) -> None:
    put: list[tuple[str, bytes]] = []

    class Listing(NullStore):
        def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> Stored:
            put.append((family, digest))
            return super().put(data, digest, name, instrument, family)

    songs = [song(part + str(n)) for n in range(40) for part in (PIANO, BASS)]
    worker, found = work(tmp_path / "songs", songs, Listing())
    record = worker.work(found)
    assert len(put) == 80
    assert len({family for family, _ in put}) == 2
    assert put == sorted(put)
    assert [parent.path for parent in record.parents] == [item.path for item in found]
    assert [link[-1][0] for parent in record.parents for link in parent.links] == [
        track.digest for data in songs for track in fake_split(data).tracks
    ]


def test_what_was_split_before_a_stop_is_put_and_told(tmp_path: Path) -> None:
    done = [0]

    def splitting(data: bytes) -> Split:
        done[0] += 1
        return fake_split(data)

    put: list[int] = []
    songs = [song(PIANO + str(n)) for n in range(50)]
    worker, found = work(tmp_path / "songs", songs, Watched(lambda: put.append(done[0])), splitting)
    worker.stop = lambda: done[0] >= 40
    record = worker.work(found)
    assert outcomes(record) == ["split"] * 40
    assert put == [40] * 40
    assert record.files_written == 40


def test_putting_and_handing_over_blame_no_parent(tmp_path: Path) -> None:
    gauges: Gauges = [0] * GAUGES
    seen: list[tuple[int, int]] = []

    def look(record: Any = None) -> Any:
        seen.append((gauges[PARENT], gauges[STAGE]))
        return record

    worker, found = work(tmp_path / "songs", [song(PIANO + str(n)) for n in range(5)], Watched(look))
    worker.gauges, worker.hand_over = gauges, look
    worker.work(found)
    assert seen == [(NO_PARENT, STORING)] * 6
    assert gauges[STAGE] == IDLE
