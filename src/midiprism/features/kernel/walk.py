"""The walk over the events of a track. Tracks are valid splits; where one is damaged, the walk stops."""

from typing import Any

from midiprism.features.kernel.bars import change_meter
from midiprism.features.kernel.notes import advance, begin_note, end_all_notes, end_note, end_notes
from midiprism.features.kernel.tables import MAX_STATED, NOTHING, PITCHES, TEMPO_BUCKETS
from midiprism.smf.kernel.conductor import MICROSECONDS_PER_SECOND, read_tempo
from midiprism.smf.kernel.jit import borrowing_helper, bounds_checked_by_hand, unsigned_index
from midiprism.smf.kernel.stated_meta import MAX_ACCIDENTALS, MAX_DENOMINATOR_POWER
from midiprism.smf.kernel.varlen import read_vlq

_ALL_NOTES_OFF = 123
_ALL_SOUND_OFF = 120
_MPE_PARAMETER = 6


@borrowing_helper
def _state(values: Any, count: int, value: int) -> int:
    """Add a value to those that are stated, unless it is there or they are too many; return their number."""
    for index in range(count):
        if values[index] == value:
            return count
    if count < MAX_STATED:
        values[count] = value
        return count + 1
    return count


@borrowing_helper
def finish_tempo(walk: Any, work: Any) -> None:
    """Add the time since the last change of tempo to that of its tempo."""
    if walk.end_tick >= walk.tempo_tick:
        walk.end_time = walk.elapsed + float(walk.end_tick - walk.tempo_tick) * walk.tempo
    ticks = walk.tick - walk.tempo_tick
    if ticks == 0 or walk.smpte != 0:
        return
    time = float(ticks) * walk.tempo
    bucket = 0
    if walk.tempo > 0:
        rate = 60.0 * MICROSECONDS_PER_SECOND / walk.tempo + 0.5
        bucket = min(TEMPO_BUCKETS - 1, int(rate))
    walk.first_bucket = min(walk.first_bucket, bucket)
    walk.last_bucket = max(walk.last_bucket, bucket)
    work.tempo_times[bucket] += time
    if time > work.longest_times[bucket]:
        work.longest_times[bucket] = time
        work.longest_tempi[bucket] = walk.tempo
    walk.elapsed += time
    walk.tempo_tick = walk.tick


@borrowing_helper
def _read_meta(walk: Any, work: Any, facts: Any, data: Any, kind: int, at: int, size: int) -> None:
    """Read a meta event whose data bytes are at ``at``."""
    if kind == 0x51 and size == 3:
        finish_tempo(walk, work)
        if walk.smpte == 0:
            walk.tempo = read_tempo(data, at)
    elif kind == 0x58 and size >= 2:
        numerator, power = data[at] & 0xFF, data[at + 1] & 0xFF
        if numerator > 0 and power <= MAX_DENOMINATOR_POWER:
            facts.meter_count = _state(facts.meters, facts.meter_count, numerator << 8 | power)
            change_meter(walk, walk.tick, numerator, power)
    elif kind == 0x59 and size >= 2:
        sharps, minor = ((data[at] & 0xFF) ^ 0x80) - 0x80, data[at + 1] & 0xFF
        if abs(sharps) <= MAX_ACCIDENTALS and minor <= 1:
            key = (sharps + MAX_ACCIDENTALS) * 2 + minor
            facts.key_count = _state(facts.keys, facts.key_count, key)
    elif kind == 0x05:
        facts.lyric_count += 1


@borrowing_helper
def _read_controller(walk: Any, work: Any, facts: Any, channel: int, controller: int, value: int) -> None:
    if controller == 0:
        walk.bank_high = value
    elif controller == 32:
        walk.bank_low = value
    elif controller == 101:
        walk.parameter = value << 7
    elif controller == 100:
        walk.parameter = (walk.parameter & 0x3F80) | value
    elif controller == 6:
        if walk.parameter == _MPE_PARAMETER and value > 0 and channel in (0, 15):
            facts.mpe = 1
    elif controller == _ALL_SOUND_OFF or controller >= _ALL_NOTES_OFF:
        end_notes(walk, work, channel * PITCHES, (channel + 1) * PITCHES)


@borrowing_helper
def _read_channel_event(walk: Any, work: Any, facts: Any, status: int, first: int, second: int) -> None:
    kind, channel = status & 0xF0, status & 0x0F
    if kind == 0x90 and second > 0:
        if walk.note_count == 0 and (walk.bank_high != NOTHING or walk.bank_low != NOTHING):
            facts.bank = max(0, walk.bank_high) << 7 | max(0, walk.bank_low)
        begin_note(walk, work, channel * PITCHES + first, second)
    elif kind in (0x80, 0x90):
        end_note(walk, work, channel * PITCHES + first)
    elif kind == 0xB0:
        _read_controller(walk, work, facts, channel, first, second)


@borrowing_helper
def _read_system_event(
    walk: Any, work: Any, facts: Any, data: Any, status: int, at: int, stop: int
) -> tuple[int, bool]:
    """Read a meta event or a system exclusive message; return the position after it, or -1, and whether it
    is the end of the track."""
    kind = NOTHING
    if status == 0xFF:
        if at >= stop:
            return -1, False
        kind = data[at] & 0x7F
        at += 1
    elif status not in (0xF0, 0xF7):
        return -1, False
    size, at = read_vlq(data, at, stop)
    if at < 0 or at + size > stop:
        return -1, False
    if kind != NOTHING:
        _read_meta(walk, work, facts, data, kind, at, size)
    return at + size, kind == 0x2F


@bounds_checked_by_hand
def walk_track(walk: Any, work: Any, facts: Any, data: Any, at: int, stop: int) -> None:
    """Read all events of a track chunk whose first delta time is at ``at``."""
    if at < 0 or stop > data.shape[0]:
        raise IndexError("a track outside of its array")
    running = 0
    while at < stop:
        delta, at = read_vlq(data, at, stop)
        if at < 0 or at >= stop:
            break
        if delta > 0:
            advance(walk, delta)
        status = data[unsigned_index(at)] & 0xFF
        if status >= 0x80:
            at += 1
        else:
            status = running
        if status >= 0xF0:
            at, ended = _read_system_event(walk, work, facts, data, status, at, stop)
            if at < 0 or ended:
                break
            continue
        running = status
        size = 1 if status & 0xE0 == 0xC0 else 2
        if status < 0x80 or at + size > stop:
            break
        first, last = data[unsigned_index(at)] & 0x7F, data[unsigned_index(at + size - 1)] & 0x7F
        _read_channel_event(walk, work, facts, status, first, last)
        at += size
    walk.end_of_track = walk.tick
    end_all_notes(walk, work)
    finish_tempo(walk, work)
