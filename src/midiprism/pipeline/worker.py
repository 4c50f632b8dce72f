"""One batch through reading, splitting and storing. What a worker learns, it tells in records."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache, partial
from time import perf_counter_ns

from blake3 import blake3

from midiprism.catalog import (
    NO_PACKED_TRACKS,
    Lease,
    LinkValues,
    PackedTracks,
    ProblemRecord,
    SongRecord,
    StatedMetaValues,
    TrackValues,
)
from midiprism.catalog.encoding import make_storable
from midiprism.catalog.records import BatchRecord
from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.metrics.stage_timers import HASH, QUEUED, READ, SPLIT, STORE, RunQueueClock, ThreadTimes
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.record_builder import RecordHead, internal_error, record_head, tracks_per_source_track
from midiprism.pipeline.shard_writer import pack_tracks
from midiprism.pipeline.shared_counters import (
    BATCH_NUMBER,
    NO_SONG,
    SHARED_COUNTER_COUNT,
    SONG_INDEX,
    SONGS_DONE,
    SONGS_FAILED,
    STAGE,
    STAGE_IDLE,
    STAGE_SPLITTING,
    STAGE_STORING,
    TRACKS,
    TRACKS_WRITTEN,
    SharedCounters,
    stage_timers,
)
from midiprism.pipeline.song_reader import BatchChunk, BatchReader
from midiprism.pipeline.splitter import Splitter
from midiprism.smf.types import CONTRACT_VERSION, SplitSong, SplitTrack, StatedMeta
from midiprism.sources import SongContent, Source, UnreadableError
from midiprism.stores import TrackStore

_MAX_CACHED_DIGESTS = 65_536
_MAX_PENDING_BYTES = 16 << 20
_MAX_PENDING_NS = 250_000_000
"""That splits wait and are put, together: whoever looks at a run on a slow disk sees it go on."""
_PROGRESS_INTERVAL_NS = 100_000_000
"""Between two times that putting is told of: where it is slow, that of a few songs takes seconds."""

SplitOutcome = SplitSong | tuple[str, ProblemRecord]
"""What became of a content: its splits, or why there are none."""

SongOutcome = SplitOutcome | None
"""The same of a song's; None where its content has an outcome already."""

PendingSong = tuple[tuple[RecordHead, str | None], SongOutcome, list[bytes]]
"""A song whose splits wait to be put: its head and its facts, its outcome, and the splits' digests."""

_EMPTY_CHUNK: BatchChunk = 0, (), []

_new_record = partial(tuple.__new__, SongRecord)
"""A record of all its values: a call of the class takes three times as long."""

_storable = lru_cache(8192)(make_storable)  # the tracks of a library have few names
_as_plain_tuple: Callable[[StatedMeta], StatedMetaValues] = lru_cache(8192)(tuple)  # and state much the same

KnownDigestsLookup = Callable[[Iterable[bytes]], Set[bytes]]
"""Those of these digests whose songs need nothing done."""


def _new_counters() -> SharedCounters:
    return [0] * SHARED_COUNTER_COUNT


