"""Brings the fingerprints of a result up to date with its catalog, in a time that goes with what is new.

Tracks never change, and new ones get higher ids. So what is new are the ids above the highest one that was
looked at. An id can be used again after the tracks with the highest ids were removed; then what was made of
these, and of all after them, is made anew. Tracks that could not be read are remembered, and tried again.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from threading import Lock, local
from typing import NamedTuple

import numpy as np
from blake3 import blake3

from midiprism.catalog.queries.similar_tracks import (
    TrackToFingerprint,
    count_tracks_after,
    digests_of,
    highest_track_id,
    tracks_after,
    tracks_of,
)
from midiprism.catalog.reader import CatalogReader
from midiprism.errors import InUseError, StoreError
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.similarity.fingerprints import Fingerprinter, take_lines
from midiprism.similarity.folder import similarity_folder
from midiprism.similarity.generation import (
    Generation,
    NamedSegment,
    read_generation,
    write_generation,
    write_segment,
)
from midiprism.similarity.new_lines import RecordedLines
from midiprism.similarity.segment import (
    NewTracks,
    Segment,
    build_segment,
    digest_number,
    digest_numbers,
    sorted_tracks,
)
from midiprism.similarity.types import FingerprintProgress
from midiprism.smf.instruments import DRUM_FAMILY
from midiprism.stores import TrackStore

MAX_SEGMENT_TRACKS = 100_000
"""Most tracks of a segment, which bounds the memory that making it takes."""

TRACKS_PER_TASK = 250
_MERGE_FACTOR = 4
"""A segment is merged with the one before it unless that one is so many times larger."""

_IDS_PER_CHECK = 1_000


ProgressListener = Callable[[FingerprintProgress], None]


class Updated(NamedTuple):
    """Fingerprints that are up to date, but for tracks that cannot be read.

    Attributes:
        generation: the segments.
        added: tracks that got fingerprints.
        lost: tracks that could not be read; they are tried again the next time.
        whole: whether all new tracks were looked at.
    """

    generation: Generation
    added: int = 0
    lost: int = 0
    whole: bool = True


def update_fingerprints(
    out: str,
    reader: CatalogReader,
    threads: int | None = None,
    *,
    retry: bool = True,
    stop: Callable[[], bool] = lambda: False,
    on_progress: ProgressListener = lambda _: None,
) -> Updated:
    """Make the fingerprints of tracks that have none. An interrupted update resumes where it ended.

    Args:
        out: folder of the result.
        reader: of its catalog.
        threads: that read and compute; None for one per processor.
        retry: try those tracks again that could not be read before.
        stop: once true, it ends after the tracks in hand.
        on_progress: called several times a segment.

    Returns:
        The fingerprints; those of before if another process is making the new ones.

    Raises:
        UsageError: ``out`` holds no result.
        StoreError: the fingerprints cannot be written.
        CatalogError: the catalog cannot be read.
    """
    folder = similarity_folder(out)
    current = without_removed(read_generation(folder), reader)
    if highest_track_id(reader) <= current.last_id and not (retry and current.lost):
        return Updated(current)
    try:
        os.makedirs(folder, exist_ok=True)
        with lock_exclusive(folder):
            current = without_removed(read_generation(folder), reader)
            with closing(open_result_store(out, require_identity(out))) as store:
                update = _Update(folder, reader, store, threads or os.cpu_count() or 1, stop, on_progress)
                return update.run(current, retry=retry)
    except InUseError:
        return Updated(current, whole=False)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error


def without_removed(generation: Generation, reader: CatalogReader) -> Generation:
    """Return a generation without the segments with ids that other tracks may have by now."""
    last = _last_known_id(generation, reader)
    if last is None:
        return generation
    kept = [one for one in generation.segments if one.segment.ids[-1] <= last]
    last_id = int(kept[-1].segment.ids[-1]) if kept else 0
    return Generation(last_id, kept, [it for it in generation.lost if it <= last_id])


def _last_known_id(generation: Generation, reader: CatalogReader) -> int | None:
    """Return the highest id that the catalog has for the same track; None if that is the highest one."""
    for number, (ids, digests) in enumerate(_from_the_top(generation)):
        known = digests_of(reader, ids)
        for track_id, digest in zip(reversed(ids), reversed(digests), strict=True):
            if track_id in known and digest_number(known[track_id]) == digest:
                return None if number == 0 else track_id
    return 0 if generation.segments else None


def _from_the_top(generation: Generation) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids of tracks and their digests, those with the highest ids first: one, then many at a time."""
    size = 1
    for segment in reversed([*generation]):
        end = len(segment)
        while end > 0:
            start = max(0, end - size)
            yield segment.ids[start:end].tolist(), segment.digests[start:end].tolist()
            end, size = start, _IDS_PER_CHECK


