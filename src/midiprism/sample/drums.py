"""Drums and percussion: grooves, fills, crashes (General MIDI percussion key map)."""

from typing import Any

import numpy as np

from midiprism.sample.performance import Player, emit_note, humanize, is_resting, step_to_tick
from midiprism.sample.rng import STREAM_GROOVE, randrange, seed_stream
from midiprism.sample.score import CHORUS, SOLO
from midiprism.smf.kernel.jit import helper

_DRUM_KEYS = {"kick": 36, "snare": 38, "side": 37, "clap": 39, "hat": 42, "open": 46, "foot": 44, "ride": 51}
_KICK, _CRASH = 36, 49

# Sixteenths: x accented, o plain, g ghost note. Styles choose among those in 4/4 by number.
_FOUR_FOUR_GROOVES = """
kick  x.......x.......|snare ....x.......x...|hat o.o.o.o.o.o.o.o.
kick  x.....o.x.......|snare ....x.......x..g|hat x.o.x.o.x.o.x.o.
kick  x..o..o.x..o....|snare ....x..g....x...|hat x.o.x.o.x.o.x...|open ..............o.
kick  x...x...x...x...|clap ....x.......x...|open ..o...o...o...o.|hat o.......o.......
kick  x...x...x...x...|snare ....x.......x...|hat ooxoooxoooxoooxo
kick  x.........x.....|side ....x.......x...|hat o.o.o.o.o.o.o.o.
kick  x.......o.......|snare ........x.......|ride x.o.o.o.x.o.o.o.
kick  x..x..x...x.x...|snare ....x..g.g..x..g|hat xoxoxoxoxoxoxoxo
kick  o...............|ride x...x.o.x...x.o.|foot ....x.......x...
kick  o.....g.........|ride x...x.o.x...x.o.|foot ....x.......x...|snare .......g......g.
kick  x..xx..xx..xx..x|side x..x..x...x..x..|hat oooooooooooooooo
kick  x..x..x.x..x..x.|side ..x..x....x..x..|ride x.x.x.x.x.x.x.x.
kick  x.o...x.....o...|snare ....x..o.o..x..o|hat x.x.x.x.x.x.x.x.
kick  x...x...x...x...|snare .o.oxo.o.o.oxo.o|hat ..x...x...x...x.
"""
_OTHER_METER_GROOVES = {
    8: "kick x.......|snare ....x...|hat o.o.o.o.",
    12: "kick x...........|snare ....o...o...|hat o.o.o.o.o.o.",
    13: "kick x.........o.|snare ......x.....|hat x.o.o.x.o.o.",  # compound: two beats of three eighths
    14: "kick x...o...x.....|snare ....x.......x.|hat x.o.x.o.x.o.o.",
    20: "kick x.....o.....x.......|snare ....x.......x...x...|hat x.o.x.o.x.o.x.o.x.o.",
}
_LANES = 4
_MAX_STEPS = 20


def _parse_groove(text: str) -> tuple[list[int], list[list[int]]]:
    keys, lanes = [0] * _LANES, [[0] * _MAX_STEPS for _ in range(_LANES)]
    for lane, line in enumerate(text.split("|")):
        name, hits = line.split()
        keys[lane] = _DRUM_KEYS[name]
        lanes[lane][: len(hits)] = [".gox".index(hit) for hit in hits]
    return keys, lanes


_PARSED_GROOVES = [
    _parse_groove(line) for line in [*_FOUR_FOUR_GROOVES.strip().splitlines(), *_OTHER_METER_GROOVES.values()]
]
GROOVE_KEYS = np.array([keys for keys, _ in _PARSED_GROOVES], np.int64)
GROOVES = np.array([lanes for _, lanes in _PARSED_GROOVES], np.int64)
_FIRST_OTHER_METER = len(_PARSED_GROOVES) - len(_OTHER_METER_GROOVES)
_OTHER_METER_STEPS = np.array(list(_OTHER_METER_GROOVES), np.int64)
_STROKE_VELOCITIES = np.array([0, 38, 78, 102], np.int64)
_TOMS = np.array([50, 48, 47, 45, 43, 41], np.int64)


@helper
def _groove_row(part: Any, bar: Any, groove_offset: int) -> int:
    steps = bar.steps
    if steps == 16:
        return int(part.first_groove + groove_offset)
    if steps == 12 and bar.steps_per_beat == 6:
        steps = 13
    for index in range(_OTHER_METER_STEPS.shape[0]):
        if _OTHER_METER_STEPS[index] == steps:
            return _FIRST_OTHER_METER + index
    return _FIRST_OTHER_METER


