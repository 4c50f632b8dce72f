"""One batch through reading, splitting and storing. What a worker learns, it tells in records."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache, partial
from time import perf_counter_ns

from blake3 import blake3

from midiprism.catalog import (
    NO_CONTENTS,
    Contents,
    Lease,
    LinkValues,
    ParentRecord,
    ProblemRecord,
    StatedValues,
    TrackValues,
)
from midiprism.catalog.records import BatchRecord
from midiprism.catalog.text import storable
from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.library import Content, Library, UnreadableError
from midiprism.meter.clocks import HASH, QUEUED, READ, SPLIT, STORE, Moment, Queue
from midiprism.run.gauges import (
    FAILED,
    GAUGES,
    IDLE,
    JOB,
    NO_PARENT,
    PARENT,
    PARENTS,
    SPLITTING,
    STAGE,
    STORING,
    TRACKS,
    WRITTEN,
    Gauges,
    clocks,
)
from midiprism.run.keeping import joined
from midiprism.run.plan import Batch
from midiprism.run.reader import Part, Reader
from midiprism.run.splitter import Splitter
from midiprism.run.telling import Head, bug, head_of, parts_of
from midiprism.smf.types import CONTRACT_VERSION, Split, SplitTrack, Stated
from midiprism.store import GatheringStore, Store

_REMEMBERED = 65_536
_TOGETHER_BYTES = 16 << 20
_WAIT_NS = 250_000_000
"""That splits wait and are put, together: whoever looks at a run on a slow disk sees it go on."""
_TELL_NS = 100_000_000
"""Between two times that putting is told of: where it is slow, that of a few parents takes seconds."""

Result = Split | tuple[str, ProblemRecord]
"""What became of a content: its splits, or why there are none."""

Outcome = Result | None
"""The same of a parent's; None where its content has an outcome already."""

Waiting = tuple[tuple[Head, str | None], Outcome, list[bytes]]
"""A parent whose splits wait to be put: its head and its facts, its outcome, and the splits' digests."""

_NO_PART: Part = 0, (), []

_record_of = partial(tuple.__new__, ParentRecord)
"""A record of all its values: a call of the class takes three times as long."""

_storable = lru_cache(8192)(storable)  # the tracks of a library have few names
_plain: Callable[[Stated], StatedValues] = lru_cache(8192)(tuple)  # and state much the same

Known = Callable[[Iterable[bytes]], Set[bytes]]
"""Those of these digests whose parents need nothing done."""


def _no_gauges() -> Gauges:
    return [0] * GAUGES


