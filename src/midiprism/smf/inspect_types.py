"""The values that ``inspect`` returns. They are plain: they compare, pickle and print."""

from dataclasses import dataclass

from midiprism.smf.types import Problem


@dataclass(frozen=True, slots=True)
class TempoChange:
    """A tempo that holds from its tick on.

    Attributes:
        tick: absolute, from the start of the song.
        seconds: the same by the tempo map; None where the division has no time.
        microseconds_per_quarter: 0 to 16,777,215, as in the event.
        bpm: quarter notes per minute; None where the tempo is 0 and no time passes.
    """

    tick: int
    seconds: float | None
    microseconds_per_quarter: int
    bpm: float | None


@dataclass(frozen=True, slots=True)
class TimeSignature:
    """A time signature that holds from its tick on.

    Attributes:
        tick: absolute, from the start of the song.
        numerator: beats in a bar, 1 to 255.
        denominator: the note that is a beat: 1, 2, 4 and so on to 128.
    """

    tick: int
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class KeySignature:
    """A key that holds from its tick on.

    Attributes:
        tick: absolute, from the start of the song.
        name: such as ``D major``, ``Bb major`` or ``F# minor``.
    """

    tick: int
    name: str


@dataclass(frozen=True, slots=True)
class SourceTrack:
    """The facts of one ``MTrk``, playing or not.

    Attributes:
        track_number: 0-based index of the ``MTrk`` in the file.
        name: as text, without padding; None where it has none. See ``SplitTrack.name``.
        name_event: the event that has it: ``track name`` (FF 03), ``instrument name`` (FF 04) or
            ``program name`` (FF 08); None without a name.
        name_encoding: the encoding the name was read in (``ascii``, ``utf-8``, ``cp932``, ...); None without
            one.
        name_encoding_reason: why in this encoding, in words; None without a name.
        channels: those on which it plays notes, 0 to 15, ascending.
        instrument: General MIDI name, or the drum kit's, as it sounds in the song; None without notes.
        family: the instrument's family, one of ``midiprism.smf.instruments.FAMILIES``; None without notes.
        note_count: note-ons with a velocity above 0.
        lowest_pitch: lowest MIDI note number, 0 to 127; None without notes.
        highest_pitch: highest MIDI note number, 0 to 127; None without notes.
        duration_ticks: tick of its end of track.
        duration_seconds: the same in seconds; None where the division has no time, and in a format 2 file for
            a track without notes, unless the division is SMPTE.
        duration_bars: the same as whole bars and the whole beats left over, such as ``32:1``; None where
            ticks are not counted per quarter note (SMPTE), and in format 2.
        last_note_ticks: tick at which its last note ends; None without notes.
        last_note_seconds: the same in seconds; None without notes, or where the division has no time.
    """

    track_number: int
    name: str | None
    name_event: str | None
    name_encoding: str | None
    name_encoding_reason: str | None
    channels: tuple[int, ...]
    instrument: str | None
    family: str | None
    note_count: int
    lowest_pitch: int | None
    highest_pitch: int | None
    duration_ticks: int
    duration_seconds: float | None
    duration_bars: str | None
    last_note_ticks: int | None
    last_note_seconds: float | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """The facts of a file.

    In format 2 each track is a piece with tempi, meters and keys of its own, and the song has none.

    Attributes:
        format: 0, 1 or 2 as the header says (or another number, read as 1).
        division: the header's division field, unsigned: ticks per quarter note, or SMPTE with bit 15 set.
        num_tracks: ``MTrk`` chunks found, playing or not.
        duration_ticks: tick of the last end of track.
        duration_seconds: the same in seconds; None where the division has no time.
        duration_bars: the same as whole bars and the whole beats left over, such as ``32:1``; None where
            ticks are not counted per quarter note (SMPTE), and in format 2.
        tracks: every ``MTrk``, in the order of the file.
        tempo_map: the tempi that hold for the song, whichever track they are in, by tick. Before the first,
            500,000 microseconds per quarter note (120 bpm) hold. With an SMPTE division they change no times.
        time_signatures: the meters that hold for the song, by tick; impossible ones are left out. Before the
            first, 4/4 holds.
        key_signatures: the keys that hold for the song, which are the first track's, by tick; impossible ones
            are left out.
        problems: in the order of the file.
    """

    format: int
    division: int
    num_tracks: int
    duration_ticks: int
    duration_seconds: float | None
    duration_bars: str | None
    tracks: tuple[SourceTrack, ...]
    tempo_map: tuple[TempoChange, ...]
    time_signatures: tuple[TimeSignature, ...]
    key_signatures: tuple[KeySignature, ...]
    problems: tuple[Problem, ...]
