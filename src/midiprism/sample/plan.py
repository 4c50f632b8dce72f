"""Which songs there are: blocks of families whose versions share as many tracks as were asked for.

A block is drawn from the seed, its number and the share alone. In it a running count of tracks, and of those
that repeat an earlier one, decides before each song whether it begins a family or is another version of one.
Which one is drawn among the block's families or among its songs, so that large families grow larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from midiprism.sample.family import LAYOUT_FIRST_PART_TRACK, LAYOUT_FORMAT_0, SongFamily
from midiprism.sample.render import Renderer
from midiprism.sample.rng import MASK_32, STREAM_BLOCK, Rng

SONGS_PER_BLOCK = 512
SHARE_UNIT = 1_000_000


@dataclass(frozen=True, slots=True)
class SongVersion:
    """A song to be written.

    Attributes:
        song: its number, from 0.
        family: what it shares with its other versions.
        version: its number in the family, from 0.
        parts: slot and variant of each part.
        tracks: how many splits it gives.
        repeats: how many of them an earlier song of the block gave.
    """

    song_number: int
    family: SongFamily
    version_number: int
    parts: list[tuple[int, int]]
    track_count: int
    repeated_tracks: int


class _GrowingFamily:
    """A family in the making: its versions, and the variants of each slot."""

    def __init__(self, family: SongFamily) -> None:
        self.family = family
        self.version_count = 0
        self.variant_counts: dict[int, int] = {}

    def add_part(self, slot: int) -> tuple[int, int]:
        """A new part in a slot."""
        variant = self.variant_counts.get(slot, 0)
        self.variant_counts[slot] = variant + 1
        return slot, variant

    def first_version_parts(self) -> list[tuple[int, int]]:
        """The first version's parts."""
        return [self.add_part(slot) for slot in range(self.family.part_count)]

    def next_version_parts(self, rng: Rng, repeat_all: bool) -> tuple[list[tuple[int, int]], int]:
        """A further version's parts, and how many of them repeat; all that can, if ``hungry``."""
        family = self.family
        led = family.layout == LAYOUT_FIRST_PART_TRACK
        players = min(max(family.part_count + rng.randrange(3) - 1, 2), family.max_parts)
        known = list(self.variant_counts)
        repeats = players if repeat_all else (players * (50 + rng.randrange(51)) + 99) // 100
        repeats = min(max(repeats, 1), len(known), players - led)
        if led:
            known.remove(0)
        chosen = [0] if led else []
        while len(chosen) < repeats:
            chosen.append(known.pop(rng.randrange(len(known))))
        parts = [
            (slot, 0 if led and slot == 0 else rng.randrange(self.variant_counts[slot])) for slot in chosen
        ]
        fresh = [slot for slot in range(len(family.slots)) if slot not in chosen]
        while len(parts) < players:
            parts.append(self.add_part(fresh.pop(rng.randrange(min(3, len(fresh))))))
        parts.sort()
        return parts, repeats


def plan_versions(seed: int, duplicate_share: int) -> Iterator[SongVersion]:
    """Songs without end; ``share`` is in millionths of all tracks."""
    desk = Renderer()
    block = 0
    while True:
        yield from _plan_block(seed, duplicate_share, block, desk)
        block += 1


def _plan_block(seed: int, duplicate_share: int, block: int, renderer: Renderer) -> Iterator[SongVersion]:
    dice = Rng((seed + duplicate_share) & MASK_32, seed >> 32, STREAM_BLOCK, block)
    heads: list[_GrowingFamily] = []
    kin: list[_GrowingFamily] = []
    missing = 0
    for index in range(SONGS_PER_BLOCK):
        song = block * SONGS_PER_BLOCK + index
        repeats = 0
        if missing > 0 and kin:
            among = kin if dice.randrange(2) else heads
            chosen = among[dice.randrange(len(among))]
            parts, repeats = chosen.next_version_parts(dice, missing > 15 * SHARE_UNIT)
        else:
            chosen = _GrowingFamily(SongFamily(seed, song, renderer))
            parts = chosen.first_version_parts()
        family = chosen.family
        tracks = len(parts)
        if family.layout == LAYOUT_FORMAT_0:
            tracks = len({family.slots[slot].channel for slot, _ in parts})
        else:
            kin.append(chosen)
            if chosen.version_count == 0:
                heads.append(chosen)
        missing += duplicate_share * tracks - SHARE_UNIT * repeats
        yield SongVersion(song, family, chosen.version_count, parts, tracks, repeats)
        chosen.version_count += 1
