"""What a worker tells of a parent, beside what its splitting gave."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from midiprism.catalog import ProblemRecord
from midiprism.catalog.text import storable
from midiprism.library import Content, Found, UnreadableError
from midiprism.smf.types import SplitTrack

Head = tuple[bytes, int, str, int, int, bytes | None]
"""The first values of a parent's record, which are known before it is split."""


def head_of(found: Found, content: Content | UnreadableError) -> tuple[Head, str | None]:
    """A parent's head, and what its source says of it."""
    path, root_length, size, mtime_ns = found[:4]
    if isinstance(content, UnreadableError):
        return (path, root_length, song_of(found), size, mtime_ns, None), None
    _, digest, size, mtime_ns, facts = content
    return (path, root_length, song_of(found), size, mtime_ns, digest), facts


def parts_of(tracks: Sequence[SplitTrack]) -> Mapping[int, int]:
    """How many of these splits come from each ``MTrk``."""
    parts = dict.fromkeys([track[1] for track in tracks], 1)
    return parts if len(parts) == len(tracks) else Counter([track[1] for track in tracks])


def song_of(found: Found) -> str:
    """A parent's path below its source folder as text, with ``/`` between its parts, and without suffix."""
    path = os.fsdecode(found.path[found.root_length :]).replace(os.sep, "/")
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and stem and "/" not in suffix and not stem.endswith("/") else path


def bug(error: Exception) -> ProblemRecord:
    """A problem for which nobody but midiprism is to blame."""
    message = f"midiprism failed on it, which is a bug to report: {type(error).__name__}: {error}"
    return ProblemRecord("internal", storable(message))
