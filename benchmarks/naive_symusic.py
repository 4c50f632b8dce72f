"""Split songs with symusic in the simplest way."""

from collections.abc import Iterator
from typing import Any

import symusic


def playing_tracks(score: Any) -> Iterator[Any]:
    """Yield a score for each track with notes, with the song's tempi and signatures."""
    for track in score.tracks:
        if track.notes:
            single: Any = symusic.Score(score.ticks_per_quarter)
            single.tempos = score.tempos
            single.time_signatures = score.time_signatures
            single.key_signatures = score.key_signatures
            single.tracks.append(track)
            yield single
