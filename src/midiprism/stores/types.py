"""Types in the interface of stores."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

CopyOutcome = Literal["copied", "shared", "present"]
"""The result of a copy: ``shared`` if it shares its blocks with the original, ``present`` if the file existed
already."""


class TrackLocation(NamedTuple):
    """The place of a track, as the catalog knows it; each kind of store uses what it needs.

    Attributes:
        family: instrument family that the track's own bytes state.
        stem: readable part of its file name.
        digest: BLAKE3 of its bytes.
        digest_digits: hex digits of the digest in its file name.
        shard: name of the shard that holds it; None where none does.
        row: its row in that shard, from 0.
    """

    family: str
    stem: str
    digest: bytes
    digest_digits: int
    shard: str | None = None
    row: int | None = None


class StoredTrack(NamedTuple):
    """The answer of ``TrackStore.put``.

    Attributes:
        path: relative to the store's root, with ``/`` between its parts; empty while it has no place.
        stem: readable part of its file name.
        digits: hex digits of the digest in its file name: 32, or 64 where two tracks share the first 32.
        new: whether this call wrote it.
        unseen: whether this call wrote it, or collected it for the commit to write.
    """

    path: str
    stem: str
    digits: int
    new: bool
    unseen: bool


make_stored_track = partial(tuple.__new__, StoredTrack)
"""Makes one of all its values: a call of the class takes twice as long."""


class FileStatus(NamedTuple):
    """Status of the place of a track or a shard.

    Attributes:
        state: ``present``; ``missing``; ``not_a_file``, such as a link or a folder; or ``unreadable``.
        size: bytes of what is present.
        digest: their BLAKE3.
        reason: a sentence, unless it is present.
    """

    state: Literal["present", "missing", "not_a_file", "unreadable"]
    size: int = 0
    digest: bytes = b""
    reason: str = ""


class ScannedEntry(NamedTuple):
    """Something that a store holds.

    Attributes:
        path: relative to the store's root, with ``/`` between its parts.
        kind: ``file``, a track or a shard; ``temporary``, left behind by an interrupted write; ``folder``,
            one that cannot be read; or ``other``, such as a link.
        digest_prefix: the hex digits of a digest that its name ends with, if it is named as a track is.
    """

    path: str
    kind: Literal["file", "temporary", "other", "folder"]
    digest_prefix: str = ""


PrefixFilter = Callable[[int], bool]
"""Returns whether tracks whose digest has this first byte are wanted."""


EntryFilter = Callable[[ScannedEntry], bool]
"""Returns whether an entry may be removed."""


def any_entry(entry: ScannedEntry) -> bool:  # noqa: ARG001
    """Let any entry be removed."""
    return True


def any_prefix(first_byte: int) -> bool:  # noqa: ARG001
    """Want tracks with any digest."""
    return True
