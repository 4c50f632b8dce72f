"""Brings the index up to date with the catalog, in a time that goes with what has changed."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog import Address
from midiprism.catalog.changed_ids import format_ids, parse_ids
from midiprism.catalog.queries.index_rows import (
    ALL_SONGS,
    CatalogState,
    Commit,
    IdRange,
    catalog_state,
    commits,
    highest_song_id,
    id_conditions,
    link_count,
    song_sizes,
)
from midiprism.catalog.reader import CatalogReader, open_reader
from midiprism.errors import InUseError, StoreError
from midiprism.fs.column_file import Array, ColumnFile, Columns
from midiprism.results.background import Background
from midiprism.results.lock import lock_exclusive
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
from midiprism.search.index.id_ranges import are_in_ranges, merge_ranges, ranges_of
from midiprism.search.index.segment_builder import build_segment
from midiprism.search.index.segment_files import make_segment_files

MAX_SEGMENT_LINKS = 400_000
"""Most links of a segment, but for songs with more; bounds the memory that a build takes."""

_TIER_FACTOR = 4
"""So many segments of about the same size become one."""
SMALLEST_TIER_LINKS = 2_000
_MAX_DEAD_SHARE = 0.5
MANY_SONGS = 50_000  # to read them takes a few seconds
FEW_LINKS = 20_000
"""So many are read in about the time that another process takes to open the catalog."""


class OpenedIndex(NamedTuple):
    """An index.

    Attributes:
        generation: its segments; None if there is none that is up to date, or can be brought up to date in a
            short time.
        obstacle: why its files are not up to date; None if they are, or another process is at it.
    """

    generation: Generation | None
    obstacle: str | None = None


def open_index(
    out: str, address: Address, reader: CatalogReader, on_build: Callable[[], None] = lambda: None
) -> OpenedIndex:
    """Return the index of a snapshot of a catalog, which is brought up to date first.

    Where another process is writing it, or nothing can be written, what has changed since the last generation
    is read into memory.

    Args:
        out: folder of the result.
        address: of the catalog.
        reader: of the snapshot.
        on_build: called before the index of many songs is made from nothing.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    state = catalog_state(reader)
    current = read_generation(index_folder(out))
    if current is not None and current.state == state:
        return OpenedIndex(current)
    updated = update_index(out, address, reader, on_build)
    if updated.generation is not None and updated.generation.state == state:
        return updated
    change = _Update(Snapshot.of(reader), current, None)
    return OpenedIndex(change.run() if change.is_incremental else None, updated.obstacle)


