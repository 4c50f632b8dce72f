"""Sample songs, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from midiprism.errors import UsageError
from midiprism.sample.dice import ARTIST, WORD, Dice
from midiprism.sample.names import artist_of
from midiprism.sample.plan import MILLION, versions

MOST_DUPLICATES = 0.9


@dataclass(frozen=True, slots=True)
class Song:
    """A sample song.

    Attributes:
        path: where it belongs, relative, with ``/``: ``Artist/Title.mid``. No two differ only in case.
        data: the whole MIDI file.
    """

    path: str
    data: bytes


def songs(count: int, *, seed: int = 0, duplicates: float = 0.49) -> Iterator[Song]:
    """The first ``count`` sample songs of a seed, made one by one as they are asked for.

    Args:
        count: how many songs. More of them begin with the same ones.
        seed: 0 to 2**64 - 1.
        duplicates: share of the tracks that play, 0 to 0.9, whose split (with the conductor's events merged
            in) has the same bytes as one of an earlier song. It holds in every block of 512 songs.

    Raises:
        UsageError: an argument is out of its range.
    """
    if count < 0:
        raise UsageError(f"Ask for 0 songs or more, not {count}.")
    if not 0 <= seed < 1 << 64:
        raise UsageError(f"Choose a seed from 0 to 2**64 - 1, not {seed}.")
    if not 0 <= duplicates <= MOST_DUPLICATES:
        raise UsageError(f"Choose a share of duplicates from 0 to {MOST_DUPLICATES}, not {duplicates}.")
    return islice(_songs(seed, int(duplicates * MILLION + 0.5)), count)


def _songs(seed: int, share: int) -> Iterator[Song]:
    for version in versions(seed, share):
        family = version.family
        artist = family.artist
        if version.version > 0:
            dice = Dice(seed & WORD, seed >> 32, ARTIST, version.song)
            if dice.roll(4) == 0:
                artist = artist_of(seed, version.song, dice.roll(1 << 32))
        yield Song(
            f"{artist}/{family.name_of(version.version)}.mid", family.midi(version.version, version.parts)
        )
