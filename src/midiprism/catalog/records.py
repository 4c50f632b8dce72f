"""What a worker tells the catalogue. Tuples, which cross from one process to another several times as fast as
objects do: a track and a link may be any tuple with the values of theirs in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

ADOPTED = "adopted"
OUTCOMES = ("split", "repaired", "no_notes", ADOPTED, "corrupt", "unreadable", "failed")
"""What became of a song: its tracks were split; the same after mending damage; nothing in it plays; another
program had split it, whose library was taken over; it is not MIDI or exceeds a limit; its bytes cannot be
had; midiprism itself failed on it."""

FAILED_OUTCOMES = frozenset({"corrupt", "unreadable", "failed"})

TrackValues = tuple[
    bytes,
    int,
    str,
    int,
    str | None,
    str,
    str,
    int | None,
    int | None,
    int,
    int,
    int,
    int,
    float | None,
]
"""The values of a ``TrackRecord``."""

LinkValues = tuple[int, int | None, int | None, int, str | None, str, str, TrackValues]
"""The values of a ``LinkRecord``."""


StatedMetaValues = tuple[int | None, float | None, int, str | None, str | None]
"""What a content states: ticks per quarter note, tempo, how many tempi, meter, key."""

PackedTrackValues = tuple[bytes | memoryview, int | None, float | None, int, str | None, str | None]
"""A content, and what it states."""


class PackedTracks(NamedTuple):
    """Contents of tracks, joined: one object crosses from one process to another faster than many.

    Attributes:
        digests: of each.
        stops: where each ends in ``octets``; it begins where the one before it ends.
        stated: what each states.
        octets: all of them, one behind the other.
    """

    digests: Sequence[bytes] = ()
    ends: Sequence[int] = ()
    stated_meta: Sequence[StatedMetaValues] = ()
    data: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return self.ends[-1] if self.ends else 0

    def items(self) -> Iterator[tuple[bytes, PackedTrackValues]]:
        """Each digest with its content, which is no copy."""
        view, start = memoryview(self.data), 0
        for digest, stop, stated in zip(self.digests, self.ends, self.stated_meta, strict=True):
            yield digest, (view[start:stop], *stated)
            start = stop


NO_PACKED_TRACKS = PackedTracks()


class ProblemRecord(NamedTuple):
    """Something about a song that a person should know; as ``midiprism.Problem``."""

    code: str
    message: str
    track: int | None = None
    offset: int | None = None


class TrackRecord(NamedTuple):
    """A content that the store holds, and the facts of its bytes; as ``midiprism.SplitTrack``.

    Attributes:
        stem: the readable part of its file name.
        digits: hex digits of the digest in its file name.
        name: text that the catalogue can hold, see ``storable``; likewise below.
    """

    digest: bytes
    size: int
    stem: str
    digest_digits: int
    name: str | None
    instrument: str
    family: str
    channel: int | None
    program: int | None
    note_count: int
    lowest_pitch: int
    highest_pitch: int
    duration_ticks: int
    duration_seconds: float | None


class LinkRecord(NamedTuple):
    """A track of a song: where it stood, how it sounds there, and its content.

    Attributes:
        parts: how many splits its ``MTrk`` was divided into, this one among them.
    """

    track_number: int
    channel: int | None
    program: int | None
    part_count: int
    name: str | None
    instrument: str
    family: str
    track: TrackRecord


class SongRecord(NamedTuple):
    """A song's path, and what became of its content.

    Attributes:
        path: absolute, in the file system's bytes.
        root_length: so many leading bytes of it are the source folder, with its separator.
        song: the rest as text, without suffix.
        size: bytes.
        mtime_ns: time of its last change, in nanoseconds since the epoch.
        digest: BLAKE3 of its bytes; None if it could not be read, or if reading it never came to an end.
        outcome: one of ``OUTCOMES``; None where the content is known already, or comes earlier in the batch,
            and only the path is new.
        links: its splits, in order.
        facts: what the source says of it beside its bytes, as the text of a JSON object.
    """

    path: bytes
    root_length: int
    song_name: str
    size: int
    mtime_ns: int
    digest: bytes | None
    outcome: str | None
    format: int | None = None
    num_tracks: int | None = None
    division: int | None = None
    duration_ticks: int | None = None
    duration_seconds: float | None = None
    problems: tuple[ProblemRecord, ...] = ()
    links: tuple[LinkValues, ...] = ()
    source_metadata: str | None = None


class Lease(NamedTuple):
    """What a run holds on a batch that it has planned: nobody else does it meanwhile.

    Attributes:
        id: its number.
        token: known to its holder alone.
    """

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What one batch did.

    Attributes:
        songs: one record per path that was opened.
        bytes_written: bytes of the files that the store wrote.
        seconds: how long reading, splitting and storing took.
        files_written: how many files the store wrote.
        files_present: whether it speaks of files at all, written or found.
        disk_bytes: what they take on the disk, in whole blocks.
        contract: version of the contract by which the songs were split.
        replaces: a song that has an outcome from an earlier run gets this one instead.
        lease: held on it; None where there is one run at a time.
        contents: of its tracks, for whoever writes them; none where the worker has put them, and without
            those that a batch before this one brought.
    """

    songs: Sequence[SongRecord]
    bytes_written: int
    seconds: float
    files_written: int = 0
    has_files: bool = True
    disk_bytes: int = 0
    contract_version: int = 1
    replaces_outcomes: bool = False
    lease: Lease | None = None
    packed_tracks: PackedTracks = NO_PACKED_TRACKS

    def song_records(self) -> Sequence[SongRecord]:
        """Return the songs as rows whose links and tracks have their values by name."""
        return [
            song._replace(links=tuple(LinkRecord(*link[:-1], TrackRecord(*link[-1])) for link in song.links))
            for song in self.songs
        ]

    def with_songs(self, songs: Sequence[SongRecord]) -> "BatchRecord":
        """Return the batch with other songs."""
        return replace(self, songs=songs)
