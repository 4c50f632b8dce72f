"""Tracks that stay whole: what ``auto`` makes of a track whose channels are one instrument."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.jit import borrowing_helper
from midiprism.smf.kernel.problem_counts import report_problem
from midiprism.smf.kernel.row_types import BY_AUTO, BY_CHANNEL, BY_DRUM, BY_TRACK, ZERO


@borrowing_helper
def count_bits(mask: int) -> int:
    """Return how many bits are set."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@borrowing_helper
def lone_playing_track(tracks: Any, count: int) -> int:
    """Return the only track that plays; -1 where none does or several do."""
    lone = -1
    for track in range(count):
        if tracks[track].note_count > 0:
            if lone >= 0:
                return -1
            lone = track
    return lone


@borrowing_helper
def keep_one_instrument(tables: Any, counters: Any, by: int, ports: int) -> tuple[int, bool]:
    """Decide how ``auto`` divides a song: by channel where one track has all notes, on several channels.

    The channels of an MPE zone are one instrument and stay together, and so does a whole track that is one;
    that is reported. By drum, all of this holds for what is not divided by piece.

    Returns what ``by`` means for the song, and whether the channels of a zone have one part.
    """
    if by not in (BY_AUTO, BY_DRUM):
        return by, False
    lone = lone_playing_track(tables.tracks, counters.tracks)
    if lone < 0:
        return ZERO + BY_TRACK, False
    source = tables.tracks[lone]
    channels = parts = in_zones = ZERO
    for port in range(ports):
        use = tables.port_uses[lone * ports + port]
        played = count_bits(use.channels)
        lower, upper = count_bits(use.lower_zone), count_bits(use.upper_zone)
        channels += played
        parts += played - max(lower - 1, 0) - max(upper - 1, 0)
        in_zones += (lower if lower > 1 else 0) + (upper if upper > 1 else 0)
    if channels <= 1:
        return ZERO + BY_TRACK, False
    if parts < channels:
        report_problem(tables.problems, counters, problems.MPE_ZONE, lone, source.body, in_zones)
        return ZERO + (BY_TRACK if parts == 1 else BY_CHANNEL), True
    if source.one_instrument:
        report_problem(tables.problems, counters, problems.ONE_INSTRUMENT, lone, source.body, channels)
        return ZERO + BY_TRACK, False
    return ZERO + BY_CHANNEL, False
