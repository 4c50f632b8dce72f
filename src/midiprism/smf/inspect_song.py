"""The public entry for a look at a file: a song's bytes in, what is known of it out."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from midiprism.smf.inspect_types import Inspection, KeySignature, SourceTrack, TempoChange, TimeSignature
from midiprism.smf.kernel.conductor import DEFAULT_TEMPO
from midiprism.smf.kernel.row_fields import (
    BY_TRACK,
    E_COLUMNS,
    E_KIND,
    E_LENGTH,
    E_POSITION,
    E_TICK,
    KEY_SIGNATURE,
    N_COUNTERS,
    N_PROBLEMS,
    N_SECONDS,
    N_SPLITS,
    N_TICKS,
    N_TRACKS,
    O_COLUMNS,
    O_SECONDS,
    O_SONG_DRUMS,
    O_SONG_PROGRAM,
    O_TRACK,
    P_COLUMNS,
    PROGRAM_SLOTS,
    T_CHANNELS,
    T_COLUMNS,
    T_HIGH,
    T_LOW,
    T_NAME,
    T_NAME_LENGTH,
    T_NOTES,
    T_TICKS,
    TEMPO,
    TIME_SIGNATURE,
)
from midiprism.smf.kernel.stated_meta import (
    MAJOR_KEYNOTES,
    MAX_ACCIDENTALS,
    MAX_DENOMINATOR_POWER,
    MICROSECONDS_PER_SECOND,
    MINOR_KEYNOTES,
    SMPTE_FLAG,
)
from midiprism.smf.split_song import (
    DEFAULT_LIMITS,
    HEADER_STRUCT,
    INSTRUMENT_AND_FAMILY,
    list_problems,
    read_track_name,
    run_kernel,
    unwrap_song,
)
from midiprism.smf.types import Limits, Problem
from midiprism.smf.unwrap import Unwrapped


def inspect(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Inspection:
    """Tell what is in a MIDI file: its tracks, tempi, meters, keys, and what is wrong with it.

    The tracks that play are those that ``split(data, by="track")`` gives, with the same facts; the others are
    told of too, and their names are among the problems where their encoding had to be guessed.

    Bars are counted from the song's start. A time signature that changes the meter begins a bar, and the bar
    that it cuts short counts as one; a beat is the note of the meter's denominator.

    Args:
        data: the bytes of the file (any bytes-like object), as it is on disk: gzip, RIFF RMID and MacBinary
            are read too.
        limits: bounds on input, and on what ``split(data, by="track")`` would give.

    Raises:
        CorruptMidiError: what cannot be read at all, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    wrapped = unwrap_song(data, limits)
    _, facts = run_kernel(wrapped.data, BY_TRACK, False, limits, details=True)
    form, _, division = HEADER_STRUCT.unpack_from(wrapped.data, 8)
    # A file may hold millions of events, which take a tenth of the memory in the array.
    last = _first_track_row(facts) + facts[N_TRACKS] * T_COLUMNS
    numbers, floats = facts[:last].tolist(), facts[:last].view(np.float64).tolist()
    events = facts[last:].reshape(-1, E_COLUMNS)
    tempi = (
        (tick, int.from_bytes(content, "big"))
        for tick, content in _conductor_events(wrapped, events, TEMPO, 3)
    )
    clock = TempoMap(division, tempi)
    meters = tuple(_time_signatures(_conductor_events(wrapped, events, TIME_SIGNATURE, 4)))
    bars = None if form == 2 or division & SMPTE_FLAG else BarCounter(division, meters)
    named: list[Problem] = []
    # In format 2 only SMPTE gives the same time to the ticks of all tracks.
    shared = clock if form != 2 or division & SMPTE_FLAG else None
    tracks = tuple(_source_tracks(wrapped, numbers, floats, shared, bars, named))
    return Inspection(
        format=form,
        division=division,
        num_tracks=len(tracks),
        duration_ticks=numbers[N_TICKS],
        duration_seconds=_none_if_nan(floats[N_SECONDS]),
        duration_bars=None if bars is None else bars.bars_and_beats_at(numbers[N_TICKS]),
        tracks=tracks,
        tempo_map=tuple(clock.tempo_changes()),
        time_signatures=meters,
        key_signatures=tuple(_key_signatures(_conductor_events(wrapped, events, KEY_SIGNATURE, 2))),
        problems=list_problems(wrapped, numbers, floats[N_SECONDS], named),
    )


class TempoMap:
    """The time that ticks have, as the kernel reckons it.

    Args:
        division: the header's.
        tempi: tick and microseconds per quarter note of each change, by tick.
    """

    def __init__(self, division: int, tempi: Iterable[tuple[int, int]]) -> None:
        self._division = division
        self._ticks = [0]
        self._tempi = [DEFAULT_TEMPO]
        self._elapsed = [0.0]
        for tick, tempo in tempi:
            # In floats, and in the kernel's order, so that the same tick has the same time to the last bit.
            passed = float(tick - self._ticks[-1]) * float(self._tempi[-1])
            self._elapsed.append(self._elapsed[-1] + passed)
            self._ticks.append(tick)
            self._tempi.append(tempo)

    def seconds_at(self, tick: int) -> float | None:
        """Seconds from the start to a tick; None where the division gives a tick no time."""
        if self._division & SMPTE_FLAG:
            frames, ticks = parse_smpte_division(self._division)
            if ticks == 0 or frames not in (24, 25, 29, 30):
                return None
            if frames == 29:
                return float(tick) * 1001.0 / (30000.0 * ticks)
            return float(tick) / float(frames * ticks)
        at = bisect_right(self._ticks, tick) - 1
        passed = self._elapsed[at] + float(tick - self._ticks[at]) * float(self._tempi[at])
        return passed / (self._division * MICROSECONDS_PER_SECOND)

    def tempo_changes(self) -> Iterator[TempoChange]:
        """The changes of tempo, without the one that holds before them."""
        for tick, tempo in zip(self._ticks[1:], self._tempi[1:], strict=True):
            bpm = 60 * MICROSECONDS_PER_SECOND / tempo if tempo else None
            yield TempoChange(tick, self.seconds_at(tick), tempo, bpm)


