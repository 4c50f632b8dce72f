"""Drums and percussion: grooves, fills, crashes (General MIDI percussion key map)."""

import numpy as np

from midiprism.sample import columns as sheet
from midiprism.sample.performance import PLAYER_SIGNATURE, emit_note, humanize, is_resting, step_to_tick
from midiprism.sample.rng import STREAM_GROOVE, IntArray, randrange, seed_stream
from midiprism.smf.kernel.jit import entry_point, helper

_DRUM_KEYS = {
    "kick": 36,
    "snare": 38,
    "side": 37,
    "clap": 39,
    "hat": 42,
    "open": 46,
    "foot": 44,
    "ride": 51,
}

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
_CRASH = 49


@helper
def _groove_row(part: IntArray, bar: IntArray, groove_offset: int) -> int:
    steps = bar[sheet.STEPS]
    if steps == 16:
        return int(part[sheet.FIRST_GROOVE] + groove_offset)
    if steps == 12 and bar[sheet.STEPS_PER_BEAT] == 6:
        steps = 13
    for index in range(_OTHER_METER_STEPS.shape[0]):
        if _OTHER_METER_STEPS[index] == steps:
            return _FIRST_OTHER_METER + index
    return _FIRST_OTHER_METER


@helper
def _emit_hit(
    events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, tick: int, key: int, velocity: int
) -> None:
    start = humanize(song, rng_state, tick)
    emit_note(
        events,
        song,
        part,
        start,
        start + song[sheet.DIVISION] // 16,
        key,
        velocity + randrange(rng_state, 15) - 7,
    )


@helper
def _emit_fill(
    events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bar: IntArray, first: int
) -> None:
    """Down the toms from step ``first`` to the bar line."""
    kind = randrange(rng_state, 4)
    steps = bar[sheet.STEPS]
    for step in range(first, steps):
        if kind == 1 and step % 2 == 1 and step < steps - 2:
            continue
        if kind == 3 and step % 4 == 1:
            continue
        tom = 38 if kind == 2 and step % 4 < 2 else _TOMS[(step - first) * 6 // max(steps - first, 1)]
        _emit_hit(
            events,
            song,
            part,
            rng_state,
            step_to_tick(song, bar[sheet.TICK], step),
            tom,
            74 + 3 * (step - first),
        )


@entry_point(PLAYER_SIGNATURE)
def drums(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """The drum kit: one groove in quiet sections, another in loud ones, fills into the next section."""
    family = np.zeros(2, np.int64)
    seed_stream(
        family,
        song[sheet.FAMILY_SEED_LOW],
        song[sheet.FAMILY_SEED_HIGH],
        STREAM_GROOVE,
        part[sheet.MELODY_NUMBER],
    )
    extra = randrange(family, 2)
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        tick = bar[sheet.TICK]
        loud = bar[sheet.SECTION_KIND] == sheet.CHORUS or bar[sheet.SECTION_KIND] == sheet.SOLO
        groove = _groove_row(part, bar, part[sheet.PATTERN] if loud else 0)
        steps = bar[sheet.STEPS]
        closing = bar[sheet.BAR_IN_SECTION] == bar[sheet.BARS_IN_SECTION] - 1
        half = bar[sheet.BAR_IN_SECTION] % 4 == 3 and randrange(rng_state, 3) == 0
        until = steps
        if closing:
            until = steps - min(8, steps // 2)
        elif half:
            until = steps - 4
        if row == bars.shape[0] - 1:
            _emit_hit(events, song, part, rng_state, tick, 36, 100)
            _emit_hit(events, song, part, rng_state, tick, _CRASH, 96)
            continue
        if bar[sheet.BAR_IN_SECTION] == 0 and row > 0:
            _emit_hit(events, song, part, rng_state, tick, _CRASH, 104)
        for step in range(until):
            for lane in range(_LANES):
                stroke = GROOVES[groove, lane, step]
                if stroke == 0:
                    continue
                if stroke == 1 and randrange(rng_state, 3) == 0:
                    continue
                velocity = _STROKE_VELOCITIES[stroke] + (8 if loud else 0)
                _emit_hit(
                    events,
                    song,
                    part,
                    rng_state,
                    step_to_tick(song, tick, step),
                    GROOVE_KEYS[groove, lane],
                    velocity,
                )
        odd = bar[sheet.BAR_IN_SECTION] % 2 == 1 and steps == 16 and until == steps
        if odd and extra == 1 and GROOVES[groove, 0, 15] == 0:
            _emit_hit(events, song, part, rng_state, step_to_tick(song, tick, 15), 36, 70)
        if until < steps:
            _emit_fill(events, song, part, rng_state, bar, until)


_SHAKER, _TAMBOURINE, _CONGA, _COWBELL, _CLAP, _TRIANGLE = range(6)


@entry_point(PLAYER_SIGNATURE)
def percussion(events: IntArray, song: IntArray, part: IntArray, rng_state: IntArray, bars: IntArray) -> None:
    """Shaker, tambourine, congas, cowbell, hand claps or triangle."""
    pattern = part[sheet.PATTERN]
    for row in range(bars.shape[0]):
        bar = bars[row]
        if is_resting(part, bar):
            continue
        for step in range(bar[sheet.STEPS]):
            tick = step_to_tick(song, bar[sheet.TICK], step)
            beat = step % bar[sheet.STEPS_PER_BEAT]
            key = 0
            velocity = 64
            if pattern == _SHAKER and (step % 2 == 0 or part[sheet.PLAYS_SIXTEENTHS] == 1):
                key = 70
                velocity = 82 if beat == 0 else 58
            elif pattern == _TAMBOURINE and step % 2 == 0:
                key = 54
                velocity = 92 if step % 8 == 4 else 56
            elif pattern == _CONGA and step % 8 in (0, 3, 4, 6, 7):
                key = 62 if step % 8 == 4 else (64 if step % 8 >= 6 else 63)
                velocity = 88 if step % 8 >= 6 else 66
            elif pattern == _COWBELL and beat == 0:
                key = 56
                velocity = 80 if step == 0 else 62
            elif pattern == _CLAP and step % 8 == 4:
                key = 39
                velocity = 90
            elif pattern == _TRIANGLE and (step % 4 == 0 or step % 8 == 6):
                key = 81 if step % 8 == 6 else 80
                velocity = 60
            if key > 0:
                _emit_hit(events, song, part, rng_state, tick, key, velocity)
