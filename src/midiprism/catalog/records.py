"""What a worker tells the catalogue. Plain values, so that they can cross from one process to another."""

from dataclasses import dataclass

OUTCOMES = ("split", "repaired", "no_notes", "corrupt", "unreadable", "failed")
"""What became of a parent: its tracks were split; the same after mending damage; nothing in it plays; it is
not MIDI or exceeds a limit; its bytes cannot be had; midiprism itself failed on it."""

FAILURES = frozenset({"corrupt", "unreadable", "failed"})


@dataclass(frozen=True, slots=True)
class ProblemRecord:
    """Something about a parent that a person should know; as ``midiprism.Problem``."""

    code: str
    message: str
    track: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """A content that the store holds, and the facts of its bytes; as ``midiprism.SplitTrack``.

    Attributes:
        stem: the readable part of its file name.
        digits: hex digits of the digest in its file name.
    """

    digest: bytes
    size: int
    stem: str
    digits: int
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


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A track of a song: where it stood, how it sounds there, and its content.

    Attributes:
        parts: how many splits its ``MTrk`` was divided into, this one among them.
    """

    track_number: int
    channel: int | None
    program: int | None
    parts: int
    name: str | None
    instrument: str
    family: str
    track: TrackRecord


@dataclass(frozen=True, slots=True)
class ParentRecord:
    """A parent's path, and what became of its content.

    Attributes:
        path: absolute, in the file system's bytes.
        root_length: so many leading bytes of it are the source folder, with its separator.
        song: the rest as text, without suffix.
        size: bytes.
        mtime_ns: time of its last change, in nanoseconds since the epoch.
        digest: BLAKE3 of its bytes; None if it could not be read.
        outcome: one of ``OUTCOMES``; None where the content is known already, or comes earlier in the batch,
            and only the path is new.
    """

    path: bytes
    root_length: int
    song: str
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
    links: tuple[LinkRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What one batch did.

    Attributes:
        parents: one record per path that was opened.
        bytes_written: bytes of the files that the store wrote.
        seconds: how long reading, splitting and storing took.
    """

    parents: tuple[ParentRecord, ...]
    bytes_written: int
    seconds: float
