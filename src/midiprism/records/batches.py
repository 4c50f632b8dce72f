"""A batch that a worker hands to a catalog: columns of songs, links and tracks, and the tracks' bytes.

A batch crosses to another process as columns because that is several times as fast as a tuple per row.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, pairwise, repeat
from typing import Any, NamedTuple

from midiprism.records.fields import LINK_FIELDS, SONG_FIELDS, TRACK_FIELDS, LinkRecord, SongRecord
from midiprism.records.outcomes import FAILED_OUTCOMES
from midiprism.records.track_record import TrackRecord

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

LINK_COUNT = "link_count"
"""Column of songs: how many of the batch's links are the song's, which follow those of the song before."""

TRACK_INDEX = "track_index"
"""Column of links: index of the link's track among the tracks of the batch."""

SONG_COLUMN_NAMES = (*(it.name for it in SONG_FIELDS), LINK_COUNT)
LINK_COLUMN_NAMES = (*(it.name for it in LINK_FIELDS), TRACK_INDEX)
TRACK_COLUMN_NAMES = tuple(it.name for it in TRACK_FIELDS)


class NullColumn(Sequence[None]):
    """A column of None, such as a fact of tracks where none are computed. Its rows take no memory or time.

    Args:
        length: number of rows.
    """

    __slots__ = ("_length",)

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[None]:
        return repeat(None, self._length)

    def __getitem__(self, index: Any) -> Any:
        selected = range(self._length)[index]
        return NullColumn(len(selected)) if isinstance(selected, range) else None

    def __reduce__(self) -> tuple[type["NullColumn"], tuple[int]]:
        return NullColumn, (self._length,)

    def count(self, value: object) -> int:
        """Return the number of rows if ``value`` is None; 0 for any other value."""
        return self._length if value is None else 0


def is_all_null(values: Sequence[Any]) -> bool:
    """Return whether all values are None, of which there is at least one. Most columns show it at once."""
    return len(values) > 0 and values[0] is None and values.count(None) == len(values)


class Columns:
    """Named columns of the same length.

    Args:
        values: of each column by its name, all of the same length.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Sequence[Any]]) -> None:
        self._values = dict(values)

    @classmethod
    def from_rows(cls, names: Sequence[str], rows: Iterable[Iterable[Any]]) -> "Columns":
        """Return the columns of rows that have the values of ``names`` in their order."""
        columns = list(zip(*rows, strict=True))
        return cls(dict(zip(names, columns or [()] * len(names), strict=True)))

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self._values[name]

    def __len__(self) -> int:
        return len(next(iter(self._values.values())))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns) or self.names != other.names:
            return NotImplemented
        return all(list(self[name]) == list(other[name]) for name in self.names)

    def __repr__(self) -> str:
        return f"Columns({len(self)} rows of {', '.join(self.names)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Columns, (self._values,)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return tuple(self._values)

    def rows(self, names: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """Return the rows of these columns, each as a plain tuple."""
        return zip(*(self._values[name] for name in names), strict=True)

    def take(self, indices: Sequence[int]) -> "Columns":
        """Return the columns of the rows with these indices, in this order."""
        if len(indices) == len(self) and [*indices] == [*range(len(self))]:
            return self
        return Columns({name: _taken(column, indices) for name, column in self._values.items()})

    def with_columns(self, **values: Sequence[Any]) -> "Columns":
        """Return these columns with some more, or with other values for some."""
        return Columns({**self._values, **values})

    def compacted(self) -> "Columns":
        """Return these columns, with those that have nothing but None as ``NullColumn``."""
        return Columns(
            {
                name: NullColumn(len(values)) if is_all_null(values) else values
                for name, values in self._values.items()
            }
        )


def concatenate(parts: Sequence[Columns]) -> Columns:
    """Return the rows of all parts, which have the same columns, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    return Columns({name: joined_column([part[name] for part in parts]) for name in parts[0].names})


