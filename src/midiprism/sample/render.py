"""A part of a song, from its row of numbers to the bytes of its track."""

import numpy as np

from midiprism.sample import columns as sheet
from midiprism.sample.bass import bass
from midiprism.sample.chords import arpeggio, bells, brass, comp, pad
from midiprism.sample.drums import drums, percussion
from midiprism.sample.events import (
    EVENT_BUFFER_SIZE,
    META,
    RANK_CONDUCTOR,
    RANK_SETUP,
    emit,
    encode_track,
    sort_events,
)
from midiprism.sample.melody import melody, riff
from midiprism.sample.rng import STREAM_PERFORMANCE, ByteArray, IntArray, randrange, seed_stream
from midiprism.smf.kernel.jit import EntryPoint, entry_point

PLAYERS_BY_ROLE: dict[int, EntryPoint] = {
    sheet.DRUMS: drums,
    sheet.PERCUSSION: percussion,
    sheet.BASS: bass,
    sheet.COMP: comp,
    sheet.STRUM: comp,
    sheet.PAD: pad,
    sheet.ARPEGGIO: arpeggio,
    sheet.LEAD: melody,
    sheet.COUNTERMELODY: melody,
    sheet.HARMONY: melody,
    sheet.BRASS: brass,
    sheet.RIFF: riff,
    sheet.BELLS: bells,
}


@entry_point("void(int64[::1], int64[::1])")
def _emit_conductor_events(events: IntArray, conductor_ticks: IntArray) -> None:
    """Begin with the conductor's events, entries 0, 1, ... of the table of bytes."""
    events[0] = 0
    for index in range(conductor_ticks.shape[0]):
        emit(events, conductor_ticks[index], RANK_CONDUCTOR, META, index >> 8, index & 0xFF)


@entry_point("void(int64[::1], int64[::1], int64[::1])")
def _emit_setup(events: IntArray, part: IntArray, rng_state: IntArray) -> None:
    """Bank, program, volume, pan, sends and bend range, at tick 0."""
    seed_stream(rng_state, part[sheet.PART_SEED_LOW], part[sheet.PART_SEED_HIGH], STREAM_PERFORMANCE, 0)
    channel = part[sheet.CHANNEL]
    control = 0xB0 | channel
    if part[sheet.BANK_SELECT] >= 0:
        emit(events, 0, RANK_SETUP, control, 0, part[sheet.BANK_SELECT])
        emit(events, 0, RANK_SETUP, control, 32, 0)
    emit(events, 0, RANK_SETUP, 0xC0 | channel, part[sheet.PROGRAM], 0)
    emit(events, 0, RANK_SETUP, control, 7, part[sheet.VOLUME])
    emit(events, 0, RANK_SETUP, control, 10, part[sheet.PAN])
    if randrange(rng_state, 2) == 0:
        emit(events, 0, RANK_SETUP, control, 91, 20 + randrange(rng_state, 60))
        emit(events, 0, RANK_SETUP, control, 93, randrange(rng_state, 40))
    if part[sheet.CONTROLLER_AMOUNT] > 0 and channel != sheet.DRUM_CHANNEL:
        emit(events, 0, RANK_SETUP, control, 101, 0)
        emit(events, 0, RANK_SETUP, control, 100, 0)
        emit(events, 0, RANK_SETUP, control, 6, 2)


class Renderer:
    """Room to write on, for one song at a time."""

    def __init__(self) -> None:
        self._events: IntArray = np.zeros(EVENT_BUFFER_SIZE, np.int64)
        self._rng_state: IntArray = np.zeros(2, np.int64)
        self._out: ByteArray = np.zeros(EVENT_BUFFER_SIZE * 5, np.uint8)

    def render(
        self,
        song: IntArray,
        bars: IntArray,
        parts: list[IntArray],
        conductor_ticks: IntArray,
        packed_entries: tuple[ByteArray, IntArray],
    ) -> bytes:
        """The parts as one track's events; ``cues`` are the ticks of the table's first entries."""
        events, dice = self._events, self._rng_state
        _emit_conductor_events(events, conductor_ticks)
        for part in parts:
            _emit_setup(events, part, dice)
            PLAYERS_BY_ROLE[int(part[sheet.ROLE])](events, song, part, dice, bars)
        if len(parts) == 1:
            sort_events(events)
        else:
            used = events[1 : events[0] + 1]
            used[:] = used[np.argsort(used >> 24, kind="stable")]
        end = int(song[sheet.END_TICK]) if parts[0][sheet.ENDS_WITH_SONG] else 0
        size = encode_track(events, end, int(song[sheet.RUNNING_STATUS]), *packed_entries, self._out)
        return self._out[:size].tobytes()
