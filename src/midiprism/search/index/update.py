"""Brings the index up to date with the catalog, in a time that goes with what has changed."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from midiprism.catalog.changed_songs import format_song_ids, parse_song_ids
from midiprism.catalog.queries.index_rows import (
    ALL_SONGS,
    CatalogState,
    Commit,
    IdRange,
    catalog_state,
    commits,
    song_conditions,
    song_sizes,
)
from midiprism.catalog.reader import CatalogReader
from midiprism.errors import InUseError, StoreError
from midiprism.results.lock import lock_exclusive
from midiprism.search.index.column_file import Array
from midiprism.search.index.generation import (
    Generation,
    IndexedSegment,
    index_folder,
    read_generation,
    remove_unnamed,
    segment_file,
    write_generation,
    write_segment,
)
from midiprism.search.index.segment_builder import build_segment

MAX_SEGMENT_LINKS = 800_000
"""Most links of a segment, but for songs with more; bounds the memory that a build takes."""

_TIER_FACTOR = 4
"""So many segments of about the same size become one."""
_SMALLEST_TIER_LINKS = 2_000
_MAX_DEAD_SHARE = 0.5


class OpenedIndex(NamedTuple):
    """An index that is up to date.

    Attributes:
        generation: its segments.
        is_stored: whether it is in files; else it is in memory, and the next search has to build it again.
    """

    generation: Generation
    is_stored: bool


def open_index(out: str, reader: CatalogReader) -> OpenedIndex:
    """Return the index of a snapshot of a catalog, which is brought up to date first.

    Where another process is writing it, or nothing can be written, what is new is read into memory.

    Args:
        out: folder of the result.
        reader: of the snapshot.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    folder, state = index_folder(out), catalog_state(reader)
    current = read_generation(folder)
    if current is not None and current.state == state:
        return OpenedIndex(current, True)
    with suppress(OSError, InUseError, StoreError):
        os.makedirs(folder, exist_ok=True)
        with lock_exclusive(folder):
            current = read_generation(folder)
            if current is None or current.state != state:
                current = _Update(reader, state, current, folder).run()
                write_generation(folder, current)
            remove_unnamed(folder, current)
            return OpenedIndex(current, True)
    if current is not None and current.state.commits > state.commits:
        current = None  # another process has seen a later state than this snapshot
    return OpenedIndex(_Update(reader, state, current, None).run(), False)


class _Update:
    """One update.

    Args:
        reader: of a snapshot.
        state: of the snapshot.
        current: the newest generation; None to build the index from nothing.
        folder: of the index; None to write nothing.
    """

    def __init__(
        self, reader: CatalogReader, state: CatalogState, current: Generation | None, folder: str | None
    ) -> None:
        self._reader = reader
        self._state = state
        self._current = current
        self._folder = folder

    def run(self) -> Generation:
        """Return the generation of the snapshot, whose segments are written if there is a folder."""
        all_commits = [*commits(self._reader)]
        changed = self._changed_songs(all_commits)
        kept: list[IndexedSegment] = []
        if changed is None or self._current is None:
            changed = [ALL_SONGS]
        else:
            kept = [_without(segment, changed) for segment in self._current.segments]
            kept, merged = _choose_merged(kept)
            changed = merge_ranges([*changed, *merged])
        new = [self._make_segment(songs) for songs in self._divide(changed)]
        segments = [*kept, *(segment for segment in new if len(segment.columns["songs.id"]))]
        return Generation(self._state, _known_commits(all_commits), segments)

    def _changed_songs(self, all_commits: Sequence[Commit]) -> list[IdRange] | None:
        """Return the songs that have changed since the current generation; None if it is of no use."""
        if self._current is None:
            return None
        known_ranges = parse_song_ids(self._current.known_commits[0])
        known_ids = {commit_id for first, last in known_ranges for commit_id in range(first, last + 1)}
        known = [commit for commit in all_commits if commit.id in known_ids]
        if len(known) != len(known_ids) or _known_commits(known) != self._current.known_commits:
            return None  # another catalog, or an earlier state that was put back
        changed: list[tuple[int, int]] = []
        for commit in all_commits:
            if commit.id not in known_ids:
                if commit.changed_songs is None:
                    return None
                changed += parse_song_ids(commit.changed_songs)
        ranges = merge_ranges(changed)
        indexed = sum(len(segment.columns["songs.id"]) for segment in self._current.segments)
        return None if sum(last - first + 1 for first, last in ranges) > indexed else ranges

    def _divide(self, ranges: Sequence[IdRange]) -> Iterator[list[IdRange]]:
        """Divide songs into those of a segment each."""
        part: list[IdRange] = []
        links = 0
        for songs in ranges:
            first = songs.first
            for condition in song_conditions([songs]):
                for rows in song_sizes(self._reader, condition):
                    for song_id, count in rows:
                        links += count
                        if links >= MAX_SEGMENT_LINKS:
                            yield [*part, IdRange(first, song_id)]
                            part, links, first = [], 0, song_id + 1
            if first <= songs.last:
                part.append(IdRange(first, songs.last))
        if part:
            yield part

    def _make_segment(self, songs: Sequence[IdRange]) -> IndexedSegment:
        arrays = build_segment(self._reader, songs)
        nothing: Array = np.empty(0, np.uint32)
        if self._folder is None or not len(arrays["songs.id"]):
            return IndexedSegment("", arrays, nothing)
        name = secrets.token_hex(8)
        return IndexedSegment(segment_file(name), write_segment(self._folder, name, arrays), nothing)


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[IdRange]:
    """Return the same ids as ranges that are sorted and do not touch."""
    merged: list[IdRange] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1].last + 1:
            merged[-1] = IdRange(merged[-1].first, max(merged[-1].last, last))
        else:
            merged.append(IdRange(first, last))
    return merged


