"""Checks that what some digests name is there: the songs and tracks of links, of paths and of the index.

A task has the digests of a few prefixes only. It reads the files that name digests, and keeps those with its
prefixes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from midiprism.generations.digests import as_array
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS
from midiprism.generations.result import TableFile
from midiprism.generations.verification.digest_arrays import (
    digests_of_column,
    distinct,
    halves_of,
    prefixes_of,
)
from midiprism.generations.verification.file_check import songs_with_counts
from midiprism.generations.verification.table_reading import DamagedFileError, read_tables
from midiprism.objects import ObjectStorage
from midiprism.stores.parquet.schema import DIGEST_COLUMN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COMPACT_DIGESTS = 1 << 20


class PrefixRange(NamedTuple):
    """Some prefixes of a result.

    Attributes:
        first: of them.
        end: after the last.
        prefixes: of the result.
    """

    first: int
    end: int
    prefixes: int

    def contains(self, digests: "NDArray[np.bytes_]") -> "NDArray[np.bool_]":
        """Return which digests have one of them."""
        numbers = prefixes_of(digests, self.prefixes)
        return (numbers >= self.first) & (numbers < self.end)


class DigestCounts(NamedTuple):
    """Counts of what does not fit. Messages about them are in ``MESSAGES``."""

    tracks_twice: int = 0
    tracks_not_found: int = 0
    tracks_not_linked: int = 0
    songs_twice: int = 0
    songs_not_found: int = 0
    songs_not_linked: int = 0
    songs_on_paths: int = 0
    songs_without_links: int = 0

    def plus(self, other: "DigestCounts") -> "DigestCounts":
        """Return the sums of both."""
        return DigestCounts(*(one + another for one, another in zip(self, other, strict=True)))


MESSAGES = {
    "tracks_twice": "{:,} tracks are there twice.",
    "tracks_not_found": "{:,} tracks that were found new are in no file.",
    "tracks_not_linked": "{:,} tracks of links are in no file.",
    "songs_twice": "{:,} songs are there twice.",
    "songs_not_found": "{:,} songs that were found new are in no file.",
    "songs_not_linked": "{:,} songs of links are in no file.",
    "songs_on_paths": "{:,} songs at paths have no outcome.",
    "songs_without_links": "{:,} songs do not have as many links as they should.",
}


class SelectedDigests(NamedTuple):
    """Digests of a file that have some prefixes, each as bytes, one after the other.

    Attributes:
        tracks: each once, but in files of tracks as often as there; sorted.
        songs: likewise for songs.
        counts: of links of each of ``songs``, as unsigned numbers of 64 bits; without songs as they are.
    """

    tracks: bytes = b""
    songs: bytes = b""
    counts: bytes = b""


def select_digests(
    storage: ObjectStorage, file: TableFile, prefixes: PrefixRange, with_songs: bool
) -> SelectedDigests:
    """Return the digests in a file that have some prefixes; none of a damaged file.

    Args:
        storage: of the result.
        file: of any table.
        prefixes: that count.
        with_songs: whether songs of links count too.

    Raises:
        ObjectStorageError: the store does not answer.
    """
    import numpy as np

    tracks, songs, counts = [], [], []
    try:
        for table in read_tables(storage, file, _columns_of(file.table, with_songs)):
            if file.table in (TRACKS, LINKS):
                name = DIGEST_COLUMN if file.table == TRACKS else "track_blake3"
                tracks.append(_chosen(digests_of_column(table.column(name)), prefixes))
            if file.table == SONGS:
                found, times = songs_with_counts(table)
                keep = prefixes.contains(found)
                songs.append(found[keep])
                counts.append(times[keep])
            elif file.table == PATHS or (file.table == LINKS and with_songs):
                name = "blake3" if file.table == PATHS else "song_blake3"
                songs.append(_chosen(digests_of_column(table.column(name)), prefixes))
    except (DamagedFileError, ValueError, TypeError, OverflowError):  # found when it was checked by itself
        return SelectedDigests()
    if file.table in (TRACKS, SONGS):
        parts = ([as_array(b""), *tracks], [as_array(b""), *songs], [np.empty(0, np.uint64), *counts])
        return SelectedDigests._make(np.concatenate(part).tobytes() for part in parts)
    each, links = np.unique(np.concatenate([as_array(b""), *songs]), return_counts=True)
    return SelectedDigests(distinct(tracks).tobytes(), each.tobytes(), links.astype(np.uint64).tobytes())


def _columns_of(table: str, with_songs: bool) -> tuple[str, ...]:
    if table == LINKS:
        return ("track_blake3", "song_blake3") if with_songs else ("track_blake3",)
    return {TRACKS: (DIGEST_COLUMN,), SONGS: ("blake3", "track_count"), PATHS: ("blake3",)}[table]


def _chosen(digests: "NDArray[np.bytes_]", prefixes: PrefixRange) -> "NDArray[np.bytes_]":
    chosen: NDArray[np.bytes_] = digests[prefixes.contains(digests)]
    return chosen


Select = Callable[[Sequence[TableFile], bool], Iterator[SelectedDigests]]
"""Yields the digests that files have with some prefixes, for files and whether songs of links count."""


def compare_with_index(
    songs: "NDArray[np.uint64]",
    tracks: "NDArray[np.uint64]",
    files: Sequence[TableFile],
    select: Select,
) -> DigestCounts:
    """Return how many tracks of links and songs at paths are not in the index.

    This is enough where the files have exactly the digests of the index, and the songs their links. Of each
    digest, 8 bytes are compared: one that is missing is not noticed with a chance of less than 10**-11.

    Args:
        songs: first halves of the digests of songs in the index, sorted.
        tracks: likewise for tracks.
        files: of all tables.
        select: reads files.
    """
    missing_tracks, missing_songs = _Missing(tracks), _Missing(songs)
    for found in select([file for file in files if file.table in (LINKS, PATHS)], False):
        missing_tracks.add(halves_of(as_array(found.tracks))[:, 0])
        missing_songs.add(halves_of(as_array(found.songs))[:, 0])
    return DigestCounts(tracks_not_linked=missing_tracks.count(), songs_on_paths=missing_songs.count())


def compare_with_files(
    index_songs: "NDArray[np.bytes_]",
    index_tracks: "NDArray[np.bytes_]",
    files: Sequence[TableFile],
    select: Select,
) -> DigestCounts:
    """Return how many songs and tracks are missing or there twice, by the digests in the files themselves.

    Args:
        index_songs: digests of songs in the index, sorted, each once.
        index_tracks: likewise for tracks.
        files: of all tables.
        select: reads files.
    """
    import numpy as np

    tracks = np.concatenate(
        [as_array(b""), *(as_array(it.tracks) for it in select(_of(TRACKS, files), True))]
    )
    twice, tracks = _without_doubles(tracks)
    counts = DigestCounts(tracks_twice=twice, tracks_not_found=_Missing(tracks).of(index_tracks))
    songs = _SongLinks(select(_of(SONGS, files), True))
    linked_tracks, linked_songs, on_paths = _Missing(tracks), _Missing(songs.digests), _Missing(songs.digests)
    for found in select(_of(LINKS, files), True):
        linked_tracks.add(as_array(found.tracks))
        linked_songs.add(as_array(found.songs))
        songs.add_links(found)
    for found in select(_of(PATHS, files), True):
        on_paths.add(as_array(found.songs))
    return counts._replace(
        tracks_not_linked=linked_tracks.count(),
        songs_twice=songs.twice,
        songs_not_found=_Missing(songs.digests).of(index_songs),
        songs_not_linked=linked_songs.count(),
        songs_on_paths=on_paths.count(),
        songs_without_links=songs.count_without_links(),
    )


def _of(table: str, files: Sequence[TableFile]) -> list[TableFile]:
    return [file for file in files if file.table == table]


def _without_doubles(digests: "NDArray[np.bytes_]") -> "tuple[int, NDArray[np.bytes_]]":
    """Return how many digests are there again, and all of them once, sorted."""
    each = distinct([digests])
    return len(digests) - len(each), each


class _SongLinks:
    """The songs in files, each with the number of its links that are still to be found.

    Attributes:
        digests: of the songs, sorted, each once.
        twice: number of digests that are there again.
    """

    def __init__(self, files: Iterable[SelectedDigests]) -> None:
        import numpy as np

        found = [*files]
        digests = np.concatenate([as_array(b""), *(as_array(it.songs) for it in found)])
        counts = np.concatenate(
            [np.empty(0, np.uint64), *(np.frombuffer(it.counts, np.uint64) for it in found)]
        )
        self.digests, first = np.unique(digests, return_index=True)
        self.twice = len(digests) - len(self.digests)
        self._open = counts[first].astype(np.int64)

    def add_links(self, found: SelectedDigests) -> None:
        """Count the links of a file."""
        import numpy as np

        linked = as_array(found.songs)
        places, is_there = _places(self.digests, linked)
        self._open[places[is_there]] -= np.frombuffer(found.counts, np.int64)[is_there]

    def count_without_links(self) -> int:
        """Return the number of songs that have other links than they should."""
        return int((self._open != 0).sum())


class _Missing:
    """Collects digests, or halves of them, that are not in an array.

    Args:
        present: sorted.
    """

    def __init__(self, present: "NDArray[Any]") -> None:
        self._present = present
        self._missing: list[NDArray[Any]] = []
        self._waiting = 0

    def add(self, needed: "NDArray[Any]") -> None:
        """Collect those of some sorted digests that are not there."""
        _, is_there = _places(self._present, needed)
        missing = needed[~is_there]
        if len(missing):
            self._missing.append(missing)
            self._waiting += len(missing)
        if self._waiting > _COMPACT_DIGESTS:
            self._missing, self._waiting = [_distinct_of(self._missing)], 0

    def count(self) -> int:
        """Return the number of different digests that are not there."""
        return len(_distinct_of(self._missing)) if self._missing else 0

    def of(self, needed: "NDArray[Any]") -> int:
        """Return how many of some digests, each once, are not there."""
        self.add(needed)
        return self.count()


def _distinct_of(parts: "list[NDArray[Any]]") -> "NDArray[Any]":
    import numpy as np

    return np.unique(np.concatenate(parts))


def _places(present: "NDArray[Any]", needed: "NDArray[Any]") -> "tuple[NDArray[np.intp], NDArray[np.bool_]]":
    """Return for each digest its place among sorted ones, and whether it is there."""
    import numpy as np

    if not len(present):
        return np.zeros(len(needed), np.intp), np.zeros(len(needed), bool)
    places = np.minimum(np.searchsorted(present, needed), len(present) - 1)
    return places, present[places] == needed
