"""The plan of the songs: blocks of families whose versions share the requested share of their tracks.

A block depends on the seed, its number and the share alone. Before each song, the number of tracks so far
and of those that repeat an earlier one decides whether it begins a family or is another version of one. The
family is drawn among the block's families or among its songs, so that large families grow larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from midiprism.sample.family import LAYOUT_FIRST_PART_TRACK, LAYOUT_FORMAT_0, FamilyPart, SongFamily
from midiprism.sample.render import Renderer
from midiprism.sample.rng import MASK_32, STREAM_BLOCK, Rng

SONGS_PER_BLOCK = 512
SHARE_UNIT = 1_000_000


@dataclass(frozen=True, slots=True)
class SongVersion:
    """A song to be written.

    Attributes:
        song_number: from 0.
        family: what it shares with its other versions.
        version_number: its number in the family, from 0.
        parts: its parts, ordered by slot.
    """

    song_number: int
    family: SongFamily
    version_number: int
    parts: list[FamilyPart]


class _GrowingFamily:
    """A family in the making: its versions, and how many variants of each slot it has."""

    def __init__(self, family: SongFamily) -> None:
        self.family = family
        self.version_count = 0
        self._variant_counts: dict[int, int] = {}

    def _new_part(self, slot: int) -> FamilyPart:
        variant = self._variant_counts.get(slot, 0)
        self._variant_counts[slot] = variant + 1
        return FamilyPart(slot, variant)

    def first_version_parts(self) -> list[FamilyPart]:
        """Return the first version's parts."""
        return [self._new_part(slot) for slot in range(self.family.part_count)]

    def next_version_parts(self, rng: Rng, repeat_all: bool) -> tuple[list[FamilyPart], int]:
        """Return a further version's parts, and how many of them repeat: with ``repeat_all`` all that can."""
        family = self.family
        leads = family.layout == LAYOUT_FIRST_PART_TRACK
        part_count = min(max(family.part_count + rng.randrange(3) - 1, 2), family.max_parts)
        known = list(self._variant_counts)
        repeats = part_count if repeat_all else (part_count * (50 + rng.randrange(51)) + 99) // 100
        repeats = min(max(repeats, 1), len(known), part_count - leads)
        if leads:
            known.remove(0)
        chosen = [0] if leads else []
        while len(chosen) < repeats:
            chosen.append(known.pop(rng.randrange(len(known))))
        parts = [
            FamilyPart(slot, 0 if leads and slot == 0 else rng.randrange(self._variant_counts[slot]))
            for slot in chosen
        ]
        unused = [slot for slot in range(len(family.slots)) if slot not in chosen]
        while len(parts) < part_count:
            parts.append(self._new_part(unused.pop(rng.randrange(min(3, len(unused))))))
        parts.sort()
        return parts, repeats


def plan_versions(seed: int, duplicate_share: int) -> Iterator[SongVersion]:
    """Yield songs without end; ``duplicate_share`` is in millionths of all tracks."""
    renderer = Renderer()
    for block in count():
        yield from _plan_block(seed, duplicate_share, block, renderer)


def _plan_block(seed: int, duplicate_share: int, block: int, renderer: Renderer) -> Iterator[SongVersion]:
    rng = Rng((seed + duplicate_share) & MASK_32, seed >> 32, STREAM_BLOCK, block)
    families: list[_GrowingFamily] = []
    family_by_song: list[_GrowingFamily] = []
    missing_repeats = 0  # in SHARE_UNITs
    for song_number in range(block * SONGS_PER_BLOCK, (block + 1) * SONGS_PER_BLOCK):
        repeats = 0
        if missing_repeats > 0 and family_by_song:
            candidates = family_by_song if rng.randrange(2) else families
            chosen = candidates[rng.randrange(len(candidates))]
            parts, repeats = chosen.next_version_parts(rng, missing_repeats > 15 * SHARE_UNIT)
        else:
            chosen = _GrowingFamily(SongFamily(seed, song_number, renderer))
            parts = chosen.first_version_parts()
        family = chosen.family
        tracks = len(parts)
        if family.layout == LAYOUT_FORMAT_0:
            tracks = len({family.slots[part.slot].channel for part in parts})
        else:
            family_by_song.append(chosen)
            if chosen.version_count == 0:
                families.append(chosen)
        missing_repeats += duplicate_share * tracks - SHARE_UNIT * repeats
        yield SongVersion(song_number, family, chosen.version_count, parts)
        chosen.version_count += 1
