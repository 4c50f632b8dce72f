"""The order of commits: finished batches come back in any order, and are committed as they were planned.

Where a commit writes files with many tracks, the order of the commits and the songs in each determine those
files. So that equal runs write equal files, with any number of workers, both follow the plan alone.
"""

import heapq
from collections import deque
from collections.abc import Iterable

from midiprism.pipeline.batch import FinishedBatch, PlannedBatch


class CommitOrder:
    """Holds finished batches until all planned before them are finished, and divides them into groups.

    A batch may come back in pieces, each of which has a part of its songs.
    """

    def __init__(self) -> None:
        self._positions: dict[bytes, int] = {}
        self._group_ends: deque[int] = deque()
        self._planned_songs = 0
        self._finished_songs = 0
        self._in_order: deque[tuple[int, FinishedBatch]] = deque()
        self._ahead: list[tuple[int, FinishedBatch]] = []
        self._taken_ahead: dict[int, int] = {}
        self._bytes = 0

    @property
    def batch_count(self) -> int:
        """Number of finished batches that are held."""
        return len(self._in_order) + len(self._ahead)

    @property
    def track_bytes(self) -> int:
        """Bytes of the tracks of the batches that are held."""
        return self._bytes

    def expect(self, planned: PlannedBatch) -> None:
        """Note that a batch is the next one in the plan."""
        for song_ref in planned.batch:
            self._positions[song_ref.path] = self._planned_songs
            self._planned_songs += 1
        if planned.ends_group:
            self._group_ends.append(self._planned_songs)

    def add(self, finished: Iterable[FinishedBatch]) -> None:
        """Hold finished batches, or pieces of them."""
        for batch in finished:
            self._bytes += batch.record.packed_tracks.size
            # No two pieces begin with the same song, so that batches themselves are never compared.
            heapq.heappush(self._ahead, (self._positions[batch.batch[0].path], batch))
        while True:
            if self._ahead and self._ahead[0][0] == self._finished_songs:
                self._in_order.append(heapq.heappop(self._ahead))
                self._finished_songs += len(self._in_order[-1][1].batch)
            elif self._finished_songs in self._taken_ahead:
                self._finished_songs += self._taken_ahead.pop(self._finished_songs)
            else:
                return

    def take_group(self) -> list[FinishedBatch]:
        """Return the batches of the next group, and hold them no longer; none if some are not finished."""
        if not self._group_ends or self._finished_songs < self._group_ends[0]:
            return []
        end = self._group_ends.popleft()
        group = []
        while self._in_order and self._in_order[0][0] < end:
            group.append(self._release(self._in_order.popleft()[1]))
        return group

    def take_all(self) -> list[FinishedBatch]:
        """Return all batches in the order of the plan, and hold them no longer.

        Some that were planned before them may be unfinished: they come later, or never if the run is stopped.
        """
        ahead = sorted(self._ahead, key=lambda item: item[0])
        self._taken_ahead |= {position: len(batch.batch) for position, batch in ahead}
        batches = [batch for _, batch in (*self._in_order, *ahead)]
        self._in_order.clear()
        self._ahead.clear()
        return [*map(self._release, batches)]

    def _release(self, batch: FinishedBatch) -> FinishedBatch:
        for song_ref in batch.batch:
            del self._positions[song_ref.path]
        self._bytes -= batch.record.packed_tracks.size
        return batch