def index_in_memory(reader: CatalogReader) -> Generation:
    """Return the index of a snapshot, made from nothing and without files.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    return _Update(Snapshot.of(reader), None, None).run()


def update_index(
    out: str,
    address: Address,
    reader: CatalogReader,
    on_build: Callable[[], None] = lambda: None,
    in_background: Background | None = None,
) -> OpenedIndex:
    """Bring the index of a result up to date with a snapshot of its catalog.

    Args:
        out: folder of the result.
        address: of the catalog.
        reader: of the snapshot.
        on_build: called before the index of many songs is made from nothing.
        in_background: makes a half of the segments of more than a few songs; without it, a process is started
            for that where there are many songs.

    Returns:
        The newest generation, which may be of a later snapshot; without one if another process is writing the
        index, or it cannot be written.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    folder = index_folder(out)
    try:
        os.makedirs(folder, exist_ok=True)
        with lock_exclusive(folder):
            current = read_generation(folder)
            snapshot = Snapshot.of(reader)
            if current is None or not snapshot.is_passed_by(current, address):
                change = _Update(snapshot, current, folder)
                if not change.is_incremental and highest_song_id(reader) > MANY_SONGS:
                    on_build()
                    in_background = in_background or _start_process()
                current = change.run(Helper(address, in_background) if in_background else None)
                write_generation(folder, current)
            remove_unnamed(folder, current)
            return OpenedIndex(current)
    except InUseError:
        return OpenedIndex(None)
    except OSError as error:
        return OpenedIndex(None, error.strerror or str(error))
    except StoreError as error:
        return OpenedIndex(None, str(error))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of a catalog.

    Attributes:
        reader: of the snapshot.
        state: of the catalog.
        commits: of the catalog, by their digests.
    """

    reader: CatalogReader
    state: CatalogState
    commits: dict[int, Commit]

    @classmethod
    def of(cls, reader: CatalogReader) -> "Snapshot":
        """Read what a snapshot states of its commits."""
        return cls(reader, catalog_state(reader), {_digest(commit): commit for commit in commits(reader)})

    @property
    def digests(self) -> NDArray[np.uint64]:
        """The digests of all commits, ascending."""
        return np.sort(np.fromiter(self.commits, np.uint64, len(self.commits)))

    def is_passed_by(self, generation: Generation, address: Address) -> bool:
        """Return whether a generation stands for this snapshot, or for a later one of the same catalog."""
        if self.state == generation.state:
            return True
        if not np.isin(self.digests, generation.commits).all():
            return False
        with open_reader(address) as newest:  # the same again if the catalog was put back from a backup
            return catalog_state(newest) != self.state


class Helper(NamedTuple):
    """The means to make segments in another process.

    Attributes:
        address: of the catalog.
        in_background: starts work there.
    """

    address: Address
    in_background: Background


def _start_process() -> Background:
    from midiprism.pipeline.executors import background_for

    return background_for(1)


class _Update:
    """One update.

    Args:
        snapshot: of the catalog.
        current: the newest generation; None to build the index from nothing.
        folder: of the index; None to write nothing.
    """

    def __init__(self, snapshot: Snapshot, current: Generation | None, folder: str | None) -> None:
        self._snapshot = snapshot
        self._reader = snapshot.reader
        self._current = current
        self._folder = folder
        self._changed = self._changed_songs()

    @property
    def is_incremental(self) -> bool:
        """True if only what has changed since the current generation is read."""
        return self._changed is not None

    def run(self, helper: Helper | None = None) -> Generation:
        """Return the generation of the snapshot, whose segments are written if there is a folder.

        Args:
            helper: makes a half of the segments in another process; None to make all in this one.
        """
        changed = self._changed
        kept: list[IndexedSegment] = []
        if changed is None or self._current is None:
            changed = [ALL_SONGS]
        else:
            kept = [_without(segment, changed) for segment in self._current.segments]
            kept, merged = _choose_merged(kept)
            changed = merge_ranges([*changed, *merged])
        if helper is None or self._folder is None:
            new = [self._make_segment(songs) for songs in self._divide(changed, MAX_SEGMENT_LINKS)]
        else:
            new = self._make_with_helper(helper, self._folder, changed)
        segments = [*kept, *(segment for segment in new if len(segment.columns["songs.id"]))]
        return Generation(self._snapshot.state, self._snapshot.digests, segments)

    def _changed_songs(self) -> list[IdRange] | None:
        """Return the songs that have changed since the current generation; None if it is of no use."""
        if self._current is None:
            return None
        digests = self._snapshot.digests
        if not np.isin(self._current.commits, digests).all():
            return None  # another catalog, or an earlier state that was put back
        changed: list[tuple[int, int]] = []
        changed_tracks: list[tuple[int, int]] = []
        for digest in np.setdiff1d(digests, self._current.commits).tolist():
            commit = self._snapshot.commits[digest]
            if commit.changed_songs is None:
                return None
            changed += parse_ids(commit.changed_songs)
            changed_tracks += parse_ids(commit.changed_tracks or "")
        if changed_tracks:
            wanted = merge_ranges(changed_tracks)
            found = [_songs_with(one.columns, wanted) for one in self._current.segments]
            ids = np.concatenate([np.empty(0, np.int64), *found])
            changed += parse_ids(format_ids(ids.tolist()))
        ranges = merge_ranges(changed)
        indexed = sum(len(segment.columns["songs.id"]) for segment in self._current.segments)
        return None if sum(last - first + 1 for first, last in ranges) > indexed else ranges

    def _divide(self, ranges: Sequence[IdRange], max_links: int) -> Iterator[list[IdRange]]:
        """Divide songs into those of a segment each."""
        part: list[IdRange] = []
        links = 0
        for songs in ranges:
            first = songs.first
            for condition in id_conditions([songs]):
                for rows in song_sizes(self._reader, condition):
                    for song_id, count in rows:
                        links += count
                        if links >= max_links:
                            yield [*part, IdRange(first, song_id)]
                            part, links, first = [], 0, song_id + 1
            if first <= songs.last:
                part.append(IdRange(first, songs.last))
        if part:
            yield part

    def _make_with_helper(
        self, helper: Helper, folder: str, ranges: Sequence[IdRange]
    ) -> list[IndexedSegment]:
        """Return the segments of some songs, of which another process makes a half if they are not few."""
        links = sum(link_count(self._reader, condition) for condition in id_conditions(ranges))
        max_links = min(MAX_SEGMENT_LINKS, max(FEW_LINKS, links // 2 + 1))
        parts = [*self._divide(ranges, max_links)]
        own, others = parts[: (len(parts) + 1) // 2], parts[(len(parts) + 1) // 2 :]
        if not others:
            return [self._make_segment(songs) for songs in own]
        state = self._snapshot.state
        result = helper.in_background(make_segment_files, helper.address, state, others, folder)
        made = [self._make_segment(songs) for songs in own]
        names = result()
        if names is None:
            return [*made, *(self._make_segment(songs) for songs in others)]
        nothing: Array = np.empty(0, np.uint32)
        files = (ColumnFile(os.path.join(folder, name)) for name in names)
        return [
            *made,
            *(IndexedSegment(name, file, nothing) for name, file in zip(names, files, strict=True)),
        ]

    def _make_segment(self, songs: Sequence[IdRange]) -> IndexedSegment:
        arrays = build_segment(self._reader, songs)
        nothing: Array = np.empty(0, np.uint32)
        if self._folder is None or not len(arrays["songs.id"]):
            return IndexedSegment("", arrays, nothing)
        name = secrets.token_hex(8)
        return IndexedSegment(segment_file(name), write_segment(self._folder, name, arrays), nothing)


def _without(segment: IndexedSegment, songs: Sequence[IdRange]) -> IndexedSegment:
    """Return a segment in which some songs are dead."""
    if not songs:
        return segment
    is_dead = are_in_ranges(segment.columns["songs.id"], songs)
    is_dead[segment.dead_songs] = True
    return segment._replace(dead_songs=np.flatnonzero(is_dead).astype(np.uint32))


def _songs_with(columns: Columns, tracks: Sequence[IdRange]) -> Array:
    """Return the ids of the songs of a segment that have some tracks."""
    is_wanted = are_in_ranges(columns["tracks.id"], tracks)
    links = np.flatnonzero(is_wanted[columns["links.track"]])
    songs = np.searchsorted(columns["songs.links"], links, "right") - 1
    return columns["songs.id"][np.unique(songs)]


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
    return kept, ranges_of(ids)


def _tier(segment: IndexedSegment) -> int:
    return _tier_of(segment.live_links)


def _tier_of(links: int) -> int:
    tier = 0
    while links >= SMALLEST_TIER_LINKS:
        links //= _TIER_FACTOR
        tier += 1
    return tier


def _top_tier() -> int:
    """Return the tier of segments that are large enough."""
    return _tier_of(MAX_SEGMENT_LINKS)


def _is_mostly_dead(segment: IndexedSegment) -> bool:
    return len(segment.dead_songs) > _MAX_DEAD_SHARE * len(segment.columns["songs.id"])


def _digest(commit: Commit) -> int:
    """Return a number that distinguishes a commit from all others, also of other catalogs."""
    text = repr((commit.id, *commit.identity)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