@dataclass(slots=True)
class Worker:
    """Reads, splits and stores.

    Attributes:
        library: reads songs.
        store: keeps splits.
        split: the splitter; it may raise CorruptMidiError.
        known: which contents are done already.
        input_limit: songs of more bytes are not loaded.
        replaces: see ``BatchRecord``.
        stop: once true, the batch ends with the song in hand, and with putting what waits for that.
        tick: called for every song, once it is recorded.
        hand_over: called last with what a batch did.
        gauges: where it tells what it is at.
    """

    source: Source
    store: TrackStore
    splitter: Splitter
    find_known: KnownDigestsLookup
    input_limit: int
    replaces: bool = False
    stop: Callable[[], bool] = lambda: False
    on_song: Callable[[], None] = lambda: None
    transfer_record: Callable[[BatchRecord], BatchRecord] = lambda record: record
    counters: SharedCounters = field(default_factory=_new_counters)
    _run_queue_clock: RunQueueClock = field(default_factory=RunQueueClock)
    _splitting_ns: int = 0
    _hashing_ns: int = 0
    _storing_ns: int = 0
    _last_recorded: ThreadTimes = field(init=False)
    _block_size: int = 1
    _seen_digests: set[bytes] = field(default_factory=set)
    _pending: list[PendingSong] = field(default_factory=list)
    _pending_bytes: int = 0
    _max_pending_ns: int = 0
    _reader: BatchReader = field(init=False)
    _tracks: dict[bytes, TrackValues] = field(default_factory=dict)
    _stated: dict[bytes, StatedMetaValues] = field(default_factory=dict)
    _rejected: dict[bytes, ProblemRecord] = field(default_factory=dict)
    _files_written: int = 0
    _bytes_written: int = 0
    _disk_bytes: int = 0

    def __post_init__(self) -> None:
        self._reader = BatchReader(self.source, self.input_limit)

    def close(self) -> None:
        """Let go of what reading holds."""
        self._reader.close()
        self._run_queue_clock.close()

    def process_batch(self, batch: Batch, batch_number: int = 0, lease: Lease | None = None) -> BatchRecord:
        """Split what is not known yet, each content once, and put the tracks.

        Returns:
            Records of the songs that were come to, in their order. Its files are not durable yet.

        Raises:
            StoreError: a track cannot be written.
        """
        started = time.perf_counter()
        self._block_size = self.store.capabilities.block_size
        self._files_written = self._bytes_written = self._disk_bytes = 0
        self._tracks.clear()
        self._stated.clear()
        self._rejected.clear()
        gauges = self.counters
        gauges[BATCH_NUMBER] = batch_number
        records: list[SongRecord] = []
        # Contents that this worker has answered with, or comes to: answers are committed in their order.
        met = self._seen_digests
        if len(met) > _MAX_CACHED_DIGESTS:
            met.clear()
        self._pending, self._pending_bytes = [], 0
        settled = perf_counter_ns()
        for first, part, contents in self._time_chunks(self._reader.chunks(batch, self.stop, gauges)):
            gauges[STAGE] = STAGE_STORING
            met |= self._find_known(contents)
            done = 0
            while done < len(contents) and not self.stop():
                done += self._split_chunk(first + done, part[done:], contents[done:], met)
                if self._pending_bytes > _MAX_PENDING_BYTES:
                    records += self._store_pending()
                    settled = perf_counter_ns()
            if not part or perf_counter_ns() > settled + self._max_pending_ns:
                records += self._store_pending()
                settled = perf_counter_ns()
        record = self.transfer_record(
            BatchRecord(
                records,
                self._bytes_written,
                time.perf_counter() - started,
                self._files_written,
                bool(self._tracks),
                self._disk_bytes,
                CONTRACT_VERSION,
                self.replaces,
                lease,
                self._pack_tracks(records),
            )
        )
        gauges[STAGE] = STAGE_IDLE
        return record

    def _find_known(self, read_songs: Sequence[SongContent | UnreadableError]) -> Set[bytes]:
        """Which of these contents are done already; where there is none, nobody is asked."""
        digests = [content.digest for content in read_songs if isinstance(content, SongContent)]
        if not digests:
            return frozenset()
        began = perf_counter_ns()
        known = self.find_known(digests)
        self._storing_ns += perf_counter_ns() - began
        return known

    def _split_chunk(
        self,
        first: int,
        chunk: Batch,
        read_songs: Sequence[SongContent | UnreadableError],
        seen_digests: set[bytes],
    ) -> int:
        """Split those of the first songs that are new, and let them wait to be put; how many they are.

        Each of the two goes faster while its code and its data are at hand; and of two files in one folder
        the second costs less. Ends with ``_MAX_PENDING_BYTES`` of splits that wait.
        """
        outcomes: list[SongOutcome] = []
        gauges = self.counters
        for number, content in enumerate(read_songs, first):
            if self._pending_bytes > _MAX_PENDING_BYTES or self.stop():
                break
            if isinstance(content, UnreadableError):
                outcomes.append(("unreadable", ProblemRecord(content.code, str(content))))
            elif content.digest in seen_digests:
                outcomes.append(None)
            else:
                seen_digests.add(content.digest)
                gauges[SONG_INDEX] = number
                outcome = self._split_song(content)
                if isinstance(outcome, SplitSong):
                    self._pending_bytes += sum([len(track[0]) for track in outcome.tracks])
                outcomes.append(outcome)
        gauges[SONG_INDEX], gauges[STAGE] = NO_SONG, STAGE_STORING
        began = perf_counter_ns()
        digests = [
            [blake3(track[0]).digest() for track in outcome.tracks] if isinstance(outcome, SplitSong) else []
            for outcome in outcomes
        ]
        self._hashing_ns += perf_counter_ns() - began
        self._pending += zip(map(record_head, chunk, read_songs), outcomes, digests, strict=False)
        return len(outcomes)

    def _store_pending(self) -> list[SongRecord]:
        """Records of the songs that wait, whose splits are put."""
        gauges = self.counters
        gauges[SONG_INDEX], gauges[STAGE] = NO_SONG, STAGE_STORING
        waiting, self._pending, self._pending_bytes = self._pending, [], 0
        began = perf_counter_ns()
        self._store_tracks(waiting)
        self._max_pending_ns = max(0, _MAX_PENDING_NS + began - perf_counter_ns())
        records = []
        for (head, facts), outcome, digests in waiting:
            records.append(self._song_record(head, facts, outcome, digests))
            gauges[SONGS_DONE] += 1
            self.on_song()
        return records

    def _time_chunks(self, chunks: Iterator[BatchChunk]) -> Iterator[BatchChunk]:
        """The same parts, and an empty one at the end, timed: reading, and what is done with them."""
        watch = stage_timers(self.counters)
        while True:
            began = ThreadTimes.now(self._run_queue_clock)
            part = next(chunks, None)
            self._last_recorded = read = ThreadTimes.now(self._run_queue_clock)
            watch.add_time(READ, read.wall - began.wall, read.waited_since(began))
            watch.count(QUEUED, read.queued - began.queued)
            yield _EMPTY_CHUNK if part is None else part
            self._record_times()
            if part is None:
                return

    def _record_times(self) -> None:
        """Count what was done since a part was read, or since this was last told.

        Splitting and hashing wait for nothing: what was waited for beside reading, storing did.
        """
        watch, now = stage_timers(self.counters), ThreadTimes.now(self._run_queue_clock)
        watch.add_time(SPLIT, self._splitting_ns)
        watch.add_time(HASH, self._hashing_ns)
        watch.add_time(STORE, self._storing_ns, now.waited_since(self._last_recorded))
        watch.count(QUEUED, now.queued - self._last_recorded.queued)
        self._splitting_ns = self._hashing_ns = self._storing_ns = 0
        self._last_recorded = now

    def _pack_tracks(self, records: Sequence[SongRecord]) -> PackedTracks:
        """What a commit is to write, with what it states."""
        if not self.store.capabilities.writes_in_commit:
            return NO_PACKED_TRACKS
        if self._rejected:  # what other splits of those songs were put for nothing
            linked = {link[-1][0] for record in records for link in record.links}
            return pack_tracks(self.store.take_pending(linked), self._stated)
        return pack_tracks(self.store.take_pending(), self._stated)

    def _store_tracks(self, pending: Sequence[PendingSong]) -> None:
        """Put all splits that wait, folder by folder."""
        contents, block, put = self._tracks, self._block_size, self.store.put
        stated = self._stated if self.store.capabilities.writes_in_commit else None
        new: dict[bytes, SplitTrack] = {}
        for _, outcome, digests in pending:
            if digests:
                assert isinstance(outcome, SplitSong)
                for digest, track in zip(digests, outcome.tracks, strict=True):
                    new.setdefault(digest, track)
        gauges = self.counters
        told = perf_counter_ns()
        # No two have the same digest, so their tracks are never compared.
        for _, digest, track in sorted(
            [(track[9], digest, track) for digest, track in new.items() if digest not in contents]
        ):
            data, _, channel, program, name = track[:5]
            instrument, family, notes, ticks, seconds, low, high, facts = track[8:]
            try:
                stored = put(data, digest, name, instrument, family)
            except MidiprismError:
                raise
            except Exception as error:  # noqa: BLE001 - a name, say, that the naming rule chokes on
                self._rejected[digest] = internal_error(error)
                continue
            now = perf_counter_ns()
            if now > told + _PROGRESS_INTERVAL_NS:
                self._storing_ns += now - told
                self._record_times()
                told = now
            if stated is not None:
                stated[digest] = _as_plain_tuple(facts)
            size = len(data)
            if stored[3]:
                gauges[TRACKS_WRITTEN] += 1
                self._files_written += 1
                self._bytes_written += size
                self._disk_bytes += -(-size // block) * block
            contents[digest] = (
                digest,
                size,
                stored[1],
                stored[2],
                name if name is None else _storable(name),
                instrument,
                family,
                channel,
                program,
                notes,
                low,
                high,
                ticks,
                seconds,
            )
        self._storing_ns += perf_counter_ns() - told
        if self._rejected:
            for digest in self._rejected.keys() & contents.keys():
                del self._rejected[digest]

    def _song_record(
        self, head: RecordHead, source_facts: str | None, outcome: SongOutcome, digests: Sequence[bytes]
    ) -> SongRecord:
        """Tell of a song, whose splits were put."""
        if isinstance(outcome, SplitSong):
            links = self._make_links(outcome.tracks, digests)
            if not isinstance(links, ProblemRecord):
                kind, form, division, num_tracks, ticks, seconds, _, problems = outcome
                told = tuple([ProblemRecord(it.code, it.message, it.track, it.offset) for it in problems])
                return _new_record(
                    (*head, kind, form, num_tracks, division, ticks, seconds, told, links, source_facts)
                )
            outcome = "failed", links
        if outcome is None:
            return SongRecord(*head, None, source_metadata=source_facts)
        self.counters[SONGS_FAILED] += 1
        name, problem = outcome
        return SongRecord(*head, name, problems=(problem,), source_metadata=source_facts)

    def _split_song(self, read_song: SongContent) -> SplitOutcome:
        if read_song.data is None:
            message = f"It is larger than the limit of {self.input_limit} bytes."
            return "corrupt", ProblemRecord("limit", message)
        self.counters[STAGE] = STAGE_SPLITTING
        began = perf_counter_ns()
        try:
            return self.splitter(read_song.data)
        except CorruptMidiError as error:
            return "corrupt", ProblemRecord(error.code, str(error), offset=error.offset)
        except MidiprismError:  # not about this file
            raise
        except Exception as error:  # noqa: BLE001 - a bug in the splitter costs this file, never the run
            return "failed", internal_error(error)
        finally:
            self._splitting_ns += perf_counter_ns() - began

    def _make_links(
        self, tracks: Sequence[SplitTrack], digests: Sequence[bytes]
    ) -> tuple[LinkValues, ...] | ProblemRecord:
        """The links to the splits; what is wrong with one of them is wrong with the song."""
        contents = self._tracks
        if self._rejected:
            for digest in digests:
                if digest in self._rejected:
                    return self._rejected[digest]
        parts = tracks_per_source_track(tracks)
        self.counters[TRACKS] += len(tracks)
        return tuple(
            [
                (track[1], track[2], track[3], parts[track[1]], content[4], track[6], track[7], content)
                for track, content in zip(tracks, map(contents.__getitem__, digests), strict=True)
            ]
        )
