"""One batch through reading, splitting and storing. What a worker learns, it tells in records."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from midiprism.catalog import KnownParent, LinkRecord, ParentRecord, ProblemRecord, TrackRecord
from midiprism.catalog.records import BatchRecord
from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.library import Content, Found, Library, UnreadableError
from midiprism.run.splitter import Splitter
from midiprism.smf.types import Split, SplitTrack
from midiprism.store import Store

Lookup = Callable[[Iterable[bytes]], Mapping[bytes, KnownParent]]


@dataclass(slots=True)
class Tally:
    """What the batch under way has come to; reset for each.

    Attributes:
        parents: parents looked at.
        failed: of them, without a split for lack of readable MIDI.
        tracks: splits put.
        written: of them, written by this worker; the others were there.
        bytes_written: bytes of those written.
    """

    parents: int = 0
    failed: int = 0
    tracks: int = 0
    written: int = 0
    bytes_written: int = 0


@dataclass(slots=True)
class Worker:
    """Reads, splits and stores.

    Attributes:
        library: reads parents.
        store: keeps splits.
        split: the splitter; it may raise CorruptMidiError.
        input_limit: parents of more bytes are not loaded.
        stop: once true, the batch ends with the parent in hand.
        tick: called after every parent.
        tally: what the batch under way has come to.
    """

    library: Library
    store: Store
    split: Splitter
    input_limit: int
    stop: Callable[[], bool]
    tick: Callable[[], None]
    tally: Tally = field(default_factory=Tally)

    def work(self, batch: Sequence[Found], known: Lookup) -> BatchRecord:
        """Split what ``known`` does not know yet, each content once, and put the tracks.

        Returns:
            Records of the parents that were come to, in their order.

        Raises:
            StoreError: a track cannot be written.
        """
        started = time.perf_counter()
        self.tally = Tally()
        contents: list[Content | UnreadableError] = []
        for found in batch:
            if self.stop():
                break
            contents.append(self._read(found))
        seen = set(known(content.digest for content in contents if isinstance(content, Content)))
        records: list[ParentRecord] = []
        for found, content in zip(batch, contents, strict=False):
            if self.stop():
                break
            record = self._record(found, content, seen)
            records.append(record)
            self.tally.parents += 1
            self.tick()
        return BatchRecord(tuple(records), self.tally.bytes_written, time.perf_counter() - started)

    def _read(self, found: Found) -> Content | UnreadableError:
        try:
            return self.library.read(found, self.input_limit)
        except UnreadableError as error:
            return error

    def _record(self, found: Found, content: Content | UnreadableError, seen: set[bytes]) -> ParentRecord:
        path, root_length, song = found.path, found.root_length, song_of(found)
        if isinstance(content, UnreadableError):
            self.tally.failed += 1
            problems = (ProblemRecord(content.code, str(content)),)
            return ParentRecord(
                path, root_length, song, found.size, found.mtime_ns, None, "unreadable", problems=problems
            )
        size, mtime_ns, digest = content.size, content.mtime_ns, content.digest
        if digest in seen:
            return ParentRecord(path, root_length, song, size, mtime_ns, digest, None)
        seen.add(digest)
        result = self._split(content)
        if isinstance(result, Split):
            parts = Counter(track.track_number for track in result.tracks)
            return ParentRecord(
                path,
                root_length,
                song,
                size,
                mtime_ns,
                digest,
                result.outcome,
                result.format,
                result.num_tracks,
                result.division,
                result.duration_ticks,
                result.duration_seconds,
                tuple(
                    ProblemRecord(found.code, found.message, found.track, found.offset)
                    for found in result.problems
                ),
                tuple(self._put(track, parts[track.track_number]) for track in result.tracks),
            )
        self.tally.failed += 1
        outcome, problem = result
        return ParentRecord(path, root_length, song, size, mtime_ns, digest, outcome, problems=(problem,))

    def _split(self, content: Content) -> Split | tuple[str, ProblemRecord]:
        if content.data is None:
            message = f"It is larger than the limit of {self.input_limit} bytes."
            return "corrupt", ProblemRecord("limit", message)
        try:
            return self.split(content.data)
        except CorruptMidiError as error:
            return "corrupt", ProblemRecord(error.code, str(error), offset=error.offset)
        except MidiprismError:  # not about this file
            raise
        except Exception as error:  # noqa: BLE001 - a bug in the splitter costs this file, never the run
            message = f"midiprism failed on it, which is a bug to report: {type(error).__name__}: {error}"
            return "failed", ProblemRecord("internal", message)

    def _put(self, track: SplitTrack, parts: int) -> LinkRecord:
        stored = self.store.put(track)
        size = len(track.data)
        self.tally.tracks += 1
        if stored.new:
            self.tally.written += 1
            self.tally.bytes_written += size
        content = TrackRecord(
            track.digest,
            size,
            stored.stem,
            stored.digits,
            track.name,
            track.own_instrument,
            track.own_family,
            track.channel,
            track.program,
            track.note_count,
            track.lowest_pitch,
            track.highest_pitch,
            track.duration_ticks,
            track.duration_seconds,
        )
        return LinkRecord(
            track.track_number,
            track.channel,
            track.program,
            parts,
            track.name,
            track.instrument,
            track.family,
            content,
        )


def song_of(found: Found) -> str:
    """A parent's path below its source folder as text, with ``/`` between its parts, and without suffix."""
    path = os.fsdecode(found.path[found.root_length :]).replace(os.sep, "/")
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and stem and "/" not in suffix and not stem.endswith("/") else path
