"""The facts of tracks as columns of their records."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from midiprism.features.facts_version import FACTS_VERSION
from midiprism.features.kernel.facts_kernel import facts_kernel
from midiprism.features.kernel.roles import ROLES
from midiprism.features.kernel.tables import (
    OPTIONAL_NUMBERS,
    PITCHES,
    TRACK_FACTS,
    WALK,
    new_facts,
    new_work_table,
)
from midiprism.features.key_names import key_names
from midiprism.smf.instruments import DRUM_FAMILY
from midiprism.smf.kernel.jit import ENABLED
from midiprism.smf.stated_meta import stated_key_name, stated_meter_name

_WORDS = {
    name: (kind, offset // 8)
    for name, (kind, offset, *_) in TRACK_FACTS.fields.items()
    if kind.subdtype is None
}
"""The type and the place of each result of the kernel that is a single number."""

_CODED = ("meter_count", "key_count", "key", "role", "low_pieces", "high_pieces")
"""Numbers that become texts."""

_FLOATS = [name for name, (kind, _) in _WORDS.items() if kind == np.float64]
_INTEGERS = [name for name in OPTIONAL_NUMBERS if name not in _CODED]
_COUNTS = [name for name in _WORDS if name not in (*_CODED, *_FLOATS, *_INTEGERS)]

MAX_BYTES_PER_CALL = 8 << 20


class FactsCalculator:
    """Computes the facts of tracks; for one thread at a time."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._walk = np.zeros(1, WALK)
        self._work = new_work_table()

    def columns(self, tracks: Sequence[bytes], families: Sequence[str]) -> dict[str, list[Any]]:
        """Return a column for each computed field of a track, with None for what a track does not have.

        Args:
            tracks: bytes of each track, as ``midiprism.split`` returns them.
            families: the instrument family of each, as its own bytes select it.
        """
        facts = new_facts(len(tracks))
        drums = np.array([family == DRUM_FAMILY for family in families], np.int64)
        try:
            for part in ranges_per_call(tracks):
                data, ends = join_tracks(tracks[part])
                facts_kernel(data, ends, drums[part], facts[part], self._walk, self._work)
        except BaseException:
            self._clear()  # of what the kernel has left of a track
            raise
        return _columns(facts, drums)


def join_tracks(tracks: Sequence[bytes]) -> tuple[Any, Any]:
    """Return the bytes of all tracks, one after the other, and where each track ends there; int64."""
    ends = np.fromiter(accumulate(map(len, tracks)), np.int64, len(tracks))
    joined = b"".join(tracks)
    # Plain Python would calculate with the bytes of an array in 8 bits.
    return np.frombuffer(joined, np.uint8) if ENABLED else memoryview(joined), ends


def ranges_per_call(tracks: Sequence[bytes]) -> Iterable[slice]:
    """Return ranges of tracks that have no more bytes than the limit of a call, unless it is one track."""
    first = size = 0
    for index, track in enumerate(tracks):
        if size + len(track) > MAX_BYTES_PER_CALL and index > first:
            yield slice(first, index)
            first, size = index, 0
        size += len(track)
    if first < len(tracks):
        yield slice(first, len(tracks))


def _columns(facts: Any, drums: Any) -> dict[str, list[Any]]:
    # Reading a column from the rows would take ten times as long.
    words = np.ascontiguousarray(facts.view(np.int64).reshape(len(facts), TRACK_FACTS.itemsize // 8).T)
    floats = words[[_WORDS[name][1] for name in _FLOATS]].view(np.float64)
    integers = words[[_WORDS[name][1] for name in _INTEGERS]]
    meter_count, key_count, key, role, low_pieces, high_pieces = (words[_WORDS[name][1]] for name in _CODED)
    return {
        "facts_version": [FACTS_VERSION] * len(facts),
        "is_drums": drums.tolist(),
        "time_signatures": _stated_texts(facts["meters"], meter_count, stated_meter_name),
        "key_signatures": _stated_texts(facts["keys"], key_count, stated_key_name),
        "key": key_names(key.tolist()),
        "role": [None if index < 0 else ROLES[index] for index in role.tolist()],
        "pitch_class_weights": _weights(facts, drums),
        "drum_pieces": [*map(_drum_pieces, low_pieces.tolist(), high_pieces.tolist())],
        **dict(zip(_FLOATS, _with_none(floats, np.isnan(floats)), strict=True)),
        **dict(zip(_INTEGERS, _with_none(integers, integers < 0), strict=True)),
        **{name: words[_WORDS[name][1]].tolist() for name in _COUNTS},
    }


def _with_none(columns: Any, missing: Any) -> list[list[Any]]:
    """Return columns of numbers with None for those that are missing."""
    values: list[list[Any]] = columns.tolist()
    for column, index in zip(*(part.tolist() for part in missing.nonzero()), strict=True):
        values[column][index] = None
    return values


def _stated_texts(codes: Any, counts: Any, name_of: Any) -> list[str | None]:
    most = max(1, int(counts.max(initial=0)))
    stated = np.where(np.arange(most) < counts[:, None], codes[:, :most], -1)
    return [_joined(row, name_of) for row in zip(*stated.T.tolist(), strict=True)]


@lru_cache(4096)
def _joined(codes: tuple[int, ...], name_of: Any) -> str | None:
    return ", ".join(name_of(code) for code in codes if code >= 0) or None


def _weights(facts: Any, drums: Any) -> list[bytes | None]:
    """Return the weights of pitch classes as bytes: 12 half-precision floats, the lowest byte first."""
    packed = facts["pitch_class_weights"].astype("<f2").view("V24").ravel()
    values: list[bytes | None] = packed.tolist()
    for index in np.flatnonzero((drums != 0) | (facts["n_pitches_used"] < 0)).tolist():
        values[index] = None
    return values


@lru_cache(4096)
def _drum_pieces(low: int, high: int) -> str | None:
    bits = low & (1 << 64) - 1 | (high & (1 << 64) - 1) << 64
    return ",".join(str(pitch) for pitch in range(PITCHES) if bits >> pitch & 1) or None