def joined_column(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Return the values of all parts, one part after the other."""
    if parts and all(isinstance(part, NullColumn) for part in parts):
        return NullColumn(sum(map(len, parts)))
    return [*chain.from_iterable(parts)]


def _taken(column: Sequence[Any], indices: Sequence[int]) -> Sequence[Any]:
    """Return the values at these indices, in this order."""
    if isinstance(column, NullColumn):
        return NullColumn(len(indices))
    return [*map(column.__getitem__, indices)]


NO_SONGS = Columns.from_rows(SONG_COLUMN_NAMES, ())
NO_LINKS = Columns.from_rows(LINK_COLUMN_NAMES, ())
NO_TRACKS = Columns.from_rows(TRACK_COLUMN_NAMES, ())


class PackedTracks(NamedTuple):
    """The bytes of several tracks, joined: one object crosses to another process faster than many.

    Attributes:
        digests: of each track.
        ends: where each track ends in ``data``; it begins where the one before it ends.
        data: bytes of all tracks, one after the other.
    """

    digests: Sequence[bytes] = ()
    ends: Sequence[int] = ()
    data: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of all tracks."""
        return self.ends[-1] if self.ends else 0

    def items(self) -> Iterator[tuple[bytes, memoryview]]:
        """Return each digest with the bytes of its track, which are not copied."""
        view, start = memoryview(self.data), 0
        for digest, end in zip(self.digests, self.ends, strict=True):
            yield digest, view[start:end]
            start = end


NO_PACKED_TRACKS = PackedTracks()


def pack_tracks(data_by_digest: Mapping[bytes, bytes]) -> PackedTracks:
    """Return tracks joined to one object."""
    ends = tuple(accumulate(map(len, data_by_digest.values())))
    return PackedTracks(tuple(data_by_digest), ends, b"".join(data_by_digest.values()))


class Lease(NamedTuple):
    """A lease on a batch that a run has planned: meanwhile no other run works on it.

    Attributes:
        id: of its row.
        token: known to its holder alone.
    """

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """The results of one batch.

    Attributes:
        songs: one row per path that was opened; ``SONG_FIELDS`` and ``link_count``.
        links: the links of all songs, in the order of the songs; ``LINK_FIELDS`` and ``track_index``.
        tracks: the tracks that links lead to, each once; ``TRACK_FIELDS``.
        bytes_written: bytes of the files that were written.
        seconds: that the batch took.
        files_written: files that were not there before.
        has_files: whether its tracks are files that have to be made durable before it is committed.
        disk_bytes: bytes of those files in whole blocks of the disk.
        contract_version: version of the contract that its songs were split by.
        replaces_outcomes: whether outcomes that songs have from earlier runs are replaced.
        lease: held on the batch; None where there is one run at a time.
        packed_tracks: the bytes of its tracks, for the process that writes them; empty where the worker has
            written them. Tracks that an earlier batch contained are left out.
        stored_tracks: so many of the first tracks are recorded also if no song has them yet: shards in
            object storage hold them. Only a catalog in SQLite does so.
    """

    songs: Columns = field(default_factory=lambda: NO_SONGS)
    links: Columns = field(default_factory=lambda: NO_LINKS)
    tracks: Columns = field(default_factory=lambda: NO_TRACKS)
    bytes_written: int = 0
    seconds: float = 0.0
    files_written: int = 0
    has_files: bool = True
    disk_bytes: int = 0
    contract_version: int = 1
    replaces_outcomes: bool = False
    lease: Lease | None = None
    packed_tracks: PackedTracks = NO_PACKED_TRACKS
    stored_tracks: int = 0

    @classmethod
    def from_songs(cls, songs: Iterable[SongRecord], **values: Any) -> "BatchRecord":
        """Return a batch of these songs with their links and tracks.

        Args:
            values: of the other attributes.
        """
        return cls(**values).with_songs(songs)

    def with_songs(self, songs: Iterable[SongRecord]) -> "BatchRecord":
        """Return the batch with other songs."""
        indices: dict[bytes, int] = {}
        song_rows: list[tuple[Any, ...]] = []
        link_rows: list[tuple[Any, ...]] = []
        tracks: list[TrackRecord] = []
        for *song, links in songs:
            song_rows.append((*song, len(links)))
            for *link, track in links:
                index = indices.setdefault(track.digest, len(tracks))
                if index == len(tracks):
                    tracks.append(track)
                link_rows.append((*link, index))
        return replace(
            self,
            songs=Columns.from_rows(SONG_COLUMN_NAMES, song_rows),
            links=Columns.from_rows(LINK_COLUMN_NAMES, link_rows),
            tracks=Columns.from_rows(TRACK_COLUMN_NAMES, tracks),
        )

    def song_records(self) -> list[SongRecord]:
        """Return the songs as rows with their links and tracks."""
        tracks = self.track_records()
        links = [
            LinkRecord._make((*link, tracks[index])) for *link, index in self.links.rows(LINK_COLUMN_NAMES)
        ]
        return [
            SongRecord._make((*song, tuple(links[first:last])))
            for (*song, _), (first, last) in zip(
                self.songs.rows(SONG_COLUMN_NAMES), self.link_ranges(), strict=True
            )
        ]

    def track_records(self) -> list[TrackRecord]:
        """Return the tracks as rows."""
        return [*map(TrackRecord._make, self.tracks.rows(TRACK_COLUMN_NAMES))]

    def songs_with_problems(self) -> "BatchRecord":
        """Return the batch with nothing but the songs that have problems, without their links."""
        indices = [index for index, problems in enumerate(self.songs["problems"]) if problems]
        songs = self.songs.take(indices).with_columns(**{LINK_COUNT: [0] * len(indices)})
        return replace(self, songs=songs, links=NO_LINKS, tracks=NO_TRACKS, packed_tracks=NO_PACKED_TRACKS)

    def failed_songs(self) -> list[SongRecord]:
        """Return the songs that failed, with their problems."""
        if FAILED_OUTCOMES.isdisjoint(self.songs["outcome"]):
            return []
        songs = self.songs_with_problems().song_records()
        return [song for song in songs if song.outcome in FAILED_OUTCOMES]

    def link_ranges(self) -> list[tuple[int, int]]:
        """Return for each song the range of its links: the index of the first, and that after the last."""
        return [*pairwise(accumulate(self.songs[LINK_COUNT], initial=0))]


@dataclass(frozen=True, slots=True)
class LinkedSongs:
    """Songs of one batch that have links.

    Attributes:
        song_ids: of these songs.
        digests: of these songs.
        link_counts: number of links of each of them.
        links: of all of them, song by song.
        track_indices: of the tracks that the links lead to, each once, in the order of the links.
        track_digests: of the same tracks.
        batch_track_digests: of all tracks of the batch.
    """

    song_ids: Sequence[int]
    digests: Sequence[bytes]
    link_counts: Sequence[int]
    links: Columns
    track_indices: Sequence[int]
    track_digests: Sequence[bytes]
    batch_track_digests: Sequence[bytes]

    @classmethod
    def of(cls, batch: BatchRecord, song_ids: Sequence[int], indices: Sequence[int]) -> "LinkedSongs":
        """Return those of some songs of a batch that have links.

        Args:
            song_ids: ids of the songs.
            indices: of the same songs in the batch.
        """
        counts = batch.songs[LINK_COUNT]
        linked = [(song_id, index) for song_id, index in zip(song_ids, indices, strict=True) if counts[index]]
        songs = batch.songs.take([index for _, index in linked])
        ranges = batch.link_ranges()
        links = batch.links.take([*chain.from_iterable(range(*ranges[index]) for _, index in linked)])
        all_digests = batch.tracks["digest"]
        tracks: Sequence[int] = range(len(all_digests))
        digests = all_digests
        if links is not batch.links:
            tracks = [*dict.fromkeys(links[TRACK_INDEX])]
            digests = [*map(all_digests.__getitem__, tracks)]
        return cls(
            [song_id for song_id, _ in linked],
            songs["digest"],
            songs[LINK_COUNT],
            links,
            tracks,
            digests,
            all_digests,
        )

    def link_track_digests(self) -> Iterator[bytes]:
        """Return for each link the digest of the track that it leads to."""
        return map(self.batch_track_digests.__getitem__, self.links[TRACK_INDEX])


def make_storable(text: str) -> str:
    """Return ``text`` with NUL characters and lone surrogates, which databases refuse, made U+FFFD."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