class _Update:
    def __init__(
        self,
        folder: str,
        reader: CatalogReader,
        store: TrackStore,
        threads: int,
        stop: Callable[[], bool],
        on_progress: ProgressListener,
    ) -> None:
        self._folder = folder
        self._reader = reader
        self._store = store
        self._threads = threads
        self._stop = stop
        self._on_progress = on_progress
        self._of_thread = local()
        self._shards_lock = Lock()  # a store of shards is for one thread
        self._recorded = RecordedLines(folder)
        self._started = time.perf_counter()
        self._added = self._lost = self._total = 0

    def run(self, current: Generation, *, retry: bool) -> Updated:
        again = tracks_of(self._reader, current.lost) if retry else []
        self._total = len(again) + count_tracks_after(self._reader, current.last_id)
        whole = True
        with ThreadPoolExecutor(self._threads, "midiprism-fingerprints") as pool:
            if retry and current.lost:
                current = self._tried_again(pool, current, again)
            while whole and (rows := tracks_after(self._reader, current.last_id, MAX_SEGMENT_TRACKS)):
                parts, seen = self._read_all(pool, rows)
                if seen:
                    current = self._extended(current, rows[:seen], parts)
                whole = seen == len(rows)
        return Updated(current, self._added, self._lost, whole)

    def _read_all(
        self, pool: ThreadPoolExecutor, tracks: Sequence[TrackToFingerprint]
    ) -> tuple[list[NewTracks], int]:
        """Return the tracks whose lines are known or that can be read, and how many were looked at before it
        was stopped."""
        parts: list[NewTracks] = []
        seen = 0
        for tasks in _tasks(tracks, self._threads):
            if self._stop():
                break
            found = [*pool.map(self._take_or_read, tasks)]
            parts += found
            looked_at, added = sum(map(len, tasks)), sum(len(part.ids) for part in found)
            seen, self._added, self._lost = (
                seen + looked_at,
                self._added + added,
                self._lost + looked_at - added,
            )
            seconds = time.perf_counter() - self._started
            self._on_progress(FingerprintProgress(self._added + self._lost, self._total, seconds))
        return parts, seen

    def _extended(
        self, current: Generation, rows: Sequence[TrackToFingerprint], parts: Sequence[NewTracks]
    ) -> Generation:
        """Return a generation, written, with another segment."""
        lost = [*current.lost, *_without_fingerprints(rows, parts)]
        parts = [part for part in parts if len(part.ids)]
        new = [write_segment(self._folder, build_segment(parts, self._threads))] if parts else []
        extended = self._merged(Generation(rows[-1].id, [*current.segments, *new], lost))
        write_generation(self._folder, extended)
        return extended

    def _tried_again(
        self, pool: ThreadPoolExecutor, current: Generation, tracks: Sequence[TrackToFingerprint]
    ) -> Generation:
        """Return a generation, written, with those tracks that can be read by now."""
        parts, seen = self._read_all(pool, tracks)
        lost = _without_fingerprints(tracks[:seen], parts) + [track.id for track in tracks[seen:]]
        if lost == [*current.lost]:
            return current
        segments = current.segments
        if parts := [part for part in parts if len(part.ids)]:
            segments = self._inserted(segments, sorted_tracks(parts))
        again = Generation(current.last_id, segments, lost)
        write_generation(self._folder, again)
        return again

    def _inserted(self, segments: Sequence[NamedSegment], new: NewTracks) -> list[NamedSegment]:
        """Return segments with some more tracks, each in the segment among whose ids its own is."""
        if not segments:
            return [write_segment(self._folder, build_segment([new], self._threads))]
        last_ids = [one.segment.ids[-1] for one in segments]
        places = np.searchsorted(last_ids, new.ids).clip(max=len(segments) - 1)
        found = [*segments]
        for place in np.unique(places).tolist():
            rows = np.flatnonzero(places == place)
            part = NewTracks(new.ids[rows], new.digests[rows], take_lines(new.lines, rows))
            tracks = sorted_tracks([_as_new(segments[place].segment), part])
            found[place] = write_segment(self._folder, build_segment([tracks], self._threads))
        return found

    def _take_or_read(self, tracks: Sequence[TrackToFingerprint]) -> NewTracks:
        """Return the tracks whose lines the workers recorded, and others that can be read."""
        digests = digest_numbers(track.digest for track in tracks)
        places, lines = self._recorded.take(digests)
        ids = np.array([track.id for track in tracks], np.int64)
        recorded = NewTracks(ids[places], digests[places], lines)
        found = set(places.tolist())
        if len(found) == len(tracks):
            return sorted_tracks([recorded])
        return sorted_tracks([recorded, self._read([it for at, it in enumerate(tracks) if at not in found])])

    def _read(self, tracks: Sequence[TrackToFingerprint]) -> NewTracks:
        """Return those tracks that can be read, with their lines."""
        found: list[tuple[TrackToFingerprint, bytes]] = []
        with nullcontext() if self._store.shards is None else self._shards_lock:
            for track in tracks:
                with suppress(StoreError):
                    data = self._store.read(track.location)
                    if blake3(data).digest() == track.digest:
                        found.append((track, data))
        if not hasattr(self._of_thread, "fingerprinter"):
            self._of_thread.fingerprinter = Fingerprinter()
        fingerprinter: Fingerprinter = self._of_thread.fingerprinter
        drums = [track.family == DRUM_FAMILY for track, _ in found]
        return NewTracks(
            np.array([track.id for track, _ in found], np.int64),
            digest_numbers(track.digest for track, _ in found),
            fingerprinter.lines([data for _, data in found], drums),
        )

    def _merged(self, generation: Generation) -> Generation:
        """Return a generation whose last segments are merged, so that their sizes fall fast enough."""
        segments = [*generation.segments]
        while len(segments) > 1:
            sizes = [len(one.segment) for one in segments[-2:]]
            if sizes[0] >= _MERGE_FACTOR * sizes[1] or sum(sizes) > MAX_SEGMENT_TRACKS:
                break
            segments[-2:] = [self._merge(segments[-2:])]
        return Generation(generation.last_id, segments, generation.lost)

    def _merge(self, segments: Sequence[NamedSegment]) -> NamedSegment:
        parts = [_as_new(one.segment) for one in segments]
        return write_segment(self._folder, build_segment(parts, self._threads))


def _as_new(segment: Segment) -> NewTracks:
    return NewTracks(segment.ids, segment.digests, segment.lines)


def _without_fingerprints(tracks: Sequence[TrackToFingerprint], parts: Sequence[NewTracks]) -> list[int]:
    """Return the ids of those tracks that are in no part."""
    found = {track_id for part in parts for track_id in part.ids.tolist()}
    return [track.id for track in tracks if track.id not in found]


def _tasks(
    rows: Sequence[TrackToFingerprint], threads: int
) -> Iterator[Sequence[Sequence[TrackToFingerprint]]]:
    """Yield tracks in tasks, a few for each thread at a time."""
    tasks = [rows[at : at + TRACKS_PER_TASK] for at in range(0, len(rows), TRACKS_PER_TASK)]
    step = 4 * threads
    for at in range(0, len(tasks), step):
        yield tasks[at : at + step]
