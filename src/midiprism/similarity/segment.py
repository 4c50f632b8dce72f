"""A segment: the fingerprints of some tracks, and the index of their phrases.

Segments are sorted by the ids of their tracks, and no two have ids in the same range.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from midiprism.fs.column_file import ArraysInMemory, Columns
from midiprism.similarity.fingerprints import Lines, join_lines, phrases_of, sign_phrases, take_lines
from midiprism.similarity.kernel.tables import SIGNATURE_VALUES

_DIGEST_BYTES = 8
_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64(0xFFFFFFFF)


class NewTracks(NamedTuple):
    """Tracks with their lines.

    Attributes:
        ids: in the catalog; int64, ascending.
        digests: the first 8 bytes of their BLAKE3, as numbers; uint64.
        lines: of the tracks.
    """

    ids: Any
    digests: Any
    lines: Lines


def sorted_tracks(parts: Sequence[NewTracks]) -> NewTracks:
    """Return the tracks of all parts in the order of their ids."""
    ids, digests = (
        np.concatenate(columns) for columns in zip(*((it.ids, it.digests) for it in parts), strict=True)
    )
    order = np.argsort(ids)
    return NewTracks(
        ids[order], digests[order], take_lines(join_lines([part.lines for part in parts]), order)
    )


def digest_number(digest: bytes) -> int:
    """Return the first bytes of a digest as a number."""
    return int.from_bytes(digest[:_DIGEST_BYTES], "big")


def digest_numbers(digests: Iterable[bytes]) -> Any:
    """Return the same of each digest; uint64."""
    firsts = b"".join([digest[:_DIGEST_BYTES] for digest in digests])
    return np.frombuffer(firsts, ">u8").astype(np.uint64)


class Segment:
    """A segment, as arrays that may lie in a file.

    Args:
        columns: see ``build_segment``.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns["id"])

    @property
    def ids(self) -> Any:
        """The ids of its tracks; int64, ascending."""
        return self.columns["id"]

    @property
    def digests(self) -> Any:
        """The first bytes of the digests of its tracks; uint64."""
        return self.columns["digest"]

    @cached_property
    def lines(self) -> Lines:
        """The lines of its tracks."""
        return Lines(*(self.columns[name] for name in Lines._fields))

    @property
    def sizes(self) -> Any:
        """The number of different phrases of each track; int32."""
        return self.columns["sizes"]

    @property
    def signatures(self) -> Any:
        """The signatures of its tracks; uint32, shape (tracks, 64)."""
        return self.columns["signatures"].reshape(-1, SIGNATURE_VALUES)

    def postings(self, phrases: Any) -> tuple[Any, Any]:
        """Return for each phrase where the rows of the tracks that have it begin, and how many there are.

        Args:
            phrases: hashes; uint32.
        """
        known, starts = self.columns["phrases"], self.columns["phrase_starts"]
        if not len(known):
            return np.zeros(len(phrases), np.int64), np.zeros(len(phrases), np.int64)
        places = np.searchsorted(known, phrases).clip(max=len(known) - 1)
        firsts = starts[places]
        return firsts, np.where(known[places] == phrases, starts[places + 1] - firsts, 0)

    def posted_rows(self, firsts: Any, counts: Any) -> Any:
        """Return the rows of tracks that begin at places, so many of each, one after the other; uint32."""
        before = np.cumsum(counts) - counts
        return self.columns["phrase_rows"][np.repeat(firsts - before, counts) + np.arange(counts.sum())]


def build_segment(parts: Sequence[NewTracks], threads: int = 1) -> ArraysInMemory:
    """Return the arrays of a segment.

    Args:
        parts: its tracks, in the order of their ids.
        threads: that compute.
    """
    lines = join_lines([part.lines for part in parts])
    sets = phrases_of(lines, threads)
    sizes = sets.sizes
    # A phrase and the row of its track are one number each, which sort faster than pairs.
    pairs = sets.phrases.astype(np.uint64) << _ROW_BITS | np.repeat(
        np.arange(len(sizes), dtype=np.uint64), sizes
    )
    pairs.sort()
    phrases = (pairs >> _ROW_BITS).astype(np.uint32)
    firsts = np.flatnonzero(np.diff(phrases, prepend=phrases[:1] + np.uint32(1)))
    columns = {
        "id": np.concatenate([part.ids for part in parts]),
        "digest": np.concatenate([part.digests for part in parts]),
        **lines._asdict(),
        "sizes": sizes.astype(np.int32),
        "signatures": sign_phrases(sets).reshape(-1),
        "phrases": phrases[firsts],
        "phrase_starts": np.append(firsts, len(phrases)),
        "phrase_rows": (pairs & _ROW_MASK).astype(np.uint32),
    }
    return ArraysInMemory(columns, {})
