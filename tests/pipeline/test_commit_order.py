from collections.abc import Sequence

from midiprism.catalog import BatchRecord
from midiprism.pipeline.batch import Batch, FinishedBatch, PlannedBatch
from midiprism.pipeline.commit_order import CommitOrder
from midiprism.sources import SongRef


def songs(*numbers: int) -> Batch:
    return tuple(SongRef(b"/%03d" % number, 1, 10, 0) for number in numbers)


def finished(*numbers: int) -> FinishedBatch:
    return FinishedBatch(songs(*numbers), BatchRecord())


def paths(batches: Sequence[FinishedBatch]) -> list[int]:
    return [int(song.path[1:]) for batch in batches for song in batch.batch]


def order_of(*planned: PlannedBatch) -> CommitOrder:
    order = CommitOrder()
    for batch in planned:
        order.expect(batch)
    return order


PLAN = (
    PlannedBatch(songs(1, 2)),
    PlannedBatch(songs(3, 4), ends_group=True),
    PlannedBatch(songs(5, 6)),
    PlannedBatch(songs(7), ends_group=True),
)


def test_a_group_is_complete_once_all_its_batches_are_finished() -> None:
    order = order_of(*PLAN)
    order.add([finished(7), finished(3, 4)])
    assert order.take_group() == []
    order.add([finished(1, 2)])
    assert paths(order.take_group()) == [1, 2, 3, 4]
    assert order.take_group() == []
    assert order.batch_count == 1
    order.add([finished(5, 6)])
    assert paths(order.take_group()) == [5, 6, 7]
    assert order.batch_count == 0


def test_pieces_of_a_batch_are_brought_into_order() -> None:
    order = order_of(*PLAN)
    order.add([finished(4), finished(2), finished(5)])
    order.add([finished(3), finished(1)])
    assert paths(order.take_group()) == [1, 2, 3, 4]
    order.add([finished(7), finished(6)])
    assert paths(order.take_group()) == [5, 6, 7]


def test_all_are_taken_in_order_over_gaps_which_may_be_filled_later() -> None:
    order = order_of(*PLAN)
    order.add([finished(7), finished(1, 2), finished(5)])
    assert paths(order.take_all()) == [1, 2, 5, 7]
    assert order.take_all() == []
    order.add([finished(6), finished(3, 4)])
    assert paths(order.take_group()) == [3, 4]
    assert paths(order.take_group()) == [6]
    assert order.batch_count == 0


def test_a_path_may_be_planned_again_after_it_was_taken() -> None:
    order = order_of(PlannedBatch(songs(1)), PlannedBatch(songs(2)))
    order.add([finished(1), finished(2)])
    assert paths(order.take_all()) == [1, 2]
    order.expect(PlannedBatch(songs(1), ends_group=True))
    order.add([finished(1)])
    assert paths(order.take_group()) == [1]
