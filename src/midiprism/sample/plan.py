"""Which songs there are: blocks of families whose versions share as many tracks as were asked for.

A block is drawn from the seed, its number and the share alone. In it a running count of tracks, and of those
that repeat an earlier one, decides before each song whether it begins a family or is another version of one.
Which one is drawn among the block's families or among its songs, so that large families grow larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from midiprism.sample.dice import BLOCK, WORD, Dice
from midiprism.sample.family import LED, MERGED, Family
from midiprism.sample.render import Desk

SONGS_PER_BLOCK = 512
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Version:
    """A song to be written.

    Attributes:
        song: its number, from 0.
        family: what it shares with its other versions.
        version: its number in the family, from 0.
        parts: slot and variant of each part.
        tracks: how many splits it gives.
        repeats: how many of them an earlier song of the block gave.
    """

    song: int
    family: Family
    version: int
    parts: list[tuple[int, int]]
    tracks: int
    repeats: int


class _Kin:
    """A family in the making: its versions, and the variants of each slot."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.versions = 0
        self.variants: dict[int, int] = {}

    def add(self, slot: int) -> tuple[int, int]:
        """A new part in a slot."""
        variant = self.variants.get(slot, 0)
        self.variants[slot] = variant + 1
        return slot, variant

    def begin(self) -> list[tuple[int, int]]:
        """The first version's parts."""
        return [self.add(slot) for slot in range(self.family.players)]

    def continue_(self, dice: Dice, hungry: bool) -> tuple[list[tuple[int, int]], int]:
        """A further version's parts, and how many of them repeat; all that can, if ``hungry``."""
        family = self.family
        led = family.layout == LED
        players = min(max(family.players + dice.roll(3) - 1, 2), family.most)
        known = list(self.variants)
        repeats = players if hungry else (players * (50 + dice.roll(51)) + 99) // 100
        repeats = min(max(repeats, 1), len(known), players - led)
        if led:
            known.remove(0)
        chosen = [0] if led else []
        while len(chosen) < repeats:
            chosen.append(known.pop(dice.roll(len(known))))
        parts = [(slot, 0 if led and slot == 0 else dice.roll(self.variants[slot])) for slot in chosen]
        fresh = [slot for slot in range(len(family.slots)) if slot not in chosen]
        while len(parts) < players:
            parts.append(self.add(fresh.pop(dice.roll(min(3, len(fresh))))))
        parts.sort()
        return parts, repeats


def versions(seed: int, share: int) -> Iterator[Version]:
    """Songs without end; ``share`` is in millionths of all tracks."""
    desk = Desk()
    block = 0
    while True:
        yield from _block(seed, share, block, desk)
        block += 1


def _block(seed: int, share: int, block: int, desk: Desk) -> Iterator[Version]:
    dice = Dice((seed + share) & WORD, seed >> 32, BLOCK, block)
    heads: list[_Kin] = []
    kin: list[_Kin] = []
    missing = 0
    for index in range(SONGS_PER_BLOCK):
        song = block * SONGS_PER_BLOCK + index
        repeats = 0
        if missing > 0 and kin:
            among = kin if dice.roll(2) else heads
            chosen = among[dice.roll(len(among))]
            parts, repeats = chosen.continue_(dice, missing > 15 * MILLION)
        else:
            chosen = _Kin(Family(seed, song, desk))
            parts = chosen.begin()
        family = chosen.family
        tracks = len(parts)
        if family.layout == MERGED:
            tracks = len({family.slots[slot].channel for slot, _ in parts})
        else:
            kin.append(chosen)
            if chosen.versions == 0:
                heads.append(chosen)
        missing += share * tracks - MILLION * repeats
        yield Version(song, family, chosen.versions, parts, tracks, repeats)
        chosen.versions += 1
