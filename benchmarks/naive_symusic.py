"""Splitting with symusic, as one would write it."""

from collections.abc import Iterator
from typing import Any

import symusic


def playing_tracks(score: Any) -> Iterator[Any]:
    """One score per track with notes, with the song's tempi and signatures."""
    for track in score.tracks:
        if track.notes:
            one: Any = symusic.Score(score.ticks_per_quarter)
            one.tempos = score.tempos
            one.time_signatures = score.time_signatures
            one.key_signatures = score.key_signatures
            one.tracks.append(track)
            yield one
