"""A worker: reads the songs of a batch, splits them, and stores their tracks."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from time import perf_counter_ns
from typing import Any, TypeVar

from blake3 import blake3

from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.features.tolerant_facts import FactsFunction, compute_or_omit
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.batch_reader import BatchReader, ReadSongs
from midiprism.pipeline.record_builder import (
    BatchBuilder,
    FailedSong,
    PendingSong,
    SplitOutcome,
    TracksToStore,
    internal_error,
    song_head,
)
from midiprism.pipeline.resource_defaults import WORKER_LIMITS, WorkerLimits
from midiprism.pipeline.shared_counters import (
    BATCH_NUMBER,
    FACTS_CALLS,
    NO_SONG,
    SHARED_COUNTER_COUNT,
    SONG_INDEX,
    SONGS_DONE,
    SONGS_FAILED,
    STAGE,
    STAGE_FACTS,
    STAGE_IDLE,
    STAGE_SPLITTING,
    STAGE_STORING,
    TRACKS,
    TRACKS_WRITTEN,
    SharedCounters,
)
from midiprism.pipeline.splitter import Splitter
from midiprism.pipeline.track_listener import TrackListener
from midiprism.pipeline.worker_times import WorkerTimes
from midiprism.records.batches import NO_PACKED_TRACKS, BatchRecord, Columns, Lease, PackedTracks, pack_tracks
from midiprism.records.fields import ProblemRecord
from midiprism.smf.types import CONTRACT_VERSION, SplitSong
from midiprism.sources import SongContent, Source, UnreadableError
from midiprism.stores import StoredTrack, TrackStore

T = TypeVar("T")

KnownDigestsLookup = Callable[[Iterable[bytes]], Set[bytes]]
"""Returns those of some digests whose songs need nothing done."""


class Worker:
    """Reads, splits and stores batches.

    Args:
        source: reads songs.
        store: keeps tracks.
        splitter: splits a song; it may raise CorruptMidiError.
        find_known: finds the songs that need nothing done; None if there are none.
        input_limit: songs of more bytes are not loaded.
        replaces: whether outcomes that songs have from earlier runs are replaced.
        stop: once true, a batch ends after the song in hand, and after the tracks that wait are stored.
        on_song: called for every song once it is recorded.
        counters: in which the worker counts its work.
        limits: bounds on its memory.
        max_pending_ns: time that the first tracks wait; those after them wait the less, the slower the store.
        compute_facts: computes the facts of tracks; None for no facts.
        listener: receives the tracks that are new to the store, and ends with the worker.
    """

    def __init__(
        self,
        source: Source,
        store: TrackStore,
        splitter: Splitter,
        find_known: KnownDigestsLookup | None,
        input_limit: int,
        replaces: bool = False,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_song: Callable[[], None] = lambda: None,
        counters: SharedCounters | None = None,
        limits: WorkerLimits | None = None,
        max_pending_ns: int = 0,
        compute_facts: FactsFunction | None = None,
        listener: TrackListener | None = None,
    ) -> None:
        self._store = store
        self._splitter = splitter
        self._find_known = find_known
        self._input_limit = input_limit
        self._replaces = replaces
        self._stop = stop
        self._on_song = on_song
        self.counters: SharedCounters = [0] * SHARED_COUNTER_COUNT if counters is None else counters
        self._limits = limits or WORKER_LIMITS
        self._max_pending_ns = max_pending_ns
        self._compute_facts = compute_facts
        self._listener = listener
        self._reader = BatchReader(source, input_limit, self._limits.chunk_bytes)
        self._times = WorkerTimes(self.counters)
        self._seen_digests: set[bytes] = set()
        self._pending: list[PendingSong] = []
        self._pending_bytes = self._record_bytes = 0
        self._is_tried_alone = False
        self._builder = BatchBuilder()
        self._files_written = self._bytes_written = self._disk_bytes = 0

    def close(self) -> None:
        """End the threads and clocks of reading, and the listener."""
        self._reader.close()
        self._times.close()
        if self._listener is not None:
            self._listener.close()

    def process_batch(
        self, batch: Batch, batch_number: int = 0, lease: Lease | None = None, *, in_order: bool = True
    ) -> BatchRecord:
        """Split the songs that are not known yet, each content once, and store their tracks.

        Returns:
            The record of the songs that were processed, in their order. Files are not durable yet. Where the
            record holds the bytes of tracks, these may be the first songs only, but at least one.

        Raises:
            StoreError: a track cannot be written.
        """
        started = time.perf_counter()
        self._files_written = self._bytes_written = self._disk_bytes = 0
        self._builder = BatchBuilder()
        self.counters[BATCH_NUMBER] = batch_number
        # The worker that died on a song before may have stored its tracks, without their facts.
        self._is_tried_alone = not in_order and len(batch) == 1
        # A batch may rely on earlier ones, unless it is leased, or comes after later ones.
        if not in_order:
            self._store.forget_taken()
        if not in_order or lease is not None or len(self._seen_digests) > self._limits.cached_digests:
            self._seen_digests.clear()
        self._pending, self._pending_bytes, self._record_bytes = [], 0, 0
        self._process_chunks(batch)
        links, tracks = self._builder.links_and_tracks()
        record = BatchRecord(
            self._builder.songs(),
            links,
            tracks,
            self._bytes_written,
            time.perf_counter() - started,
            self._files_written,
            len(tracks) > 0,
            self._disk_bytes,
            CONTRACT_VERSION,
            self._replaces,
            lease,
            self._pack_tracks(tracks),
        )
        self.counters[STAGE] = STAGE_IDLE
        return record

    def _process_chunks(self, batch: Batch) -> None:
        last_stored = perf_counter_ns()
        chunks = self._reader.timed_chunks(batch, self._stop, self.counters, self._times)
        for first, chunk, contents in chunks:
            self.counters[STAGE] = STAGE_STORING
            self._seen_digests |= self._known_digests(contents)
            done = 0
            while done < len(contents) and not self._stop():
                done += self._split_chunk(first + done, chunk[done:], contents[done:])
                if self._pending_bytes > self._limits.pending_bytes:
                    self._store_pending()
                    last_stored = perf_counter_ns()
                    if self._record_bytes > self._limits.record_bytes:
                        return
            if not chunk or perf_counter_ns() > last_stored + self._max_pending_ns:
                self._store_pending()
                last_stored = perf_counter_ns()

    def _known_digests(self, contents: ReadSongs) -> Set[bytes]:
        """Return the digests of those songs that need nothing done."""
        digests = [content.digest for content in contents if isinstance(content, SongContent)]
        started = perf_counter_ns()
        known = self._find_known(digests) if digests and self._find_known else frozenset()
        self._times.add_storing_since(started)
        return known

    def _split_chunk(self, first: int, chunk: Batch, contents: ReadSongs) -> int:
        """Split those of the first songs that are new; their tracks then wait to be stored.

        Splitting and storing are each faster while their code and data stay in the processor's caches, and of
        two files in one folder the second costs less.

        Returns:
            Number of songs processed: once more than ``pending_bytes`` of tracks wait, no more are.
        """
        outcomes: list[SplitOutcome | None] = []
        counters, seen = self.counters, self._seen_digests
        started = perf_counter_ns()
        for index, content in enumerate(contents, first):
            if self._pending_bytes > self._limits.pending_bytes or self._stop():
                break
            if isinstance(content, UnreadableError):
                outcomes.append(FailedSong("unreadable", ProblemRecord(content.code, str(content))))
            elif content.digest in seen:
                outcomes.append(None)
            else:
                seen.add(content.digest)
                counters[SONG_INDEX] = index
                outcome = self._split_song(content)
                if isinstance(outcome, SplitSong):
                    self._pending_bytes += sum([len(track.data) for track in outcome.tracks])
                outcomes.append(outcome)
        started = self._times.add_splitting_since(started)
        digests: list[list[bytes]] = []
        for index, outcome_or_none in enumerate(outcomes, first):
            counters[SONG_INDEX] = index  # digesting counts towards the time that the song may take
            tracks = outcome_or_none.tracks if isinstance(outcome_or_none, SplitSong) else ()
            digests.append([blake3(track.data).digest() for track in tracks])
        self._times.add_hashing_since(started)
        counters[SONG_INDEX], counters[STAGE] = NO_SONG, STAGE_STORING
        self._pending += map(PendingSong, map(song_head, chunk, contents), outcomes, digests)
        return len(outcomes)

    def _split_song(self, content: SongContent) -> SplitOutcome:
        self.counters[STAGE] = STAGE_SPLITTING
        return split_or_fail(self._splitter, content, self._input_limit)

    def _store_pending(self) -> None:
        """Store the tracks that wait, and record their songs."""
        counters = self.counters
        counters[SONG_INDEX], counters[STAGE] = NO_SONG, STAGE_STORING
        if self._store.capabilities.writes_in_commit:
            self._record_bytes += self._pending_bytes
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        started = perf_counter_ns()
        self._store_tracks(pending)
        self._max_pending_ns = max(0, self._limits.pending_ns + started - perf_counter_ns())
        counts = self._builder.add_songs(pending)
        counters[SONGS_FAILED] += counts.failed
        counters[TRACKS] += counts.links
        for _ in pending:
            counters[SONGS_DONE] += 1
            self._on_song()

    def _store_tracks(self, pending: Sequence[PendingSong]) -> None:
        """Store all tracks that wait, folder by folder."""
        put, counters, times = self._store.put, self.counters, self._times
        capabilities = self._store.capabilities
        block_size, may_take_long = capabilities.block_size, not capabilities.writes_in_commit
        tracks = self._builder.new_tracks(pending)
        stored: dict[bytes, StoredTrack] = {}
        last_update = perf_counter_ns()
        # No two have the same digest, so that tracks themselves are never compared.
        attributes = map(tracks.columns.__getitem__, ("data", "own_name", "own_instrument"))
        rows = zip(tracks.columns["own_family"], tracks.digests, *attributes, strict=True)
        for family, digest, data, name, instrument in sorted(rows):
            try:
                stored_track = put(data, digest, name, instrument, family)
            except MidiprismError:
                raise
            except Exception as error:  # noqa: BLE001 - such as a name that the naming rule cannot take
                self._builder.reject_track(digest, internal_error(error))
                continue
            stored[digest] = stored_track
            if may_take_long and perf_counter_ns() > last_update + self._limits.progress_interval_ns:
                last_update = times.add_storing_since(last_update)
                times.count()
            if stored_track.new:
                size = len(data)
                counters[TRACKS_WRITTEN] += 1
                self._files_written += 1
                self._bytes_written += size
                self._disk_bytes += -(-size // block_size) * block_size
        times.add_storing_since(last_update)
        self._builder.add_tracks(tracks, stored, *self._facts_of_new(tracks, stored))

    def _facts_of_new(
        self, tracks: TracksToStore, stored: Mapping[bytes, StoredTrack]
    ) -> tuple[Sequence[bytes], Mapping[str, Sequence[Any]]]:
        """Return the digests of the tracks that are new to the store, and a column for each of their facts.

        The catalog has the facts of others. The listener receives the same tracks.
        """
        if self._compute_facts is None and self._listener is None:
            return (), {}
        started = perf_counter_ns()
        new = {digest for digest, track in stored.items() if track.unseen or self._is_tried_alone}
        digests, attributes = tracks.only(new)
        data, families = attributes["data"], attributes["own_family"]
        columns: Mapping[str, Sequence[Any]] = {}
        if self._compute_facts is not None and data:
            self.counters[FACTS_CALLS] += 1
            self.counters[STAGE] = STAGE_FACTS
            columns = compute_or_omit(self._compute_facts, data, families)
            self.counters[STAGE] = STAGE_STORING
        if self._listener is not None and digests:
            self._listener.add(digests, data, families)
        self._times.add_facts_since(started)
        return digests, columns

    def _pack_tracks(self, tracks: Columns) -> PackedTracks:
        """Return the bytes of the tracks that the commit is to write."""
        if not self._store.capabilities.writes_in_commit:
            return NO_PACKED_TRACKS
        # Other tracks of a song with a rejected track were put for nothing.
        wanted = set(tracks["digest"]) if self._builder.has_rejected_tracks else None
        return pack_tracks(self._store.take_pending(wanted))


def split_or_fail(split: Callable[[bytes], T], content: SongContent, input_limit: int) -> T | FailedSong:
    """Return what a function makes of the bytes of a song, or why it makes nothing.

    Raises:
        MidiprismError: something that is not about this song.
    """
    if content.data is None:
        message = f"It is larger than the limit of {input_limit} bytes."
        return FailedSong("corrupt", ProblemRecord("song_size", message))
    try:
        return split(content.data)
    except CorruptMidiError as error:
        return FailedSong("corrupt", ProblemRecord(error.code, str(error), offset=error.offset))
    except MidiprismError:  # not about this song
        raise
    except Exception as error:  # noqa: BLE001 - a bug in the splitter costs this song, never the run
        return FailedSong("failed", internal_error(error))
