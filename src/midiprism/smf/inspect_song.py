"""Inspect a song: its bytes in, its facts out."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from midiprism.smf.inspect_types import Inspection, KeySignature, SourceTrack, TempoChange, TimeSignature
from midiprism.smf.instruments import INSTRUMENT_AND_FAMILY
from midiprism.smf.kernel.conductor import SMPTE_FLAG
from midiprism.smf.kernel.row_types import (
    BY_TRACK,
    DRUM_STATE_DRUMS,
    KEY_SIGNATURE,
    PROGRAM_SLOTS,
    TIME_SIGNATURE,
)
from midiprism.smf.kernel.scan import TRACK_NAME
from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.kernel.stated_meta import MAX_ACCIDENTALS, MAX_DENOMINATOR_POWER
from midiprism.smf.part_names import NAME_EVENTS, NameReader, choose_names
from midiprism.smf.repair.signs import BASE_DRUMS
from midiprism.smf.split_song import (
    DEFAULT_LIMITS,
    list_problems,
    make_name_reader,
    read_song,
)
from midiprism.smf.stated_meta import key_name, quarters_per_minute
from midiprism.smf.text.decode import check_encoding
from midiprism.smf.types import Limits
from midiprism.smf.unwrap import Unwrapped, read_header

PAYLOAD_SIZES = {TIME_SIGNATURE: 4, KEY_SIGNATURE: 2}


def inspect(data: bytes, *, limits: Limits = DEFAULT_LIMITS, encoding: str | None = None) -> Inspection:
    """Return what is in a MIDI file: its tracks, tempi, meters, keys, and what is wrong with it.

    The tracks that play are those that ``split(data, by="track")`` gives, with the same facts. The others are
    listed too, and their names are among the problems where their encoding had to be guessed.

    Bars are counted from the song's start. A time signature that changes the meter begins a bar, and the bar
    that it cuts short counts as one; a beat is the note of the meter's denominator.

    Args:
        data: the bytes of the file (any bytes-like object), as it is on disk: gzip, RIFF RMID and MacBinary
            are read too.
        limits: bounds on input, and on what ``split(data, by="track")`` would give.
        encoding: of the texts, as for ``split``.

    Raises:
        UsageError: an unknown ``encoding``.
        CorruptMidiError: the file cannot be read at all, or exceeds a limit.
        TypeError: ``data`` is not bytes-like.
    """
    codec = None if encoding is None else check_encoding(encoding)
    unwrapped, answer = read_song(data, BY_TRACK, False, limits, details=True)
    header = read_header(unwrapped)
    meters = tuple(_time_signatures(_conductor_events(unwrapped, answer, TIME_SIGNATURE)))
    has_bars = header.format != 2 and not header.division & SMPTE_FLAG
    bars = BarCounter(header.division, meters) if has_bars else None
    # In format 2 only SMPTE gives the same time to the ticks of all tracks.
    shares_time = header.format != 2 or bool(header.division & SMPTE_FLAG)
    name_reader = make_name_reader(unwrapped, answer, codec)
    return Inspection(
        format=header.format,
        division=header.division,
        num_tracks=answer.num_tracks,
        duration_ticks=answer.duration_ticks,
        duration_seconds=_none_if_nan(answer.duration_seconds),
        duration_bars=None if bars is None else bars.bars_and_beats_at(answer.duration_ticks),
        tracks=tuple(_source_tracks(unwrapped, answer, shares_time, bars, name_reader)),
        tempo_map=tuple(
            TempoChange(tick, _none_if_nan(seconds), tempo, quarters_per_minute(tempo))
            for tick, tempo, seconds in answer.tempo_changes.tolist()
        ),
        time_signatures=meters,
        key_signatures=tuple(_key_signatures(_conductor_events(unwrapped, answer, KEY_SIGNATURE))),
        problems=list_problems(unwrapped, header, answer, name_reader.problems),
    )


class BarCounter:
    """Counts the bars and beats up to a tick.

    Args:
        division: ticks per quarter note.
        time_signatures: by tick.
    """

    def __init__(self, division: int, time_signatures: Iterable[TimeSignature]) -> None:
        self._ticks_per_whole_note = 4 * division
        self._time_signatures = [TimeSignature(0, 4, 4)]
        self._bars_before = [0]
        for meter in time_signatures:
            last = self._time_signatures[-1]
            # Sequencers repeat the meter wherever a part begins; only a changed one begins a bar.
            if (meter.numerator, meter.denominator) != (last.numerator, last.denominator):
                bar = last.numerator * self._ticks_per_whole_note
                elapsed = (meter.tick - last.tick) * last.denominator
                self._bars_before.append(self._bars_before[-1] + -(-elapsed // bar))
                self._time_signatures.append(meter)

    def bars_and_beats_at(self, tick: int) -> str:
        """Return the whole bars from the start to a tick, and the whole beats left over, such as ``32:1``."""
        # A change at this very tick cuts no bar short: the measured span ends there.
        at = max(bisect_left(self._time_signatures, tick, key=lambda meter: meter.tick) - 1, 0)
        meter = self._time_signatures[at]
        beats = (tick - meter.tick) * meter.denominator // self._ticks_per_whole_note
        bars, left = divmod(beats, meter.numerator)
        return f"{self._bars_before[at] + bars}:{left}"


def _none_if_nan(seconds: float) -> float | None:
    return None if seconds != seconds else seconds


def _source_tracks(
    unwrapped: Unwrapped,
    answer: KernelOutput,
    shares_time: bool,
    bar_counter: BarCounter | None,
    name_reader: NameReader,
) -> Iterator[SourceTrack]:
    output_row = {track: row for row, track in enumerate(answer.output_tracks["track"].tolist())}
    chooser = choose_names(unwrapped.bytes_at, answer.texts, answer.output_tracks)
    for number, source in enumerate(answer.source_tracks):
        channels = tuple(channel for channel in range(16) if source["channels"] >> channel & 1)
        start, size, event = int(source["name_start"]), int(source["name_size"]), TRACK_NAME
        if chooser is not None:
            start, size, event = chooser.choose(
                (number, channels[0] if len(channels) == 1 else -1, start, size)
            )
        name = name_reader.read(number, start, size)
        notes, ticks, seconds = int(source["note_count"]), int(source["ticks"]), float(source["seconds"])
        instrument = family = last_note_ticks = last_note_seconds = None
        if number in output_row:
            output = answer.output_tracks[output_row[number]]
            is_drums = unwrapped.is_dual_mode and output["channel"] == BASE_DRUMS
            drums = DRUM_STATE_DRUMS if is_drums else int(output["song_drums"])
            sound = drums * PROGRAM_SLOTS + int(output["song_program"])
            instrument, family = INSTRUMENT_AND_FAMILY[sound]
            last_note_ticks = int(output["last_note_tick"])
            last_note_seconds = _none_if_nan(float(output["last_note_seconds"]))
        yield SourceTrack(
            track_number=number,
            name=name.text,
            name_event=None if name.text is None else NAME_EVENTS[event],
            name_encoding=name.encoding,
            name_encoding_reason=None if name.text is None else name.explanation,
            channels=channels,
            instrument=instrument,
            family=family,
            note_count=notes,
            lowest_pitch=int(source["lowest_pitch"]) if notes else None,
            highest_pitch=int(source["highest_pitch"]) if notes else None,
            duration_ticks=ticks,
            duration_seconds=_none_if_nan(seconds) if notes or shares_time else None,
            duration_bars=None if bar_counter is None else bar_counter.bars_and_beats_at(ticks),
            last_note_ticks=last_note_ticks,
            last_note_seconds=last_note_seconds,
        )


def _conductor_events(unwrapped: Unwrapped, answer: KernelOutput, kind: int) -> Iterator[tuple[int, bytes]]:
    """Yield tick and data bytes of the song's conductor events of one kind, by tick."""
    # A file may hold millions of events, which take a tenth of the memory in the array.
    events = answer.conductor_events
    rows = events[events["kind"] == kind]
    size = PAYLOAD_SIZES[kind]
    for tick, stop in zip(rows["tick"].tolist(), (rows["position"] + rows["size"]).tolist(), strict=True):
        yield tick, bytes(unwrapped.data[stop - size : stop])


def _time_signatures(events: Iterable[tuple[int, bytes]]) -> Iterator[TimeSignature]:
    for tick, (numerator, power, _, _) in events:
        if numerator and power <= MAX_DENOMINATOR_POWER:
            yield TimeSignature(tick, numerator, 1 << power)


def _key_signatures(events: Iterable[tuple[int, bytes]]) -> Iterator[KeySignature]:
    for tick, (accidentals, minor) in events:
        sharps = accidentals - 256 if accidentals > 127 else accidentals
        if abs(sharps) <= MAX_ACCIDENTALS and minor <= 1:
            yield KeySignature(tick, key_name(sharps, minor))