class BarCounter:
    """The bars that ticks are in.

    Args:
        division: ticks per quarter note.
        meters: by tick.
    """

    def __init__(self, division: int, time_signatures: Iterable[TimeSignature]) -> None:
        self._ticks_per_whole_note = 4 * division
        self._time_signatures = [TimeSignature(0, 4, 4)]
        self._bars_before = [0]
        for meter in time_signatures:
            last = self._time_signatures[-1]
            # Sequencers restate the meter wherever a part begins; only another one begins a bar.
            if (meter.numerator, meter.denominator) != (last.numerator, last.denominator):
                bar = last.numerator * self._ticks_per_whole_note
                passed = (meter.tick - last.tick) * last.denominator
                self._bars_before.append(self._bars_before[-1] + -(-passed // bar))
                self._time_signatures.append(meter)

    def bars_and_beats_at(self, tick: int) -> str:
        """Whole bars from the start to a tick, and the whole beats left over, such as ``32:1``."""
        # A change at the very tick cuts no bar short: what is measured ends there.
        at = max(bisect_left(self._time_signatures, tick, key=lambda meter: meter.tick) - 1, 0)
        meter = self._time_signatures[at]
        beats = (tick - meter.tick) * meter.denominator // self._ticks_per_whole_note
        bars, left = divmod(beats, meter.numerator)
        return f"{self._bars_before[at] + bars}:{left}"


def parse_smpte_division(division: int) -> tuple[int, int]:
    """Frames per second (29 stands for 29.97) and ticks per frame of an SMPTE division."""
    return 256 - (division >> 8), division & 0xFF


def _none_if_nan(seconds: float) -> float | None:
    return None if seconds != seconds else seconds


def _source_tracks(
    unwrapped: Unwrapped,
    numbers: list[int],
    floats: list[float],
    tempo_map: TempoMap | None,
    bar_counter: BarCounter | None,
    name_problems: list[Problem],
) -> Iterator[SourceTrack]:
    stop = N_COUNTERS + numbers[N_SPLITS] * O_COLUMNS
    splits = {numbers[row + O_TRACK]: row for row in range(N_COUNTERS, stop, O_COLUMNS)}
    first = _first_track_row(numbers)
    for track in range(numbers[N_TRACKS]):
        columns = numbers[first + track * T_COLUMNS : first + (track + 1) * T_COLUMNS]
        ticks = columns[T_TICKS]
        name, encoding = read_track_name(
            unwrapped, columns[T_NAME], columns[T_NAME_LENGTH], track, name_problems
        )
        split = splits.get(track)
        instrument = family = None
        if split is None:
            # The kernel tells times of the tracks that play only.
            seconds = None if tempo_map is None else tempo_map.seconds_at(ticks)
        else:
            seconds = _none_if_nan(floats[split + O_SECONDS])
            sound = numbers[split + O_SONG_DRUMS] * PROGRAM_SLOTS + numbers[split + O_SONG_PROGRAM]
            instrument, family = INSTRUMENT_AND_FAMILY[sound]
        yield SourceTrack(
            track_number=track,
            name=name,
            name_encoding=encoding,
            channels=tuple(channel for channel in range(16) if columns[T_CHANNELS] >> channel & 1),
            instrument=instrument,
            family=family,
            note_count=columns[T_NOTES],
            lowest_pitch=columns[T_LOW] if columns[T_NOTES] else None,
            highest_pitch=columns[T_HIGH] if columns[T_NOTES] else None,
            duration_ticks=ticks,
            duration_seconds=seconds,
            duration_bars=None if bar_counter is None else bar_counter.bars_and_beats_at(ticks),
        )


def _first_track_row(kernel_rows: Any) -> Any:
    return N_COUNTERS + kernel_rows[N_SPLITS] * O_COLUMNS + kernel_rows[N_PROBLEMS] * P_COLUMNS


def _conductor_events(unwrapped: Unwrapped, events: Any, kind: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Tick and data bytes of the song's conductor events of one kind, by tick."""
    rows = events[events[:, E_KIND] == kind]
    stops = rows[:, E_POSITION] + rows[:, E_LENGTH]
    for tick, stop in zip(rows[:, E_TICK].tolist(), stops.tolist(), strict=True):
        yield tick, bytes(unwrapped.data[stop - size : stop])


def _time_signatures(events: Iterable[tuple[int, bytes]]) -> Iterator[TimeSignature]:
    for tick, (numerator, power, _, _) in events:
        if numerator and power <= MAX_DENOMINATOR_POWER:
            yield TimeSignature(tick, numerator, 1 << power)


def _key_signatures(events: Iterable[tuple[int, bytes]]) -> Iterator[KeySignature]:
    for tick, (accidentals, minor) in events:
        sharps = accidentals - 256 if accidentals > 127 else accidentals
        if abs(sharps) <= MAX_ACCIDENTALS and minor <= 1:
            keynote = (MINOR_KEYNOTES if minor else MAJOR_KEYNOTES)[sharps + MAX_ACCIDENTALS]
            yield KeySignature(tick, f"{keynote} {'minor' if minor else 'major'}")
