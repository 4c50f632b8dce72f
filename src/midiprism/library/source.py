"""What a library is: it names its parents one by one, and reads one when asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from midiprism.errors import MidiprismError


class Found(NamedTuple):
    """A parent that a library holds, not yet opened.

    Attributes:
        path: its absolute path as the file system's bytes, whatever their encoding.
        root_length: so many leading bytes of ``path`` are the folder it was searched from, with its
            separator; the rest is the parent's path inside the library.
        size: bytes, as the scan saw it.
        mtime_ns: time of its last change in nanoseconds since the epoch, as the scan saw it.
    """

    path: bytes
    root_length: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is not a parent and that a person should hear of.

    Attributes:
        path: absolute path as bytes.
        code: ``folder`` for a folder that cannot be read, ``result`` for one that holds a midiprism result.
        message: one sentence.
    """

    path: bytes
    code: str
    message: str

    @property
    def failed(self) -> bool:
        """Whether something that should have been read was not."""
        return self.code != "result"


class Content(NamedTuple):
    """The bytes of a parent, read whole and without a change in between.

    Attributes:
        data: the bytes; None where there are more than were asked for.
        digest: BLAKE3 of the bytes, 32 bytes.
        size: how many they are.
        mtime_ns: time of the last change in nanoseconds since the epoch, at the time of reading.
    """

    data: bytes | None
    digest: bytes
    size: int
    mtime_ns: int


class UnreadableError(MidiprismError):
    """A parent's bytes cannot be had.

    Attributes:
        code: ``vanished``, ``permission``, ``not_regular``, ``changing`` or ``io``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["UnreadableError"], tuple[str, str]]:
        return type(self), (self.code, str(self))


class Library(Protocol):
    """Where parents come from."""

    @property
    def sources(self) -> Sequence[bytes]:
        """The absolute paths that it was opened with."""

    def walk(self) -> Iterator[Found | Notice]:
        """Every parent, source by source, each source's in the order of the bytes of their paths.

        Memory does not grow with the library.
        """

    def count(self) -> Iterator[int]:
        """How many parents ``walk`` will find: the count so far, now and then, and at last all."""

    def missing(self) -> list[bytes]:
        """Folders that were there when the library was opened, and are not any more."""

    def read(self, found: Found, limit: int) -> Content:
        """Read a parent; more than ``limit`` bytes are digested without being kept.

        Raises:
            UnreadableError: its bytes cannot be had.
        """
