"""What a store is."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Protocol


class StoredTrack(NamedTuple):
    """Where a split is kept.

    Attributes:
        path: relative to the store's root, with ``/`` between its parts; empty while it has no place.
        stem: the part of its file name that people read.
        digits: hex digits of the digest in its file name: 32, or 64 where two contents share the first 32.
        new: whether this call wrote it.
    """

    path: str
    stem: str
    digits: int
    new: bool


make_stored_track = partial(tuple.__new__, StoredTrack)
"""Of all its values: a call of the class takes twice as long."""


class TrackStore(Protocol):
    """A place for splits, addressed by their content."""

    @property
    def block_size(self) -> int:
        """Bytes are kept in multiples of so many."""

    @property
    def flush_covers_all_writers(self) -> bool:
        """Whether ``flush`` covers what others put too, in this process or another."""

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        """Keep a split, unless it is kept already.

        Args:
            data: its bytes.
            digest: their BLAKE3.
            name: the track name that they state; None without one.
            instrument: the instrument that they state.
            family: its family.

        Raises:
            StoreError: it cannot be written.
        """

    def get(self, path: str) -> bytes:
        """The bytes kept at a path that ``put`` gave.

        Raises:
            StoreError: there is nothing, or it cannot be read.
        """

    def exists(self, path: str) -> bool:
        """Whether something is kept at ``path``."""

    def path_of(self, family: str, stem: str, digest: bytes, digits: int) -> str:
        """The path of a split by the facts that ``put`` gave, and the family that its own bytes state."""

    def remove(self, path: str) -> None:
        """Remove what is kept at ``path``, if anything is.

        Raises:
            StoreError: it cannot be removed.
        """

    def flush(self) -> None:
        """Return when everything that was put, or was found present, would survive a power cut.

        Another thread may put more meanwhile; of that nothing is promised.

        Raises:
            StoreError: the disk says that it would not.
        """

    def walk(self) -> Iterator[str]:
        """Paths of everything kept, sorted folder by folder."""

    def remove_temporary_files(self) -> int:
        """Remove what an interrupted ``put`` left behind; how many. Only while nobody else writes."""
