"""Reads the songs of a batch, a few at a time, before they are split."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import accumulate

from midiprism.errors import MidiprismError
from midiprism.metrics.stage_timers import RunQueueClock, ThreadTimes
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.record_builder import internal_error
from midiprism.pipeline.shared_counters import SONG_INDEX, STAGE, STAGE_READING, SharedCounters
from midiprism.pipeline.worker_times import WorkerTimes
from midiprism.sources import SongContent, SongRef, Source, UnreadableError

SONGS_PER_CHUNK = 32
"""Songs that are read before they are split, while they are still in the processor's cache."""

READ_THREADS = 8
SLOW_READ_NS = 200_000
"""Most waiting for a song that is read from memory; a disk makes it wait many times as long."""
CHUNKS_BETWEEN_MEASUREMENTS = 16

ReadSongs = list[SongContent | UnreadableError]
BatchChunk = tuple[int, Batch, ReadSongs]
"""Index of the first song of a part of a batch, the songs of the part, and their contents."""

EMPTY_CHUNK: BatchChunk = 0, (), []


class BatchReader:
    """Reads the songs of a batch, a few at a time.

    How long reads wait decides how they are made: a disk serves several at once faster than one after the
    other, but for files in memory threads only cost time, also where processors are short.

    Args:
        source: reads songs.
        input_limit: songs of more bytes are not loaded.
        chunk_bytes: most bytes of songs that are read at once, unless one has more.
    """

    def __init__(self, source: Source, input_limit: int, chunk_bytes: int) -> None:
        self._source = source
        self._input_limit = input_limit
        self._chunk_bytes = chunk_bytes
        self._chunks_to_prefetch = 0
        self._thread_pool: ThreadPoolExecutor | None = None
        self._run_queue_clock = RunQueueClock()

    def timed_chunks(
        self, batch: Batch, stop: Callable[[], bool], counters: SharedCounters, times: WorkerTimes
    ) -> Iterator[BatchChunk]:
        """Yield the parts of a batch and an empty one at the end; time reads and the work between them."""
        chunks = self.chunks(batch, stop, counters)
        chunk: BatchChunk | None = EMPTY_CHUNK
        times.begin_batch()
        while chunk is not None:
            chunk = next(chunks, None)
            times.end_read()
            yield EMPTY_CHUNK if chunk is None else chunk
            times.count()

    def chunks(
        self, batch: Batch, stop: Callable[[], bool], counters: SharedCounters
    ) -> Iterator[BatchChunk]:
        """Yield the parts of a batch, until ``stop()`` is true."""
        if batch:
            with suppress(Exception):  # reading the song says what is wrong
                self._source.seek(batch[0])  # not timed: the song is not to blame
        ahead: Callable[[], ReadSongs] | None = None  # waits for the next songs, one or more
        first = 0
        while first < len(batch):
            counters[STAGE] = STAGE_READING
            counters[SONG_INDEX] = first
            part = batch[first : first + SONGS_PER_CHUNK]
            contents = ahead() if ahead else self._read_sequentially(part, first, stop, counters)
            if stop():
                return
            after = first + len(contents)
            following = batch[after : after + SONGS_PER_CHUNK]
            ahead = self._prefetch(following) if self._chunks_to_prefetch and following else None
            yield first, batch[first:after], contents
            first = after

    def _read_sequentially(
        self, chunk: Batch, first: int, stop: Callable[[], bool], counters: SharedCounters
    ) -> ReadSongs:
        began = ThreadTimes.now(self._run_queue_clock)

        def may_read(index: int) -> bool:
            counters[SONG_INDEX] = first + index
            return not stop()

        contents = self._read_in_order(chunk, may_read)
        waited_ns = ThreadTimes.now(self._run_queue_clock).waited_ns_since(began)
        slow = waited_ns > SLOW_READ_NS * len(contents)
        self._chunks_to_prefetch = CHUNKS_BETWEEN_MEASUREMENTS if slow else 0
        return contents

    def _read_in_order(self, chunk: Batch, may_read: Callable[[int], bool] = lambda _: True) -> ReadSongs:
        """Read the first song, and those after it until they take too much memory together."""
        contents: ReadSongs = []
        size = 0
        for index, song_ref in enumerate(chunk):
            if size > self._chunk_bytes or not may_read(index):
                break
            contents.append(self._read(song_ref))
            size += len(getattr(contents[-1], "data", None) or b"")
        return contents

    def _prefetch(self, chunk: Batch) -> Callable[[], ReadSongs]:
        """Read a part in threads while another is split. Now and then reads are measured again."""
        self._chunks_to_prefetch -= 1
        if self._thread_pool is None:
            self._thread_pool = ThreadPoolExecutor(READ_THREADS, "midiprism-read")
        if not all(song_ref.member is None or song_ref.member.size_is_exact for song_ref in chunk):
            # Songs of unknown sizes are read one after the other.
            return self._thread_pool.submit(self._read_in_order, chunk).result
        ends = accumulate(song_ref.size for song_ref in chunk)
        count = max(1, sum(end <= self._chunk_bytes for end in ends))
        futures = [self._thread_pool.submit(self._read, song_ref) for song_ref in chunk[:count]]
        return lambda: [future.result() for future in futures]

    def _read(self, song_ref: SongRef) -> SongContent | UnreadableError:
        try:
            return self._source.read(song_ref, self._input_limit)
        except UnreadableError as error:
            return error
        except MidiprismError:  # not about this song
            raise
        except Exception as error:  # noqa: BLE001 - a bug of a source costs this song, never the run
            return UnreadableError("internal", internal_error(error).message)

    def close(self) -> None:
        """End the threads, without waiting for a read that hangs, and close the clock."""
        self._run_queue_clock.close()
        if self._thread_pool is not None:
            with suppress(RuntimeError):
                self._thread_pool.shutdown(wait=False, cancel_futures=True)
