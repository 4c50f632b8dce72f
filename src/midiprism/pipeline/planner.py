"""Planning: songs in batches, without those that the catalog knows."""

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Protocol

from midiprism.catalog import BatchRecord, CommitResult, KnownPaths, UpToDate
from midiprism.errors import MidiprismError
from midiprism.pipeline.batch import Batch, PlannedBatch
from midiprism.sources import Notice, SongRef, Source
from midiprism.stores.shard_sink import ShardSink

PATHS_PER_PAGE = 4_000
"""Known paths that are read at once."""

BATCHES_OF_A_SIZE = 8
"""Batches after which the size of the next ones doubles, as long as it grows."""

_SEPARATOR = os.fsencode(os.sep)


class RunCatalog(Protocol):
    """The operations of a catalog that a run needs: a real one has them, and the stand-in of a dry run."""

    def known_paths(
        self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None
    ) -> KnownPaths: ...
    def oldest_contract_version(self) -> int | None: ...
    def prepare_commit(
        self, run_id: int, batches: Sequence[BatchRecord], shard_sink: ShardSink
    ) -> Callable[[], None] | None: ...
    def commit(
        self, run_id: int, batches: Sequence[BatchRecord], now: str, shard_sink: ShardSink | None = None
    ) -> list[CommitResult]: ...


class KnownPathLookup:
    """Looks up known paths during a walk in the order of the paths' bytes, one page of them at a time.

    If an archive is walked in another order, all that is known of it is read at once.

    Args:
        catalog: knows the paths.
        up_to_date: the songs with which there is nothing to do; None for all.
        page_size: paths that are read at once.
    """

    def __init__(
        self, catalog: RunCatalog, up_to_date: UpToDate | None, page_size: int = PATHS_PER_PAGE
    ) -> None:
        self._catalog = catalog
        self._up_to_date = up_to_date
        self._page_size = page_size
        self._page_first = self._page_last = b""
        self._page: KnownPaths | None = None
        self._is_final_page = False
        self._archive = b""
        self._archive_paths: KnownPaths = {}

    def is_unchanged(self, song_ref: SongRef) -> bool:
        """Return whether a song's path is known with the same size and time."""
        path, member = song_ref.path, song_ref.member
        if member is not None and not member.in_path_order:
            return _matches(self._known_in_archive(path[: member.container_path_length]).get(path), song_ref)
        page = self._page
        if page is None or path < self._page_first or (path > self._page_last and not self._is_final_page):
            self._page = page = self._catalog.known_paths(path, self._page_size, self._up_to_date)
            self._is_final_page = len(page) < self._page_size
            self._page_first = path
            self._page_last = next(reversed(page), path)
        return _matches(page.get(path), song_ref)

    def invalidate(self, *, archives: bool = False) -> None:
        """Forget the page that was read, since more may be known now; also ``archives``, which take longer to
        read."""
        self._page = None
        if archives:
            self._archive = b""

    def _known_in_archive(self, archive: bytes) -> KnownPaths:
        """Return the known paths in an archive.

        They are read once: what this run commits of the archive and meets again in a later source is
        recognised by its content.
        """
        if archive != self._archive:
            self._archive, self._archive_paths = archive, {}
            first = prefix = archive + _SEPARATOR
            while True:
                page = self._catalog.known_paths(first, self._page_size, self._up_to_date)
                inside = {path: known for path, known in page.items() if path.startswith(prefix)}
                self._archive_paths.update(inside)
                if len(inside) < self._page_size:
                    break
                first = next(reversed(inside)) + b"\0"
        return self._archive_paths


def _matches(known: tuple[int | None, int | None] | None, song_ref: SongRef) -> bool:
    """Return whether the known size and time of a path are those that the scan saw."""
    if known is None:
        return False
    sized = song_ref.member is None or song_ref.member.size_is_exact
    return known == (song_ref.size, song_ref.mtime_ns) if sized else known[1] == song_ref.mtime_ns


class SongWalk:
    """Walks over the songs of a source, each time from the beginning.

    Args:
        source: lists the songs.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._begun: Iterator[SongRef | Notice] | None = None

    def __iter__(self) -> Iterator[SongRef | Notice]:
        begun, self._begun = self._begun, None
        return self._source.walk() if begun is None else begun

    def has_songs(self) -> bool:
        """Return whether there is a song. The walk that found it is the next one, and is continued.

        An error of the source is left to that walk.
        """
        walk, seen = self._source.walk(), list[SongRef | Notice]()
        try:
            for item in walk:
                seen.append(item)
                if not isinstance(item, Notice):
                    self._begun = chain(seen, walk)
                    return True
        except MidiprismError:
            return False
        self._begun = iter(seen)
        return False


class ScanRecord:
    """Remembers what a walk has seen: a number per song, and the places that could not be read.

    Attributes:
        is_complete: whether the walk came to its end and listed all that it should.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin a walk; what an earlier one has seen is forgotten."""
        self.is_complete = False
        self._lists_all = True
        self._hashes = array("q")
        self._sorted_hashes: Any = None
        self._unread: set[bytes] = set()

    def add_song(self, path: bytes) -> None:
        """Remember that the walk has seen a song."""
        self._hashes.append(hash(path))

    def add_notice(self, notice: Notice) -> None:
        """Remember a folder, an archive or a song in one that could not be read."""
        if notice.failed:
            self._unread.add(notice.path)
            self._lists_all &= notice.code != "relative"  # it is not known which path that song has

    def end(self) -> None:
        """Remember that the walk came to its end."""
        self.is_complete = self._lists_all

    @property
    def song_count(self) -> int:
        """Number of songs seen; one that two sources hold counts twice."""
        return len(self._hashes)

    def have_seen(self, paths: Sequence[bytes]) -> Sequence[bool]:
        """Return for each path whether the walk has seen it."""
        import numpy as np

        if self._sorted_hashes is None:
            self._sorted_hashes = np.sort(np.array(self._hashes, np.int64))
        wanted = np.array([*map(hash, paths)], np.int64)
        positions = np.searchsorted(self._sorted_hashes, wanted).clip(max=max(0, self.song_count - 1))
        seen: list[bool] = (self._sorted_hashes[positions] == wanted).tolist() if self.song_count else []
        return seen or [False] * len(paths)

    def could_read(self, path: bytes) -> bool:
        """Return whether the walk could read the place in which a path is."""
        if not self._unread:
            return True
        place = path
        while place:
            if place in self._unread:
                return False
            parent, separator, _ = place.rpartition(_SEPARATOR)
            place = parent if separator else b""
        return True


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of planning.

    Attributes:
        songs: most songs of a batch.
        size: most bytes of a batch, unless one song alone has more.
        all_songs: look at so many songs only, in the order of the source; None for all.
        group_songs: a group of batches ends after so many songs; None where groups do not follow the plan.
        group_size: or after songs of so many bytes.
        first_songs: most songs of each of the first batches, which double after every ``BATCHES_OF_A_SIZE``;
            None for no such limit.
    """

    songs: int
    size: int
    all_songs: int | None = None
    group_songs: int | None = None
    group_size: int = 32 << 20
    first_songs: int | None = None