@helper
def _emit_hit(player: Player, tick: int, key: int, velocity: int) -> None:
    start = humanize(player, tick)
    loudness = velocity + randrange(player.rng_state, 15) - 7
    emit_note(player, start, start + player.song.division // 16, key, loudness)


@helper
def _emit_fill(player: Player, bar: Any, first: int) -> None:
    """Play down the toms from step ``first`` to the bar line."""
    kind = randrange(player.rng_state, 4)
    steps = bar.steps
    for step in range(first, steps):
        if kind == 1 and step % 2 == 1 and step < steps - 2:
            continue
        if kind == 3 and step % 4 == 1:
            continue
        tom = 38 if kind == 2 and step % 4 < 2 else _TOMS[(step - first) * 6 // max(steps - first, 1)]
        _emit_hit(player, step_to_tick(player.song, bar, step), tom, 74 + 3 * (step - first))


@helper
def _emit_groove(player: Player, bar: Any, groove: int, until: int, loud: bool) -> None:
    """Play a groove up to a step of the bar."""
    for step in range(until):
        for lane in range(_LANES):
            stroke = GROOVES[groove, lane, step]
            # Two ghost notes in three sound.
            if stroke == 0 or (stroke == 1 and randrange(player.rng_state, 3) == 0):
                continue
            velocity = _STROKE_VELOCITIES[stroke] + (8 if loud else 0)
            _emit_hit(player, step_to_tick(player.song, bar, step), GROOVE_KEYS[groove, lane], velocity)


@helper
def play_drums(player: Player, bars: Any) -> None:
    """Play the drum kit: one groove in quiet sections, another in loud ones, fills into the next section."""
    song, part, rng_state = player.song, player.part, player.rng_state
    family_rng = np.zeros(2, np.int64)
    seed_stream(family_rng, song.seed_low, song.seed_high, STREAM_GROOVE, part.melody_number)
    extra_kicks = randrange(family_rng, 2) == 1
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        loud = bar.section == CHORUS or bar.section == SOLO
        groove = _groove_row(part, bar, part.pattern if loud else 0)
        steps = bar.steps
        closing = bar.bar_in_section == bar.bars_in_section - 1
        half = bar.bar_in_section % 4 == 3 and randrange(rng_state, 3) == 0
        until = steps
        if closing:
            until = steps - min(8, steps // 2)
        elif half:
            until = steps - 4
        if row == bars.shape[0] - 1:
            _emit_hit(player, bar.tick, _KICK, 100)
            _emit_hit(player, bar.tick, _CRASH, 96)
            continue
        if bar.bar_in_section == 0 and row > 0:
            _emit_hit(player, bar.tick, _CRASH, 104)
        _emit_groove(player, bar, groove, until, loud)
        odd = bar.bar_in_section % 2 == 1 and steps == 16 and until == steps
        if odd and extra_kicks and GROOVES[groove, 0, 15] == 0:
            _emit_hit(player, step_to_tick(song, bar, 15), _KICK, 70)
        if until < steps:
            _emit_fill(player, bar, until)


_SHAKER, _TAMBOURINE, _CONGA, _COWBELL, _CLAP, _TRIANGLE = range(6)


@helper
def _percussion_hit(pattern: int, step: int, beat: int, plays_sixteenths: bool) -> tuple[int, int]:
    """Return key and velocity of what a pattern plays at a step; key 0 where it plays nothing."""
    if pattern == _SHAKER and (step % 2 == 0 or plays_sixteenths):
        return 70, 82 if beat == 0 else 58
    if pattern == _TAMBOURINE and step % 2 == 0:
        return 54, 92 if step % 8 == 4 else 56
    if pattern == _CONGA and step % 8 in (0, 3, 4, 6, 7):
        key = 62 if step % 8 == 4 else (64 if step % 8 >= 6 else 63)
        return key, 88 if step % 8 >= 6 else 66
    if pattern == _COWBELL and beat == 0:
        return 56, 80 if step == 0 else 62
    if pattern == _CLAP and step % 8 == 4:
        return 39, 90
    if pattern == _TRIANGLE and (step % 4 == 0 or step % 8 == 6):
        return 81 if step % 8 == 6 else 80, 60
    return 0, 0


@helper
def play_percussion(player: Player, bars: Any) -> None:
    """Play shaker, tambourine, congas, cowbell, hand claps or triangle."""
    part = player.part
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        for step in range(bar.steps):
            key, velocity = _percussion_hit(
                part.pattern, step, step % bar.steps_per_beat, part.plays_sixteenths == 1
            )
            if key > 0:
                _emit_hit(player, step_to_tick(player.song, bar, step), key, velocity)
