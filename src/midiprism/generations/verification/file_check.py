"""Checks one file of a result by itself, or the index of one prefix."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from blake3 import blake3

from midiprism.generations.digests import DIGEST_BYTES, as_array
from midiprism.generations.layout import GROUPS, LINKS, SONGS, TRACKS
from midiprism.generations.result import TableFile
from midiprism.generations.verification.digest_arrays import (
    DigestSum,
    digests_of_column,
    distinct,
    halves_of,
)
from midiprism.generations.verification.table_reading import (
    COLUMNS,
    Damage,
    DamagedFileError,
    read_bytes,
    read_tables,
)
from midiprism.objects import ObjectStorage
from midiprism.stores.parquet.schema import DIGEST_COLUMN, MUSIC_COLUMN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DigestSums(NamedTuple):
    """Sums of the digests in files.

    Attributes:
        tracks: of the tracks in files.
        index_tracks: of those in the index, each once.
        songs: of the songs in files.
        index_songs: of those in the index, each once.
        links: of the songs of links, for each link.
        songs_with_links: of the songs in files, each as often as it has links.
        grouped_songs: of the songs in files of groups.
    """

    tracks: DigestSum = DigestSum()
    index_tracks: DigestSum = DigestSum()
    songs: DigestSum = DigestSum()
    index_songs: DigestSum = DigestSum()
    links: DigestSum = DigestSum()
    songs_with_links: DigestSum = DigestSum()
    grouped_songs: DigestSum = DigestSum()

    def plus(self, other: "DigestSums") -> "DigestSums":
        """Return the sums of the files of both."""
        return DigestSums(*(one.plus(another) for one, another in zip(self, other, strict=True)))

    @property
    def fit(self) -> bool:
        """True if files have each song and track of the index once, and songs their links."""
        return (self.tracks, self.songs, self.links) == (
            self.index_tracks,
            self.index_songs,
            self.songs_with_links,
        )


class FileFindings(NamedTuple):
    """The findings of a check of one file or more.

    Attributes:
        tracks: whose bytes were compared with their digests.
        damage: of the files.
        sums: of the digests in the files.
    """

    tracks: int = 0
    damage: tuple[Damage, ...] = ()
    sums: DigestSums = DigestSums()

    def plus(self, other: "FileFindings") -> "FileFindings":
        """Return the findings of both."""
        return FileFindings(
            self.tracks + other.tracks, (*self.damage, *other.damage), self.sums.plus(other.sums)
        )


def check_file(storage: ObjectStorage, file: TableFile) -> FileFindings:
    """Return what a file of a table says, and what is wrong with it.

    Raises:
        ObjectStorageError: the store does not answer.
    """
    sums, rows, wrong = DigestSums(), 0, 0
    try:
        for table in read_tables(storage, file, COLUMNS[file.table]):
            rows += len(table)
            if file.table == TRACKS:
                wrong += _count_wrong(table)
            try:
                sums = sums.plus(_sums_of(file.table, table))
            except (ValueError, TypeError, OverflowError) as error:
                raise DamagedFileError(file, f"It cannot be read: {error}.") from None
    except DamagedFileError as error:
        return FileFindings(damage=(error.damage,))
    messages = []
    if rows != file.stored.rows:
        messages.append(f"It has {rows:,} rows instead of {file.stored.rows:,}.")
    if wrong:
        messages.append(f"{wrong:,} tracks are not those of their digests.")
    damage = tuple(Damage(file.stored.name, message) for message in messages)
    return FileFindings(rows if file.table == TRACKS else 0, damage, sums)


def _count_wrong(table: Any) -> int:
    digests, music = (table.column(name).to_pylist() for name in (DIGEST_COLUMN, MUSIC_COLUMN))
    return sum(
        data is None or blake3(data).hexdigest() != digest
        for digest, data in zip(digests, music, strict=True)
    )


def _sums_of(name: str, table: Any) -> DigestSums:
    """Return the sums of the digests in some rows of a table."""
    if name == TRACKS:
        return DigestSums(tracks=DigestSum.of(digests_of_column(table.column(DIGEST_COLUMN))))
    if name == LINKS:
        return DigestSums(links=DigestSum.of(digests_of_column(table.column("song_blake3"))))
    if name == SONGS:
        songs, counts = songs_with_counts(table)
        return DigestSums(songs=DigestSum.of(songs), songs_with_links=DigestSum.of(songs, counts))
    songs_sum = DigestSum.of(digests_of_column(table.column("blake3")))  # raises an error if one is none
    return DigestSums(grouped_songs=songs_sum) if name == GROUPS else DigestSums()


def songs_with_counts(table: Any) -> "tuple[NDArray[np.bytes_], NDArray[np.uint64]]":
    """Return the digests of the songs in some rows, and how many links each has.

    Raises:
        ValueError: a digest or a number is none.
    """
    import numpy as np

    read = table.filter(table.column("blake3").is_valid())
    counts = np.array(read.column("track_count").to_pylist(), np.uint64)
    return digests_of_column(read.column("blake3")), counts


def check_index(storage: ObjectStorage, objects: Sequence[TableFile]) -> FileFindings:
    """Return the sums of the digests that all generations have added with one prefix, each once.

    Raises:
        ObjectStorageError: the store does not answer.
    """
    (songs, tracks), damage = read_index(storage, objects)
    sums = DigestSums(index_songs=DigestSum.of(songs), index_tracks=DigestSum.of(tracks))
    return FileFindings(0, damage, sums)


def read_index(
    storage: ObjectStorage, objects: Sequence[TableFile]
) -> "tuple[tuple[NDArray[np.bytes_], NDArray[np.bytes_]], tuple[Damage, ...]]":
    """Return the digests of songs and of tracks in objects of the index, each once, and what is damaged.

    Raises:
        ObjectStorageError: the store does not answer.
    """
    damage: list[Damage] = []
    lanes = [*_read_lanes(storage, objects, damage)]
    return (distinct(songs for songs, _ in lanes), distinct(tracks for _, tracks in lanes)), tuple(damage)


def read_first_halves(
    storage: ObjectStorage, objects: Sequence[TableFile]
) -> "tuple[NDArray[np.uint64], NDArray[np.uint64]]":
    """Return the first halves of the digests of songs and of tracks in objects of the index, sorted.

    Raises:
        ObjectStorageError: the store does not answer.
    """
    import numpy as np

    halves: tuple[list[Any], list[Any]] = ([np.empty(0, np.uint64)], [np.empty(0, np.uint64)])
    for lanes in _read_lanes(storage, objects, []):
        for lane, digests in zip(halves, lanes, strict=True):
            lane.append(halves_of(digests)[:, 0].copy())
    songs, tracks = map(np.concatenate, halves)
    songs.sort()
    tracks.sort()
    return songs, tracks


def _read_lanes(
    storage: ObjectStorage, objects: Sequence[TableFile], damage: list[Damage]
) -> "Iterator[tuple[NDArray[np.bytes_], NDArray[np.bytes_]]]":
    """Yield the digests of songs and of tracks in each object that is not damaged; collect the damage."""
    for file in objects:
        try:
            data = memoryview(read_bytes(storage, file))
            middle = file.stored.rows * DIGEST_BYTES
            yield as_array(data[:middle]), as_array(data[middle:])
        except DamagedFileError as error:
            damage.append(error.damage)
        except ValueError:
            damage.append(Damage(file.stored.name, "It has no digests of 16 bytes."))