@dataclass(slots=True)
class Worker:
    """Reads, splits and stores.

    Attributes:
        library: reads parents.
        store: keeps splits.
        split: the splitter; it may raise CorruptMidiError.
        known: which contents are done already.
        input_limit: parents of more bytes are not loaded.
        replaces: see ``BatchRecord``.
        stop: once true, the batch ends with the parent in hand, and with putting what waits for that.
        tick: called for every parent, once it is recorded.
        hand_over: called last with what a batch did.
        gauges: where it tells what it is at.
    """

    library: Library
    store: Store
    split: Splitter
    known: Known
    input_limit: int
    replaces: bool = False
    stop: Callable[[], bool] = lambda: False
    tick: Callable[[], None] = lambda: None
    hand_over: Callable[[BatchRecord], BatchRecord] = lambda record: record
    gauges: Gauges = field(default_factory=_no_gauges)
    _queue: Queue = field(default_factory=Queue)
    _splitting: int = 0
    _hashing: int = 0
    _storing: int = 0
    _since: Moment = field(init=False)
    _block: int = 1
    _met: set[bytes] = field(default_factory=set)
    _waiting: list[Waiting] = field(default_factory=list)
    _held: int = 0
    _patience_ns: int = 0
    _reader: Reader = field(init=False)
    _tracks: dict[bytes, TrackValues] = field(default_factory=dict)
    _stated: dict[bytes, StatedValues] = field(default_factory=dict)
    _refused: dict[bytes, ProblemRecord] = field(default_factory=dict)
    _files: int = 0
    _bytes: int = 0
    _disk_bytes: int = 0

    def __post_init__(self) -> None:
        self._reader = Reader(self.library, self.input_limit)

    def close(self) -> None:
        """Let go of what reading holds."""
        self._reader.close()
        self._queue.close()

    def work(self, batch: Batch, job: int = 0, lease: Lease | None = None) -> BatchRecord:
        """Split what is not known yet, each content once, and put the tracks.

        Returns:
            Records of the parents that were come to, in their order. Its files are not durable yet.

        Raises:
            StoreError: a track cannot be written.
        """
        started = time.perf_counter()
        self._block = self.store.block_size
        self._files = self._bytes = self._disk_bytes = 0
        self._tracks.clear()
        self._stated.clear()
        self._refused.clear()
        gauges = self.gauges
        gauges[JOB] = job
        records: list[ParentRecord] = []
        # Contents that this worker has answered with, or comes to: answers are committed in their order.
        met = self._met
        if len(met) > _REMEMBERED:
            met.clear()
        self._waiting, self._held = [], 0
        settled = perf_counter_ns()
        for first, part, contents in self._read(self._reader.parts(batch, self.stop, gauges)):
            gauges[STAGE] = STORING
            met |= self._known(contents)
            done = 0
            while done < len(contents) and not self.stop():
                done += self._wait(first + done, part[done:], contents[done:], met)
                if self._held > _TOGETHER_BYTES:
                    records += self._settled()
                    settled = perf_counter_ns()
            if not part or perf_counter_ns() > settled + self._patience_ns:
                records += self._settled()
                settled = perf_counter_ns()
        record = self.hand_over(
            BatchRecord(
                records,
                self._bytes,
                time.perf_counter() - started,
                self._files,
                bool(self._tracks),
                self._disk_bytes,
                CONTRACT_VERSION,
                self.replaces,
                lease,
                self._gathered(records),
            )
        )
        gauges[STAGE] = IDLE
        return record

    def _known(self, contents: Sequence[Content | UnreadableError]) -> Set[bytes]:
        """Which of these contents are done already; where there is none, nobody is asked."""
        digests = [content.digest for content in contents if isinstance(content, Content)]
        if not digests:
            return frozenset()
        began = perf_counter_ns()
        known = self.known(digests)
        self._storing += perf_counter_ns() - began
        return known

    def _wait(
        self, first: int, part: Batch, contents: Sequence[Content | UnreadableError], met: set[bytes]
    ) -> int:
        """Split those of the first parents that are new, and let them wait to be put; how many they are.

        Each of the two goes faster while its code and its data are at hand; and of two files in one folder
        the second costs less. Ends with ``_TOGETHER_BYTES`` of splits that wait.
        """
        outcomes: list[Outcome] = []
        gauges = self.gauges
        for number, content in enumerate(contents, first):
            if self._held > _TOGETHER_BYTES or self.stop():
                break
            if isinstance(content, UnreadableError):
                outcomes.append(("unreadable", ProblemRecord(content.code, str(content))))
            elif content.digest in met:
                outcomes.append(None)
            else:
                met.add(content.digest)
                gauges[PARENT] = number
                outcome = self._split(content)
                if isinstance(outcome, Split):
                    self._held += sum([len(track[0]) for track in outcome.tracks])
                outcomes.append(outcome)
        gauges[PARENT], gauges[STAGE] = NO_PARENT, STORING
        began = perf_counter_ns()
        digests = [
            [blake3(track[0]).digest() for track in outcome.tracks] if isinstance(outcome, Split) else []
            for outcome in outcomes
        ]
        self._hashing += perf_counter_ns() - began
        self._waiting += zip(map(head_of, part, contents), outcomes, digests, strict=False)
        return len(outcomes)

    def _settled(self) -> list[ParentRecord]:
        """Records of the parents that wait, whose splits are put."""
        gauges = self.gauges
        gauges[PARENT], gauges[STAGE] = NO_PARENT, STORING
        waiting, self._waiting, self._held = self._waiting, [], 0
        began = perf_counter_ns()
        self._put_all(waiting)
        self._patience_ns = max(0, _WAIT_NS + began - perf_counter_ns())
        records = []
        for (head, facts), outcome, digests in waiting:
            records.append(self._record(head, facts, outcome, digests))
            gauges[PARENTS] += 1
            self.tick()
        return records

    def _read(self, parts: Iterator[Part]) -> Iterator[Part]:
        """The same parts, and an empty one at the end, timed: reading, and what is done with them."""
        watch = clocks(self.gauges)
        while True:
            began = Moment.now(self._queue)
            part = next(parts, None)
            self._since = read = Moment.now(self._queue)
            watch.add(READ, read.clock - began.clock, read.waited_since(began))
            watch.count(QUEUED, read.queued - began.queued)
            yield _NO_PART if part is None else part
            self._tell()
            if part is None:
                return

    def _tell(self) -> None:
        """Count what was done since a part was read, or since this was last told.

        Splitting and hashing wait for nothing: what was waited for beside reading, storing did.
        """
        watch, now = clocks(self.gauges), Moment.now(self._queue)
        watch.add(SPLIT, self._splitting)
        watch.add(HASH, self._hashing)
        watch.add(STORE, self._storing, now.waited_since(self._since))
        watch.count(QUEUED, now.queued - self._since.queued)
        self._splitting = self._hashing = self._storing = 0
        self._since = now

    def _gathered(self, records: Sequence[ParentRecord]) -> Contents:
        """What a commit is to write, with what it states."""
        if not isinstance(self.store, GatheringStore):
            return NO_CONTENTS
        if self._refused:  # what other splits of those parents were put for nothing
            linked = {link[-1][0] for record in records for link in record.links}
            return joined(self.store.take(linked), self._stated)
        return joined(self.store.take(), self._stated)

    def _put_all(self, waiting: Sequence[Waiting]) -> None:
        """Put all splits that wait, folder by folder."""
        contents, block, put = self._tracks, self._block, self.store.put
        stated = self._stated if isinstance(self.store, GatheringStore) else None
        new: dict[bytes, SplitTrack] = {}
        for _, outcome, digests in waiting:
            if digests:
                assert isinstance(outcome, Split)
                for digest, track in zip(digests, outcome.tracks, strict=True):
                    new.setdefault(digest, track)
        gauges = self.gauges
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
                self._refused[digest] = bug(error)
                continue
            now = perf_counter_ns()
            if now > told + _TELL_NS:
                self._storing += now - told
                self._tell()
                told = now
            if stated is not None:
                stated[digest] = _plain(facts)
            size = len(data)
            if stored[3]:
                gauges[WRITTEN] += 1
                self._files += 1
                self._bytes += size
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
        self._storing += perf_counter_ns() - told
        if self._refused:
            for digest in self._refused.keys() & contents.keys():
                del self._refused[digest]

    def _record(
        self, head: Head, facts: str | None, outcome: Outcome, digests: Sequence[bytes]
    ) -> ParentRecord:
        """Tell of a parent, whose splits were put."""
        if isinstance(outcome, Split):
            links = self._links(outcome.tracks, digests)
            if not isinstance(links, ProblemRecord):
                kind, form, division, num_tracks, ticks, seconds, _, problems = outcome
                told = tuple([ProblemRecord(it.code, it.message, it.track, it.offset) for it in problems])
                return _record_of(
                    (*head, kind, form, num_tracks, division, ticks, seconds, told, links, facts)
                )
            outcome = "failed", links
        if outcome is None:
            return ParentRecord(*head, None, facts=facts)
        self.gauges[FAILED] += 1
        name, problem = outcome
        return ParentRecord(*head, name, problems=(problem,), facts=facts)

    def _split(self, content: Content) -> Result:
        if content.data is None:
            message = f"It is larger than the limit of {self.input_limit} bytes."
            return "corrupt", ProblemRecord("limit", message)
        self.gauges[STAGE] = SPLITTING
        began = perf_counter_ns()
        try:
            return self.split(content.data)
        except CorruptMidiError as error:
            return "corrupt", ProblemRecord(error.code, str(error), offset=error.offset)
        except MidiprismError:  # not about this file
            raise
        except Exception as error:  # noqa: BLE001 - a bug in the splitter costs this file, never the run
            return "failed", bug(error)
        finally:
            self._splitting += perf_counter_ns() - began

    def _links(
        self, tracks: Sequence[SplitTrack], digests: Sequence[bytes]
    ) -> tuple[LinkValues, ...] | ProblemRecord:
        """The links to the splits; what is wrong with one of them is wrong with the parent."""
        contents = self._tracks
        if self._refused:
            for digest in digests:
                if digest in self._refused:
                    return self._refused[digest]
        parts = parts_of(tracks)
        self.gauges[TRACKS] += len(tracks)
        return tuple(
            [
                (track[1], track[2], track[3], parts[track[1]], content[4], track[6], track[7], content)
                for track, content in zip(tracks, map(contents.__getitem__, digests), strict=True)
            ]
        )
