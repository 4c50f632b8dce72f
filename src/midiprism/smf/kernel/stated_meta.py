"""The tempo, meter and key that a track states: those that hold from its first such event on.

Impossible meters and keys are left out. Of several at one tick the last holds.
"""

from typing import Any

from midiprism.smf.kernel.conductor import payload_start, read_tempo
from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.row_types import KEY_SIGNATURE, TEMPO, TIME_SIGNATURE

MAX_DENOMINATOR_POWER = 7
MAX_ACCIDENTALS = 7


@borrowing_helper
def reset_stated_meta(stated: Any) -> None:
    """State nothing yet."""
    stated.tempo_count = 0
    stated.tempo = -1
    stated.meter = -1
    stated.key = -1
    stated.tempo_tick = -1
    stated.meter_tick = -1
    stated.key_tick = -1


@borrowing_helper
def record_conductor_event(stated: Any, data: Any, kind: int, tick: int, body: int) -> None:
    """Record the next conductor event, whose data bytes are at ``body``."""
    if kind == TEMPO:
        stated.tempo_count += 1
        if stated.tempo_tick < 0 or stated.tempo_tick == tick:
            stated.tempo_tick = tick
            stated.tempo = read_tempo(data, body)
    elif kind == TIME_SIGNATURE:
        numerator, power = data[body] & 0xFF, data[body + 1] & 0xFF
        if (
            numerator > 0
            and power <= MAX_DENOMINATOR_POWER
            and (stated.meter_tick < 0 or stated.meter_tick == tick)
        ):
            stated.meter_tick = tick
            stated.meter = numerator << 8 | power
    elif kind == KEY_SIGNATURE:
        sharps, minor = ((data[body] & 0xFF) ^ 0x80) - 0x80, data[body + 1] & 0xFF
        if abs(sharps) <= MAX_ACCIDENTALS and minor <= 1 and (stated.key_tick < 0 or stated.key_tick == tick):
            stated.key_tick = tick
            stated.key = (sharps + MAX_ACCIDENTALS) * 2 + minor


@inlined
def comes_first(event: Any, tick: int, track: int) -> bool:
    """Return whether a merged event precedes an own event at ``tick`` of track number ``track``."""
    return bool(event.tick < tick or (event.tick == tick and event.track < track))


@borrowing_helper
def record_merged_events(
    stated: Any, data: Any, source: Any, table: Any, merged_events: Any, track: int
) -> None:
    """Record all conductor events of a track, own and merged, in the order in which they are written.

    ``source`` is the track's row, ``table`` holds the conductor events of all tracks.
    """
    reset_stated_meta(stated)
    own, last = source.conductor_start, source.conductor_stop
    merged = 0
    while own < last or merged < merged_events.shape[0]:
        if own == last or (
            merged < merged_events.shape[0] and comes_first(merged_events[merged], table[own].tick, track)
        ):
            event = merged_events[merged]
            merged += 1
            if event.status != 0xFF:  # no conductor event
                continue
        else:
            event = table[own]
            own += 1
        record_conductor_event(stated, data, event.kind, event.tick, payload_start(event))
