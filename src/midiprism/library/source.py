"""What a library is: it names its parents one by one, and reads one when asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from midiprism.errors import MidiprismError


@dataclass(frozen=True, slots=True)
class Found:
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


@dataclass(frozen=True, slots=True)
class Content:
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

    def walk(self) -> Iterator[Found | Notice]:
        """Every parent once, in an order that the library's content alone decides; memory does not grow."""

    def count(self, cancelled: Callable[[], bool]) -> int | None:
        """How many parents ``walk`` will find; None once ``cancelled()`` is true. Safe in another thread."""

    def read(self, found: Found, limit: int) -> Content:
        """Read a parent; more than ``limit`` bytes are digested without being kept.

        Raises:
            UnreadableError: its bytes cannot be had.
        """
