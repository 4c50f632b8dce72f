"""The interface of everything that songs come from, and the values that pass through it."""

import errno
import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from midiprism.errors import MidiprismError

JUNK = "junk"
MADE_BY_SYSTEM = "macOS or Windows made it: it is no song."
EMPTY = "It is empty."

_MAX_TIME_NS = (1 << 63) - 1

_PROBLEM_CODES = {
    errno.ENOENT: "vanished",
    errno.ENOTDIR: "vanished",
    errno.ESTALE: "vanished",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
}


class PathRange(NamedTuple):
    """A range of paths that a whole walk covers: what it does not yield there, it has not seen.

    Attributes:
        source: the folder or file that was named as a source; empty for a list of another program.
        first: the first path of the range, or a beginning of it.
        end: comes after the last path of the range; None without an end.
    """

    source: bytes
    first: bytes
    end: bytes | None

    def includes(self, path: bytes) -> bool:
        """Return whether a path is in the range."""
        return self.first <= path and (self.end is None or path < self.end)


def paths_below(source: bytes, folder: bytes) -> PathRange:
    """Return the range of all paths that begin with ``folder``, which ends with a separator."""
    return PathRange(source, folder, folder[:-1] + bytes((folder[-1] + 1,)))


class MemberLocation(NamedTuple):
    """Location of a song inside a container: an archive or a Parquet file.

    Attributes:
        container_path_length: length of the container's path, which the song's path begins with.
        position: of the song in the container: an offset or a row number.
        in_path_order: whether the container's songs are listed in the order of their paths.
        size_is_exact: whether the listing knows the song's size; otherwise the size is an average.
    """

    container_path_length: int
    position: int
    in_path_order: bool = True
    size_is_exact: bool = True


class SongRef(NamedTuple):
    """A song that a source lists, not opened yet.

    Attributes:
        path: absolute path as the file system's bytes, in any encoding. The path of an archive's member is
            the archive's path, a separator and the member's name.
        root_length: length of the folder that the source was opened with, including its separator; the rest
            of ``path`` is the song's path inside the source.
        size: in bytes, when it was listed.
        mtime_ns: time of the last change in nanoseconds since the epoch, when it was listed; a member has its
            container's.
        member: location of the song in its container; None for a file of its own.
    """

    path: bytes
    root_length: int
    size: int
    mtime_ns: int
    member: MemberLocation | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something in a source that is not a song, and that a person should know of.

    Attributes:
        path: absolute path as bytes.
        code: ``folder`` (a folder that cannot be read), ``result`` (a folder that holds a midiprism result,
            and is skipped), ``marker`` (a folder whose marker midiprism did not write, and which is read),
            ``archive`` (an archive or Parquet file that cannot be read, or not to its end), ``member`` (a
            song in an archive that is not taken), ``nested`` (an archive in an archive), ``junk`` (an empty
            file, or one that macOS or Windows made) or ``relative`` (a path in a list that is not absolute).
        message: one sentence.
    """

    path: bytes
    code: str
    message: str

    @property
    def failed(self) -> bool:
        """Return True if something that should have been read was not."""
        return self.code not in ("result", "marker", "nested", JUNK)


class SongContent(NamedTuple):
    """The bytes of a song, read whole while it did not change.

    Attributes:
        data: the bytes; None if there are more than the caller's limit.
        digest: BLAKE3 of the bytes, 32 bytes long.
        size: number of bytes.
        mtime_ns: time of the last change in nanoseconds since the epoch, when it was read; a member has its
            container's.
        facts: what else the source knows of the song, as the text of a JSON object; None for nothing.
    """

    data: bytes | None
    digest: bytes
    size: int
    mtime_ns: int
    facts: str | None = None


class RecordedSong(NamedTuple):
    """A song whose outcome is known without opening it.

    Attributes:
        song_ref: the song.
        digest: BLAKE3 of its bytes, as its owner recorded it.
        outcome: the outcome to record; see ``records.OUTCOMES``.
        format: of the MIDI file (0, 1 or 2); this and the following are None if unknown.
        num_tracks: number of its source tracks.
        division: ticks per quarter note.
        duration_ticks: length in ticks.
        duration_seconds: length in seconds.
    """

    song_ref: SongRef
    digest: bytes
    outcome: str
    format: int | None = None
    num_tracks: int | None = None
    division: int | None = None
    duration_ticks: int | None = None
    duration_seconds: float | None = None


class UnreadableError(MidiprismError):
    """The bytes of a song cannot be read.

    Attributes:
        code: ``vanished``, ``permission``, ``not_regular``, ``changing``, ``io``, ``song_size`` or ``limit``;
            of a member also ``damaged``, ``encrypted`` or ``unsupported``; ``internal`` if midiprism is to
            blame.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["UnreadableError"], tuple[str, str]]:
        return type(self), (self.code, str(self))


def mtime_ns_of(status: os.stat_result) -> int:
    """Return the time of a file's last change in nanoseconds since the epoch, as 64 bits hold it.

    File systems hold times that databases do not, before 1677 and after 2262: those become the first and the
    last time that fits.
    """
    return max(-_MAX_TIME_NS, min(status.st_mtime_ns, _MAX_TIME_NS))


def read_error(error: OSError) -> UnreadableError:
    """Return an error of the system as the error of a song."""
    code = _PROBLEM_CODES.get(error.errno or 0, "io")
    return UnreadableError(code, f"It cannot be read: {error.strerror or error}.")


class Source(Protocol):
    """A source of songs. Implementations subclass it; they can be pickled for worker processes."""

    @property
    @abstractmethod
    def source_paths(self) -> Sequence[bytes]:
        """Absolute paths of the folders and files that the source was opened with."""

    @abstractmethod
    def walk(self) -> Iterator[SongRef | Notice]:
        """Yield every song, in the same order each time.

        Below one of ``source_paths``, songs come in the order of the bytes of their paths. The exception are
        archives that can only be read forward: their members come in the archive's order, and
        ``member.in_path_order`` is False. Memory does not grow with the number of songs, except for the names
        in one archive.
        """

    @property
    def covered_ranges(self) -> Sequence[PathRange]:
        """The ranges of paths that a whole walk covers; none if it is not known which songs are missing."""
        return ()

    def is_gone(self, path: bytes) -> bool:
        """Return whether a recorded path of ``covered_ranges`` that a whole walk did not yield is gone.

        It is not gone if the walk did not look at it, as at the inside of an archive that is not read.
        """
        del path
        return False

    @abstractmethod
    def running_count(self) -> Iterator[int]:
        """Yield the number of songs counted so far from time to time, and last the number ``walk`` yields.

        Empty files may be among them: ``walk`` passes over those once it asks for their sizes.
        """

    @abstractmethod
    def missing_paths(self) -> list[bytes]:
        """Return the folders and containers that existed when the source was opened and are missing now."""

    @abstractmethod
    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a song. If it has more than ``limit`` bytes, its bytes are not kept, except perhaps for the
        song of a RIFF (RMID) container with a sound bank.

        It is then digested, unless that would take much longer than to read a song within the limit.

        Raises:
            UnreadableError: the bytes cannot be read, or are far more than ``limit``.
        """

    def seek(self, song_ref: SongRef) -> None:
        """Prepare to read a song and those after it.

        In a compressed archive this decompresses everything before the song, which would otherwise count
        towards the time that the song takes. Errors are raised by ``read``.
        """
        del song_ref

    def recorded(self) -> Iterator[RecordedSong]:
        """Yield the songs whose outcome is known without opening them."""
        return iter(())
