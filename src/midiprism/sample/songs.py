"""Generate sample songs, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from midiprism.errors import UsageError
from midiprism.sample.names import artist_name
from midiprism.sample.plan import SHARE_UNIT, plan_versions
from midiprism.sample.rng import MASK_32, STREAM_ARTIST, Rng

MAX_DUPLICATES = 0.9


@dataclass(frozen=True, slots=True)
class SampleSong:
    """A sample song.

    Attributes:
        path: relative, with ``/``: ``Artist/Title.mid``. No two differ only in case.
        data: the whole MIDI file.
    """

    path: str
    data: bytes


def generate_songs(count: int, *, seed: int = 0, duplicates: float = 0.49) -> Iterator[SampleSong]:
    """Generate the first ``count`` sample songs of a seed, one by one.

    Args:
        count: how many songs. A larger count begins with the same songs.
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
    if not 0 <= duplicates <= MAX_DUPLICATES:
        raise UsageError(f"Choose a share of duplicates from 0 to {MAX_DUPLICATES}, not {duplicates}.")
    return islice(_generate_songs(seed, int(duplicates * SHARE_UNIT + 0.5)), count)


def _generate_songs(seed: int, duplicate_share: int) -> Iterator[SampleSong]:
    for version in plan_versions(seed, duplicate_share):
        family = version.family
        artist = family.artist
        if version.version_number > 0:
            rng = Rng(seed & MASK_32, seed >> 32, STREAM_ARTIST, version.song_number)
            if rng.randrange(4) == 0:
                artist = artist_name(seed, version.song_number, rng.randrange(1 << 32))
        yield SampleSong(
            f"{artist}/{family.title_of_version(version.version_number)}.mid",
            family.render_midi(version.version_number, version.parts),
        )
