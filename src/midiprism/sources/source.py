"""What a library is: it names its songs one by one, and reads one when asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from midiprism.errors import MidiprismError


class MemberLocation(NamedTuple):
    """Where a song is that is not a file of its own: in an archive, or in a Parquet file.

    Attributes:
        file_length: so many leading bytes of the song's path are the path of that file.
        at: its place there: an offset, or a row.
        ordered: whether that file's songs are walked in the order of their paths.
        sized: whether the scan saw the song's size; else the size is what its neighbours have on average.
    """

    container_path_length: int
    position: int
    in_path_order: bool = True
    size_is_exact: bool = True


class SongRef(NamedTuple):
    """A song that a library holds, not yet opened.

    Attributes:
        path: its absolute path as the file system's bytes, whatever their encoding. That of a member of an
            archive is the archive's path, a separator and the member's name.
        root_length: so many leading bytes of ``path`` are the folder it was searched from, with its
            separator; the rest is the song's path inside the library.
        size: bytes, as the scan saw it.
        mtime_ns: time of its last change in nanoseconds since the epoch, as the scan saw it; of a member,
            that of its archive.
        member: where it is, if it is not a file of its own.
    """

    path: bytes
    root_length: int
    size: int
    mtime_ns: int
    member: MemberLocation | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is not a song and that a person should hear of.

    Attributes:
        path: absolute path as bytes.
        code: ``folder`` for a folder that cannot be read, ``result`` for one that holds a midiprism result,
            ``archive`` for an archive or a Parquet file that cannot be read, or not to its end, ``member``
            for a song in an archive that is not taken, ``nested`` for an archive in an archive.
        message: one sentence.
    """

    path: bytes
    code: str
    message: str

    @property
    def failed(self) -> bool:
        """Whether something that should have been read was not."""
        return self.code not in ("result", "nested")


class SongContent(NamedTuple):
    """The bytes of a song, read whole and without a change in between.

    Attributes:
        data: the bytes; None where there are more than were asked for.
        digest: BLAKE3 of the bytes, 32 bytes.
        size: how many they are.
        mtime_ns: time of the last change in nanoseconds since the epoch, at the time of reading; of a
            member, that of its archive.
        facts: what else its row says of it, a JSON object as text; None for nothing.
    """

    data: bytes | None
    digest: bytes
    size: int
    mtime_ns: int
    facts: str | None = None


class UnreadableError(MidiprismError):
    """A song's bytes cannot be had.

    Attributes:
        code: ``vanished``, ``permission``, ``not_regular``, ``changing`` or ``io``; of a member also
            ``damaged``, ``encrypted``, ``unsupported`` or ``limit``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["UnreadableError"], tuple[str, str]]:
        return type(self), (self.code, str(self))


class Source(Protocol):
    """Where songs come from."""

    @property
    def source_paths(self) -> Sequence[bytes]:
        """The absolute paths that it was opened with."""

    def walk(self) -> Iterator[SongRef | Notice]:
        """Every song, source by source, each source's in the order of the bytes of their paths.

        Those of an archive that can only be read forward come in its own order; their ``member`` says so.
        Memory does not grow with the library, but with the names in one archive.
        """

    def running_count(self) -> Iterator[int]:
        """How many songs ``walk`` will find: the count so far, now and then, and at last all."""

    def missing_paths(self) -> list[bytes]:
        """Folders and archives that were there when the library was opened, and are not any more."""

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a song; more than ``limit`` bytes are digested without being kept.

        Raises:
            UnreadableError: its bytes cannot be had.
        """


@runtime_checkable
class SequentialSource(Protocol):
    """A library in which it may take long to come to a song, as in a compressed archive."""

    def seek(self, song_ref: SongRef) -> None:
        """Go to where a song is, so that reading it, and those behind it, takes no longer than it should.

        What goes wrong is told by ``read``.
        """
