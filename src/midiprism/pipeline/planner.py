"""What is to be done: songs in batches, without those that the catalogue knows."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from midiprism.catalog import BatchRecord, CommitResult, KnownPaths, UpToDate
from midiprism.sources import Notice, SongRef, Source

Batch = tuple[SongRef, ...]

_READ_AHEAD = 4_000
_SEPARATOR = os.fsencode(os.sep)


class RunCatalog(Protocol):
    """What is known, and learns: a catalogue, or the stand-in of a dry run."""

    def known_paths(
        self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None
    ) -> KnownPaths: ...
    def oldest_contract_version(self) -> int | None: ...
    def commit(self, run_id: int, batches: Sequence[BatchRecord], now: str) -> list[CommitResult]: ...


class KnownPathLookup:
    """Known paths, read in stretches beside a walk in the order of the paths' bytes.

    Of an archive that is walked in another order, all that is known is read at once.

    Args:
        memory: what is known.
        settled: the songs with which there is nothing to do; None for all.
    """

    def __init__(self, catalog: RunCatalog, up_to_date: UpToDate | None) -> None:
        self._catalog = catalog
        self._up_to_date = up_to_date
        self._page_first = self._page_last = b""
        self._page: KnownPaths | None = None
        self._is_final_page = False
        self._archive = b""
        self._archive_paths: KnownPaths = {}

    def is_unchanged(self, song_ref: SongRef) -> bool:
        """Whether a song is known as it was found, with the same size and time."""
        path, member = song_ref.path, song_ref.member
        if member is not None and not member.in_path_order:
            return _matches(self._known_in_archive(path[: member.container_path_length]).get(path), song_ref)
        stretch = self._page
        if stretch is None or path < self._page_first or (path > self._page_last and not self._is_final_page):
            self._page = stretch = self._catalog.known_paths(path, _READ_AHEAD, self._up_to_date)
            self._is_final_page = len(stretch) < _READ_AHEAD
            self._page_first = path
            self._page_last = next(reversed(stretch), path)
        return _matches(stretch.get(path), song_ref)

    def invalidate(self, *, archives: bool = False) -> None:
        """What was read may not be all any more; nor of ``archives``, which take longer to read."""
        self._page = None
        if archives:
            self._archive = b""

    def _known_in_archive(self, archive: bytes) -> KnownPaths:
        """What is known of an archive. It is read once: under a second source, what this run learnt of it is
        recognised by content."""
        if archive != self._archive:
            self._archive, self._archive_paths = archive, {}
            first = inside = archive + _SEPARATOR
            while True:
                stretch = self._catalog.known_paths(first, _READ_AHEAD, self._up_to_date)
                found = {path: known for path, known in stretch.items() if path.startswith(inside)}
                self._archive_paths.update(found)
                if len(found) < _READ_AHEAD:
                    break
                first = next(reversed(found)) + b"\0"
        return self._archive_paths


def _matches(known: tuple[int | None, int | None] | None, song_ref: SongRef) -> bool:
    """Whether what is known of a path is what was found there."""
    if known is None:
        return False
    sized = song_ref.member is None or song_ref.member.size_is_exact
    return known == (song_ref.size, song_ref.mtime_ns) if sized else known[1] == song_ref.mtime_ns


class BatchPlanner:
    """The batches of a run.

    A song whose path is known with the same size and time is skipped unopened. One that was found twice,
    under two sources, is planned once.

    Args:
        library: where songs come from.
        known: the songs with which there is nothing to do; None to do all again.
        batch_songs: most songs of a batch.
        batch_bytes: most bytes of them together, unless one alone has more.
        limit: look at so many songs only, in the library's order.
        notice: is told what is no song.
        stop: once true, there is nothing more to do.

    Attributes:
        batch_songs: most songs of a batch.
        skipped: songs skipped so far.
        seen: songs walked by so far.
    """

    def __init__(
        self,
        source: Source,
        known_paths: KnownPathLookup | None,
        *,
        batch_songs: int,
        batch_bytes: int,
        limit: int | None,
        on_notice: Callable[[Notice], None],
        stop: Callable[[], bool],
    ) -> None:
        self.songs_skipped = 0
        self.songs_seen = 0
        self._source = source
        self._known_paths = known_paths
        self.batch_songs = batch_songs
        self._batch_bytes = batch_bytes
        self._limit = limit
        self._on_notice = on_notice
        self._stop = stop
        self._paths_in_flight: set[bytes] = set()

    def batches(self) -> Iterator[Batch]:
        """Batches of what is to be opened, none of them empty."""
        batch: list[SongRef] = []
        size = 0
        for found in self._unknown_songs():
            if batch and (len(batch) >= self.batch_songs or size + found.size > self._batch_bytes):
                yield tuple(batch)
                batch, size = [], 0
            batch.append(found)
            size += found.size
        if batch and not self._stop():
            yield tuple(batch)

    def restart(self, committed: int) -> None:
        """Walk again: what this run has committed, or has in flight, is met once more and counts once."""
        self.songs_seen = 0
        self.songs_skipped = -committed - len(self._paths_in_flight)
        if self._known_paths:
            self._known_paths.invalidate(archives=True)

    def mark_committed(self, batch: Batch) -> None:
        """From here on the memory knows of this batch."""
        self._paths_in_flight.difference_update(found.path for found in batch)
        if self._known_paths and len(self._source.source_paths) > 1:  # a later source may hold the same files
            self._known_paths.invalidate()

    def _unknown_songs(self) -> Iterator[SongRef]:
        for found in islice(self._walk_songs(), self._limit):
            if self._stop():
                return
            self.songs_seen += 1
            if (
                self._known_paths and self._known_paths.is_unchanged(found)
            ) or found.path in self._paths_in_flight:
                self.songs_skipped += 1
            else:
                self._paths_in_flight.add(found.path)
                yield found

    def _walk_songs(self) -> Iterator[SongRef]:
        for item in self._source.walk():
            if isinstance(item, Notice):
                self._on_notice(item)
            else:
                yield item
