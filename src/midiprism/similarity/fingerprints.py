"""The fingerprints of tracks: lines, sets of phrases and signatures, as arrays."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from midiprism.features.track_facts import join_tracks, ranges_per_call
from midiprism.similarity.kernel.fingerprint_kernel import lines_kernel, phrases_kernel, signatures_kernel
from midiprism.similarity.kernel.tables import MAX_GROUPS, SIGNATURE_VALUES, new_line

_BYTES_PER_NOTE = 3


class Lines(NamedTuple):
    """The lines of tracks, one after the other: the highest notes of those that begin together.

    Attributes:
        starts: where each line starts in the other arrays, and the end of the last one; int64.
        gaps: times since the group before, or since the start of the track, in 1/48 quarter notes; uint16.
        pitches: MIDI note numbers; of drums, numbers for pieces; uint8.
        drums: 1 for each line of drums, else 0; uint8.
    """

    starts: Any
    gaps: Any
    pitches: Any
    drums: Any

    def __len__(self) -> int:  # of tracks, not of arrays
        return len(self.drums)


class JoinedLines:
    """The lines of several files, as if they were in one.

    Args:
        parts: the lines of each file.
    """

    def __init__(self, parts: Sequence[Lines]) -> None:
        self._parts = parts
        self._first_rows = np.cumsum([0, *map(len, parts)], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def take(self, rows: Any) -> Lines:
        """Return lines by their rows, ascending; any number of threads may call it."""
        gaps, pitches, drums = [np.empty(0, np.uint16)], [np.empty(0, np.uint8)], [np.empty(0, np.uint8)]
        starts = [np.zeros(1, np.int64)]
        bounds = np.searchsorted(rows, self._first_rows).tolist()
        for lines, row, (first, last) in zip(
            self._parts, self._first_rows.tolist(), pairwise(bounds), strict=False
        ):
            chosen = rows[first:last] - row
            ends = lines.starts[chosen + 1]
            starts.append(ends - lines.starts[chosen])
            spans = [*map(slice, lines.starts[chosen].tolist(), ends.tolist())]
            gaps += [lines.gaps[span] for span in spans]
            pitches += [lines.pitches[span] for span in spans]
            drums.append(lines.drums[chosen])
        return Lines(
            np.concatenate(starts).cumsum(),
            np.concatenate(gaps),
            np.concatenate(pitches),
            np.concatenate(drums),
        )


class PhraseSets(NamedTuple):
    """Sets of phrases, one after the other.

    Attributes:
        phrases: hashes of 32 bits; uint32.
        ends: where each set ends; int64.
    """

    phrases: Any
    ends: Any

    @property
    def sizes(self) -> Any:
        """The number of phrases in each set."""
        return np.diff(self.ends, prepend=0)


class Fingerprinter:
    """Makes the fingerprints of tracks; for one thread at a time."""

    def __init__(self) -> None:
        self._line = new_line()

    def lines(self, tracks: Sequence[bytes], drums: Sequence[bool]) -> Lines:
        """Return the lines of tracks.

        Args:
            tracks: bytes of each track, as ``midiprism.split`` returns them.
            drums: whether each of them plays a drum kit.
        """
        parts = [self._lines(tracks[part], drums[part]) for part in ranges_per_call(tracks)]
        return join_lines(parts)

    def _lines(self, tracks: Sequence[bytes], drums: Sequence[bool]) -> Lines:
        data, ends = join_tracks(tracks)
        room = sum(min(MAX_GROUPS, len(track) // _BYTES_PER_NOTE + 1) for track in tracks)
        gaps, pitches = np.empty(room, np.uint16), np.empty(room, np.uint8)
        line_ends = np.empty(len(tracks), np.int64)
        flags = np.array(drums, np.int64)
        lines_kernel(data, ends, flags, gaps, pitches, line_ends, self._line)
        starts = np.concatenate([np.zeros(1, np.int64), line_ends])
        return Lines(starts, gaps[: starts[-1]].copy(), pitches[: starts[-1]].copy(), flags.astype(np.uint8))

    def phrases(self, lines: Lines) -> PhraseSets:
        """Return the set of phrases of each line."""
        phrases = np.empty(2 * len(lines.gaps), np.uint32)
        ends = np.empty(len(lines), np.int64)
        phrases_kernel(lines.starts, lines.gaps, lines.pitches, lines.drums, phrases, ends, self._line)
        return PhraseSets(phrases[: ends[-1] if len(ends) else 0].copy(), ends)


def phrases_of(lines: Lines, threads: int) -> PhraseSets:
    """Return the set of phrases of each line, computed by several threads.

    Args:
        lines: of tracks.
        threads: at least one.
    """
    bounds = [len(lines) * number // threads for number in range(threads + 1)]
    parts = [_lines_between(lines, *bound) for bound in pairwise(bounds)]
    with ThreadPoolExecutor(threads, "midiprism-phrases") as pool:
        sets = [*pool.map(lambda part: Fingerprinter().phrases(part), parts)]
    counts = np.cumsum([0, *(len(part.phrases) for part in sets)])
    ends = [part.ends + count for part, count in zip(sets, counts, strict=False)]
    return PhraseSets(np.concatenate([part.phrases for part in sets]), np.concatenate(ends))


def _lines_between(lines: Lines, first: int, last: int) -> Lines:
    start, stop = lines.starts[first], lines.starts[last]
    starts = lines.starts[first : last + 1] - start
    return Lines(starts, lines.gaps[start:stop], lines.pitches[start:stop], lines.drums[first:last])


def sign_phrases(sets: PhraseSets) -> Any:
    """Return the MinHash signature of each set; uint32, shape (sets, 64)."""
    signatures = np.empty(len(sets.ends) * SIGNATURE_VALUES, np.uint32)
    signatures_kernel(sets.phrases, sets.ends, signatures)
    return signatures.reshape(-1, SIGNATURE_VALUES)


def join_lines(parts: Sequence[Lines]) -> Lines:
    """Return the lines of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    sizes = [np.diff(part.starts) for part in parts]
    starts = np.concatenate([np.zeros(1, np.int64), *sizes]).cumsum()
    nothing = Lines(starts, np.empty(0, np.uint16), np.empty(0, np.uint8), np.empty(0, np.uint8))
    others = zip(*((part.gaps, part.pitches, part.drums) for part in (nothing, *parts)), strict=True)
    return Lines(starts, *map(np.concatenate, others))


def take_lines(lines: Lines, order: Any) -> Lines:
    """Return some lines, in an order.

    Args:
        lines: all of them.
        order: their places; int64.
    """
    sizes = np.diff(lines.starts)[order]
    starts = np.append(np.zeros(1, np.int64), sizes.cumsum())
    places = np.repeat(lines.starts[order] - starts[:-1], sizes) + np.arange(starts[-1])
    return Lines(starts, lines.gaps[places], lines.pitches[places], lines.drums[order])
