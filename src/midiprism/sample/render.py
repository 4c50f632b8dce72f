"""Parts of a song, from their rows of numbers to the bytes of a track."""

from typing import Any

import numpy as np

from midiprism.sample.bass import play_bass
from midiprism.sample.chords import play_arpeggio, play_bells, play_brass, play_comp, play_pad
from midiprism.sample.drums import play_drums, play_percussion
from midiprism.sample.events import (
    EVENT_BUFFER_SIZE,
    RANK_CONDUCTOR,
    RANK_SETUP,
    emit,
    emit_entry,
    encode_track,
    sort_nearly_ordered,
    sort_parts,
)
from midiprism.sample.melody import play_melody, play_riff
from midiprism.sample.names import PackedEntries
from midiprism.sample.performance import Player
from midiprism.sample.rng import STREAM_PERFORMANCE, IntArray, randrange, seed_stream
from midiprism.sample.score import (
    ARPEGGIO,
    BAR,
    BASS,
    BELLS,
    BRASS,
    COMP,
    DRUM_CHANNEL,
    DRUMS,
    PAD,
    PART,
    PERCUSSION,
    RIFF,
    SONG,
    STRUM,
)
from midiprism.smf.kernel.jit import array_of, entry_point, helper


@helper
def _emit_setup(player: Player) -> None:
    """Send bank, program, volume, pan, effects and bend range, at tick 0."""
    events, part, rng_state = player.events, player.part, player.rng_state
    seed_stream(rng_state, part.seed_low, part.seed_high, STREAM_PERFORMANCE, 0)
    channel = part.channel
    control = 0xB0 | channel
    if part.bank_select >= 0:
        emit(events, 0, RANK_SETUP, control, 0, part.bank_select)
        emit(events, 0, RANK_SETUP, control, 32, 0)
    emit(events, 0, RANK_SETUP, 0xC0 | channel, part.program, 0)
    emit(events, 0, RANK_SETUP, control, 7, part.volume)
    emit(events, 0, RANK_SETUP, control, 10, part.pan)
    if randrange(rng_state, 2) == 0:
        emit(events, 0, RANK_SETUP, control, 91, 20 + randrange(rng_state, 60))
        emit(events, 0, RANK_SETUP, control, 93, randrange(rng_state, 40))
    if part.controller_amount > 0 and channel != DRUM_CHANNEL:
        emit(events, 0, RANK_SETUP, control, 101, 0)
        emit(events, 0, RANK_SETUP, control, 100, 0)
        emit(events, 0, RANK_SETUP, control, 6, 2)


@helper
def _play(player: Player, bars: Any) -> None:
    role = player.part.role
    if role == DRUMS:
        play_drums(player, bars)
    elif role == PERCUSSION:
        play_percussion(player, bars)
    elif role == BASS:
        play_bass(player, bars)
    elif role in (COMP, STRUM):
        play_comp(player, bars)
    elif role == PAD:
        play_pad(player, bars)
    elif role == ARPEGGIO:
        play_arpeggio(player, bars)
    elif role == BRASS:
        play_brass(player, bars)
    elif role == RIFF:
        play_riff(player, bars)
    elif role == BELLS:
        play_bells(player, bars)
    else:
        play_melody(player, bars)


@entry_point(
    (
        array_of(np.int64),
        array_of(SONG),
        array_of(BAR),
        array_of(PART),
        array_of(np.int64, readonly=True),
        array_of(np.uint8, readonly=True),
        array_of(np.int64, readonly=True),
        array_of(np.uint8),
    )
)
def render_track(
    events: IntArray,
    songs: Any,
    bars: Any,
    parts: Any,
    conductor_ticks: IntArray,
    entry_bytes: Any,
    entry_starts: IntArray,
    out: Any,
) -> int:
    """Write the parts as one track's events; return the size in bytes.

    Args:
        events: a buffer of EVENT_BUFFER_SIZE.
        songs: one SONG row.
        bars: its BAR rows.
        parts: PART rows.
        conductor_ticks: ticks of the first entries of the table of bytes, the conductor's events.
        entry_bytes: the table of bytes.
        entry_starts: where each entry begins, and the last ends.
        out: receives the bytes.
    """
    song = songs[0]
    rng_state = np.zeros(2, np.int64)
    events[0] = 0
    for index in range(conductor_ticks.shape[0]):
        emit_entry(events, conductor_ticks[index], RANK_CONDUCTOR, index)
    for row in range(parts.shape[0]):
        player = Player(events, song, parts[row], rng_state)
        _emit_setup(player)
        _play(player, bars)
    if parts.shape[0] == 1:
        sort_nearly_ordered(events)
    else:
        sort_parts(events)
    end_tick = song.end_tick if parts[0].ends_with_song == 1 else 0
    return encode_track(events, end_tick, song.running_status == 1, entry_bytes, entry_starts, out)


class Renderer:
    """Renders tracks, one at a time, in buffers of its own."""

    def __init__(self) -> None:
        self._events: IntArray = np.zeros(EVENT_BUFFER_SIZE, np.int64)
        self._out = np.zeros(EVENT_BUFFER_SIZE * 5, np.uint8)

    def render(
        self, song: Any, bars: Any, parts: Any, conductor_ticks: IntArray, entries: PackedEntries
    ) -> bytes:
        """Return the parts as one track's events; ``conductor_ticks`` are those of the first entries."""
        size = render_track(
            self._events, song, bars, parts, conductor_ticks, entries.data, entries.starts, self._out
        )
        return bytes(self._out[:size])
