"""A part of a song, from its row of numbers to the bytes of its track."""

import numpy as np

from midiprism.sample import sheet
from midiprism.sample.bass import bass
from midiprism.sample.chords import arpeggio, bells, brass, comp, pad
from midiprism.sample.dice import PLAY, Bytes, Ints, branch, roll
from midiprism.sample.drums import drums, percussion
from midiprism.sample.events import CAPACITY, CUE, META, SETUP, emit, encode, settle
from midiprism.sample.melody import melody, riff
from midiprism.smf.jit import EntryPoint, entry_point

PLAYERS: dict[int, EntryPoint] = {
    sheet.DRUMS: drums,
    sheet.PERCUSSION: percussion,
    sheet.BASS: bass,
    sheet.COMP: comp,
    sheet.STRUM: comp,
    sheet.PAD: pad,
    sheet.ARP: arpeggio,
    sheet.LEAD: melody,
    sheet.COUNTER: melody,
    sheet.HARMONY: melody,
    sheet.BRASS: brass,
    sheet.RIFF: riff,
    sheet.BELLS: bells,
}


@entry_point("void(int64[::1], int64[::1])")
def _open(events: Ints, cues: Ints) -> None:
    """Begin with the conductor's events, entries 0, 1, ... of the table of bytes."""
    events[0] = 0
    for index in range(cues.shape[0]):
        emit(events, cues[index], CUE, META, index >> 8, index & 0xFF)


@entry_point("void(int64[::1], int64[::1], int64[::1])")
def _set_up(events: Ints, part: Ints, dice: Ints) -> None:
    """Bank, program, volume, pan, sends and bend range, at tick 0."""
    branch(dice, part[sheet.SEED_LOW], part[sheet.SEED_HIGH], PLAY, 0)
    channel = part[sheet.CHANNEL]
    control = 0xB0 | channel
    if part[sheet.BANK] >= 0:
        emit(events, 0, SETUP, control, 0, part[sheet.BANK])
        emit(events, 0, SETUP, control, 32, 0)
    emit(events, 0, SETUP, 0xC0 | channel, part[sheet.PROGRAM], 0)
    emit(events, 0, SETUP, control, 7, part[sheet.VOLUME])
    emit(events, 0, SETUP, control, 10, part[sheet.PAN])
    if roll(dice, 2) == 0:
        emit(events, 0, SETUP, control, 91, 20 + roll(dice, 60))
        emit(events, 0, SETUP, control, 93, roll(dice, 40))
    if part[sheet.CURVES] > 0 and channel != sheet.DRUM_CHANNEL:
        emit(events, 0, SETUP, control, 101, 0)
        emit(events, 0, SETUP, control, 100, 0)
        emit(events, 0, SETUP, control, 6, 2)


class Desk:
    """Room to write on, for one song at a time."""

    def __init__(self) -> None:
        self._events: Ints = np.zeros(CAPACITY, np.int64)
        self._dice: Ints = np.zeros(2, np.int64)
        self._out: Bytes = np.zeros(CAPACITY * 5, np.uint8)

    def render(
        self, song: Ints, bars: Ints, parts: list[Ints], cues: Ints, table: tuple[Bytes, Ints]
    ) -> bytes:
        """The parts as one track's events; ``cues`` are the ticks of the table's first entries."""
        events, dice = self._events, self._dice
        _open(events, cues)
        for part in parts:
            _set_up(events, part, dice)
            PLAYERS[int(part[sheet.ROLE])](events, song, part, dice, bars)
        if len(parts) == 1:
            settle(events)
        else:
            used = events[1 : events[0] + 1]
            used[:] = used[np.argsort(used >> 24, kind="stable")]
        end = int(song[sheet.END]) if parts[0][sheet.WHOLE] else 0
        size = encode(events, end, int(song[sheet.RUNNING]), *table, self._out)
        return self._out[:size].tobytes()
