"""A worker that splits songs only to digest their tracks: nothing is stored, and no texts are read."""

import time
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from blake3 import blake3

from midiprism.pipeline.batch import Batch
from midiprism.pipeline.batch_reader import BatchReader, ReadSongs
from midiprism.pipeline.record_builder import FailedSong
from midiprism.pipeline.resource_defaults import WORKER_LIMITS, WorkerLimits
from midiprism.pipeline.shared_counters import (
    BATCH_NUMBER,
    NO_SONG,
    SONG_INDEX,
    SONGS_DONE,
    SONGS_FAILED,
    STAGE,
    STAGE_IDLE,
    STAGE_SPLITTING,
    TRACKS,
    SharedCounters,
)
from midiprism.pipeline.splitter import BytesSplitter
from midiprism.pipeline.worker import split_or_fail
from midiprism.pipeline.worker_times import WorkerTimes
from midiprism.records.batches import BatchRecord, Columns, Lease
from midiprism.records.fields import ProblemRecord
from midiprism.smf.types import CONTRACT_VERSION
from midiprism.sources import Source, UnreadableError


class DigestingWorker:
    """Reads and splits the songs of batches, each content of a batch once, and digests their tracks.

    Args:
        source: reads songs.
        split_bytes: returns the bytes of the tracks of a song; it may raise CorruptMidiError.
        input_limit: songs of more bytes are not loaded.
        stop: once true, a batch ends after the song in hand.
        on_song: called for every song.
        counters: in which the worker counts its work.
        limits: bounds on its memory.
    """

    def __init__(
        self,
        source: Source,
        split_bytes: BytesSplitter,
        input_limit: int,
        *,
        stop: Callable[[], bool],
        on_song: Callable[[], None],
        counters: SharedCounters,
        limits: WorkerLimits = WORKER_LIMITS,
    ) -> None:
        self._split_bytes = split_bytes
        self._input_limit = input_limit
        self._stop = stop
        self._on_song = on_song
        self.counters = counters
        self._reader = BatchReader(source, input_limit, limits.chunk_bytes)
        self._times = WorkerTimes(counters)

    def close(self) -> None:
        """End the threads and clocks of reading."""
        self._reader.close()
        self._times.close()

    def process_batch(
        self,
        batch: Batch,
        batch_number: int = 0,
        lease: Lease | None = None,
        *,
        in_order: bool = True,  # noqa: ARG002 - nothing is kept from one batch to the next
    ) -> BatchRecord:
        """Split the songs of a batch, and return their digests and those of their tracks.

        Returns:
            A record whose songs have the columns ``digest``, ``outcome`` and ``problems``, and whose tracks
            have ``digest``. An outcome says no more than whether the song could be split.
        """
        started = time.perf_counter()
        self.counters[BATCH_NUMBER] = batch_number
        songs: list[tuple[bytes | None, str, tuple[ProblemRecord, ...]]] = []
        tracks: dict[bytes, None] = {}
        chunks = self._reader.timed_chunks(batch, self._stop, self.counters, self._times)
        for first, _, contents in chunks:
            self._digest_chunk(first, contents, songs, tracks)
        self.counters[STAGE] = STAGE_IDLE
        return BatchRecord(
            Columns.from_rows(("digest", "outcome", "problems"), songs),
            tracks=Columns({"digest": [*tracks]}),
            seconds=time.perf_counter() - started,
            has_files=False,
            contract_version=CONTRACT_VERSION,
            lease=lease,
        )

    def _digest_chunk(
        self, first: int, contents: ReadSongs, songs: list[Any], tracks: dict[bytes, None]
    ) -> None:
        """Add the digests of the songs of a part of a batch, and those of their tracks."""
        counters, started = self.counters, perf_counter_ns()
        digests: list[bytes] = []
        for index, content in enumerate(contents, first):
            if self._stop():
                break
            counters[SONG_INDEX], counters[STAGE] = index, STAGE_SPLITTING
            if isinstance(content, UnreadableError):
                songs.append((None, "unreadable", (ProblemRecord(content.code, str(content)),)))
                counters[SONGS_FAILED] += 1
            elif isinstance(
                octets := split_or_fail(self._split_bytes, content, self._input_limit), FailedSong
            ):
                # A song on which midiprism itself failed may go well when it is tried again, as one that was
                # not read.
                digest = None if octets.outcome == "failed" else content.digest
                songs.append((digest, octets.outcome, (octets.problem,)))
                counters[SONGS_FAILED] += 1
            else:
                songs.append((content.digest, "split", ()))
                digests += [blake3(track).digest() for track in octets]
            counters[SONGS_DONE] += 1
            self._on_song()
        counters[SONG_INDEX] = NO_SONG
        counters[TRACKS] += len(digests)
        tracks.update(dict.fromkeys(digests))
        self._times.add_splitting_since(started)
