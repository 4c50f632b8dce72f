"""Skills that all players share: read the grid of sixteenths, play a note, move a controller."""

from typing import Any, NamedTuple

from midiprism.sample.events import RANK_CONTROL, RANK_NOTE_OFF, RANK_NOTE_ON, emit
from midiprism.sample.rng import randrange
from midiprism.smf.kernel.jit import helper


class Player(NamedTuple):
    """The rows of the score that a player reads, the events it writes, and its random numbers."""

    events: Any
    song: Any
    part: Any
    rng_state: Any


@helper
def step_to_tick(song: Any, bar: Any, step: int) -> int:
    """Return the tick of a sixteenth of a bar; off-beat eighths come late where the song swings."""
    tick = bar.tick + step * song.division // 4
    if step % 4 == 2:
        tick += song.swing
    return int(tick)


@helper
def humanize(player: Player, tick: int) -> int:
    """Return a tick as a person plays it, early or late."""
    jitter = player.song.timing_jitter
    if jitter == 0:
        return tick
    return int(max(0, tick + randrange(player.rng_state, 2 * jitter + 1) - jitter))


@helper
def emit_note(player: Player, start: int, end: int, pitch: int, velocity: int) -> None:
    """Play one note, from tick to tick."""
    channel = player.part.channel
    emit(player.events, start, RANK_NOTE_ON, 0x90 | channel, pitch, min(max(velocity, 8), 127))
    end = max(end, start + 1)
    if player.song.note_off_messages == 1:
        emit(player.events, end, RANK_NOTE_OFF, 0x80 | channel, pitch, 64)
    else:
        emit(player.events, end, RANK_NOTE_OFF, 0x90 | channel, pitch, 0)


@helper
def note_span(player: Player, bar: Any, step: int, steps: int, gate_percent: int) -> tuple[int, int]:
    """Return start and end of a note of ``steps`` sixteenths, held for ``gate_percent`` of them."""
    start = step_to_tick(player.song, bar, step)
    length = (step_to_tick(player.song, bar, step + steps) - start) * gate_percent // 100
    start = humanize(player, start)
    return start, start + length - 2 * player.song.timing_jitter


@helper
def play_step(
    player: Player, bar: Any, step: int, steps: int, pitch: int, velocity: int, gate_percent: int
) -> None:
    """Play one note of ``steps`` sixteenths from ``step`` of a bar, held for ``gate_percent`` of them."""
    start, end = note_span(player, bar, step, steps, gate_percent)
    emit_note(player, start, end, pitch, velocity + randrange(player.rng_state, 17) - 8)


@helper
def emit_controller(player: Player, tick: int, controller: int, value: int) -> None:
    """Set a controller."""
    emit(player.events, tick, RANK_CONTROL, 0xB0 | player.part.channel, controller, value)


@helper
def ramp_controller(
    player: Player, controller: int, start: int, end: int, first: int, last: int, interval: int
) -> None:
    """Move a controller from one value to another in a straight line, one event per ``interval`` ticks."""
    span = max(end - start, 1)
    tick = start
    before = -1
    while tick < end:
        value = first + (last - first) * (tick - start) // span
        if value != before:
            emit_controller(player, tick, controller, value)
            before = value
        tick += interval


@helper
def emit_pitch_bend(player: Player, tick: int, cents: int) -> None:
    """Bend the pitch by cents, at the usual range of two semitones."""
    value = min(max(8192 + cents * 8192 // 200, 0), 16383)
    emit(player.events, tick, RANK_CONTROL, 0xE0 | player.part.channel, value & 0x7F, value >> 7)


@helper
def is_resting(part: Any, bar: Any) -> bool:
    """Return whether the part rests in the bar's section."""
    return bool((part.rest_sections >> bar.section) & 1 == 1)
