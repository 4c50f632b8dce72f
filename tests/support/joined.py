"""Splits one behind the other, as a kernel takes them."""

from collections.abc import Sequence
from itertools import accumulate

from midiprism.smf.facts import stated_facts
from midiprism.smf.types import Stated


def facts_of(tracks: Sequence[bytes]) -> list[Stated]:
    """What each of these splits states."""
    return stated_facts(b"".join(tracks), list(accumulate(map(len, tracks))))