def _without(segment: IndexedSegment, songs: Sequence[IdRange]) -> IndexedSegment:
    """Return a segment in which some songs are dead."""
    if not songs:
        return segment
    ids = segment.columns["songs.id"]
    bounds = np.array(songs, np.int64)
    ranges = np.searchsorted(bounds[:, 0], ids, "right") - 1
    is_dead = (ranges >= 0) & (ids <= bounds[ranges, 1])
    is_dead[segment.dead_songs] = True
    return segment._replace(dead_songs=np.flatnonzero(is_dead).astype(np.uint32))


def _choose_merged(segments: Sequence[IndexedSegment]) -> tuple[list[IndexedSegment], list[IdRange]]:
    """Return the segments to keep, and the songs of those that are to be merged with what is new.

    Each row is written a few times at most, and the number of segments grows with the logarithm of the rows.
    """
    tiers: dict[int, list[IndexedSegment]] = {}
    for segment in segments:
        tiers.setdefault(_tier(segment), []).append(segment)
    merged: list[IndexedSegment] = []
    for tier in sorted(tiers):
        # What is merged becomes one segment of a higher tier, where it counts too.
        if len(tiers[tier]) + bool(merged) >= _TIER_FACTOR and tier < _top_tier():
            merged += tiers[tier]
    merged += [segment for segment in segments if segment not in merged and _is_mostly_dead(segment)]
    names = {id(segment) for segment in merged}
    kept = [segment for segment in segments if id(segment) not in names]
    ids = np.concatenate([np.empty(0, np.int64), *(segment.live_song_ids for segment in merged)])
    return kept, [IdRange(first, last) for first, last in parse_song_ids(format_song_ids(ids.tolist()))]


def _tier(segment: IndexedSegment) -> int:
    return _tier_of(segment.live_links)


def _tier_of(links: int) -> int:
    tier = 0
    while links >= _SMALLEST_TIER_LINKS:
        links //= _TIER_FACTOR
        tier += 1
    return tier


def _top_tier() -> int:
    """Return the tier of segments that are large enough."""
    return _tier_of(MAX_SEGMENT_LINKS)


def _is_mostly_dead(segment: IndexedSegment) -> bool:
    return len(segment.dead_songs) > _MAX_DEAD_SHARE * len(segment.columns["songs.id"])


def _known_commits(all_commits: Sequence[Commit]) -> tuple[str, str]:
    """Return the ids of commits as ranges, and a digest of what they are."""
    hasher = hashlib.blake2b(digest_size=16)
    for commit in all_commits:
        hasher.update(repr((commit.id, *commit.identity)).encode())
    return format_song_ids(commit.id for commit in all_commits), hasher.hexdigest()
