"""Stated facts of several splits at once, as the kernel computes them."""

from collections.abc import Sequence
from itertools import accumulate

from midiprism.smf.stated_meta_from_bytes import stated_meta_from_bytes
from midiprism.smf.types import StatedMeta


def stated_meta_of(tracks: Sequence[bytes]) -> list[StatedMeta]:
    """Return the tempo, meter and key that each of these splits states."""
    return stated_meta_from_bytes(b"".join(tracks), list(accumulate(map(len, tracks))))