class BatchPlanner:
    """Plans the batches of a run.

    A song whose path is known with the same size and time is skipped unopened. A song that is met twice, in
    two sources, is planned once.

    Args:
        source: lists songs.
        walk: over its songs.
        known_paths: the songs with which there is nothing to do; None to do all again.
        limits: of batches, and of songs in all.
        on_notice: receives what is not a song.
        stop: once true, nothing more is planned.

    Attributes:
        scan: what the last walk has seen.
    """

    def __init__(
        self,
        source: Source,
        walk: SongWalk,
        known_paths: KnownPathLookup | None,
        limits: BatchLimits,
        *,
        on_notice: Callable[[Notice], None] = lambda _notice: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source = source
        self._walk = walk
        self._known_paths = known_paths
        self._limits = limits
        self._batch_songs = limits.songs
        self._batches_planned = 0
        self._on_notice = on_notice
        self._stop = stop
        self._paths_in_flight: set[bytes] = set()
        self._songs_skipped = 0
        self._songs_seen = 0
        self.scan = ScanRecord()

    @property
    def batch_songs(self) -> int:
        """Most songs of a batch."""
        return self._batch_songs

    @property
    def songs_seen(self) -> int:
        """Songs walked by so far."""
        return self._songs_seen

    @property
    def songs_skipped(self) -> int:
        """Songs skipped so far."""
        return max(0, self._songs_skipped)

    def batches(self) -> Iterator[PlannedBatch]:
        """Yield batches of songs that are to be opened, none of them empty and none leased."""
        limits = self._limits
        batch: list[SongRef] = []
        size = group_songs = group_size = 0
        for song_ref in self._unknown_songs():
            if batch and (len(batch) >= self._next_batch_songs or size + song_ref.size > limits.size):
                self._batches_planned += 1
                yield PlannedBatch(tuple(batch))
                batch, size = [], 0
            batch.append(song_ref)
            size += song_ref.size
            group_songs += 1
            group_size += song_ref.size
            if limits.group_songs and (group_songs >= limits.group_songs or group_size >= limits.group_size):
                yield PlannedBatch(tuple(batch), ends_group=True)
                batch, size, group_songs, group_size = [], 0, 0, 0
        if batch and not self._stop():
            yield PlannedBatch(tuple(batch))

    @property
    def _next_batch_songs(self) -> int:
        first = self._limits.first_songs
        if first is None:
            return self._batch_songs
        doublings = min(self._batches_planned // BATCHES_OF_A_SIZE, self._batch_songs.bit_length())
        return min(self._batch_songs, first << doublings)

    def resize_batches(self, songs: int) -> None:
        """Plan batches of at most so many songs from now on."""
        self._batch_songs = songs

    def restart(self, committed: int) -> None:
        """Walk again. Songs that this run has committed or has in flight are met once more and count once."""
        self._songs_seen = 0
        self._songs_skipped = -committed - len(self._paths_in_flight)
        if self._known_paths:
            self._known_paths.invalidate(archives=True)

    def add_skipped(self, songs: int) -> None:
        """Count songs that were planned and then found to be committed by another run."""
        self._songs_skipped += songs

    def mark_committed(self, batch: Batch) -> None:
        """From now on the catalog knows this batch."""
        self._paths_in_flight.difference_update(song_ref.path for song_ref in batch)
        if self._known_paths and len(self._source.source_paths) > 1:  # a later source may hold the same files
            self._known_paths.invalidate()

    def _unknown_songs(self) -> Iterator[SongRef]:
        for song_ref in islice(self._walk_songs(), self._limits.all_songs):
            if self._stop():
                return
            self._songs_seen += 1
            if (
                self._known_paths and self._known_paths.is_unchanged(song_ref)
            ) or song_ref.path in self._paths_in_flight:
                self._songs_skipped += 1
            else:
                self._paths_in_flight.add(song_ref.path)
                yield song_ref

    def _walk_songs(self) -> Iterator[SongRef]:
        self.scan.begin()
        for item in self._walk:
            if isinstance(item, Notice):
                self.scan.add_notice(item)
                self._on_notice(item)
            else:
                self.scan.add_song(item.path)
                yield item
        self.scan.end()
