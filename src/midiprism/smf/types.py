"""The values that ``split`` returns. They are plain: they compare, pickle and print."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from blake3 import blake3

By = Literal["auto", "track", "channel", "program", "drum"]
Context = Literal["conductor", "full"]
Outcome = Literal["split", "repaired", "no_notes"]

BY: tuple[By, ...] = ("auto", "track", "channel", "program", "drum")
CONTEXTS: tuple[Context, ...] = ("conductor", "full")

CONTRACT_VERSION = 2
"""Increases whenever the same bytes may give other splits than before."""


MAX_SONG_BYTES = 1 << 30
"""Largest limit of the size of a song: ticks of a longer one may not fit into the kernel's tables."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one song may cost; beyond them ``CorruptMidiError``, with code ``song_size`` for
    ``input_bytes``, else ``limit``.

    Attributes:
        input_bytes: most bytes of a song, as it is given and after decompression; in a RIFF (RMID) container
            only the song counts, not its sound bank. At most ``MAX_SONG_BYTES``.
        output_bytes: most bytes of all splits of a song, unless ``output_ratio`` allows more.
        output_ratio: all splits of a song may always take this many times its unwrapped size.
        tracks: most tracks in a song, and most splits out of one.
        events: most events of each of three kinds, for which tables are made: those that select a sound,
            conductor events, and with context "full" the others that other tracks may get.
    """

    input_bytes: int = 64 << 20
    output_bytes: int = 64 << 20
    output_ratio: int = 4
    tracks: int = 65_535
    events: int = 1 << 20

    def max_output_bytes(self, song_bytes: int) -> int:
        """Return the most bytes of output for a song of ``song_bytes`` unwrapped bytes."""
        return max(self.output_bytes, self.output_ratio * song_bytes)


@dataclass(frozen=True, slots=True)
class Problem:
    """A deviation of a song from the specification.

    Attributes:
        code: stable, short name, one of ``midiprism.smf.problems.PROBLEM_CODES``.
        message: one sentence for people, with a count where it happened more than once in a track.
        track: 0-based index of the ``MTrk`` concerned, or None for the file.
        offset: byte offset of its first occurrence in the song (after decompression), or None.
    """

    code: str
    message: str
    track: int | None = None
    offset: int | None = None


class SplitTrack(NamedTuple):
    """One split: a format 0 file with one track, and its facts.

    Attributes:
        data: the whole MIDI file.
        track_number: 0-based index of the ``MTrk`` in the song.
        channel: 0 to 15, the one channel on which it plays; None where several.
        program: 0 to 127, the one program that its own events select for its notes; None where none or
            several.
        name: as text, without padding: its track name (FF 03), or where all parts of its track or of the song
            have the same one, or none, its name behind a channel prefix (FF 20), instrument name (FF 04) or
            program name (FF 08). None where it has none.
        name_encoding: the encoding the name was read in (``ascii``, ``utf-8``, ``cp932``, ...); None
            without one.
        instrument: General MIDI name, or the drum kit's, as it sounds in the song: programs that another
            track selects on its channel count. Of a drum piece, its name.
        family: the instrument's family, one of ``midiprism.smf.instruments.FAMILIES``.
        own_instrument: the same as the split's own bytes select it, without its song.
        own_family: the family of ``own_instrument``.
        note_count: note-ons with a velocity above 0; 0 for a track of text, which ``instrument`` then names.
        duration_ticks: tick of its end of track.
        duration_seconds: the same in seconds by the song's tempo map; None where the division has no time.
        lowest_pitch: lowest MIDI note number, 0 to 127; None without notes.
        highest_pitch: highest MIDI note number, 0 to 127; None without notes.
        ticks_per_quarter: 1 to 32,767; None with an SMPTE division.
        tempo: quarter notes per minute; None where none is stated, or where no time passes.
        tempo_count: how many tempo events there are.
        time_signature: such as ``6/8``.
        key_signature: such as ``D major``, ``Bb major`` or ``F# minor``.
        port: number of the MIDI port on which it plays, 0 to 127, or from 128 on the device in the order of
            the song; None where it plays on several, or where none is stated.
        drum_piece: General MIDI note number that stands for the piece of a drum kit, such as 36 for all notes
            of the kick; None where it is not divided by pieces.
        own_name: the name that the split's own bytes state, read without its song and a given encoding, so
            that the same bytes have the same in every song.
        last_note_ticks: tick at which its last note ends; that of its end of track for a note that nothing
            ends.
        last_note_seconds: the same in seconds by the song's tempo map; None where the division has no time.
        note_hash: hash of the onsets and pitches of its notes, below 2**53: the same whatever the velocities
            and lengths of the notes, and the programs, tempo, resolution and texts of the track.

    Tempo, time and key signature are those that hold from the first such event in the split's own bytes on,
    wherever it is. Impossible ones are left out; of several at one tick the last holds.
    """

    data: bytes
    track_number: int
    channel: int | None
    program: int | None
    name: str | None
    name_encoding: str | None
    instrument: str
    family: str
    own_instrument: str
    own_family: str
    note_count: int
    duration_ticks: int
    duration_seconds: float | None
    lowest_pitch: int | None
    highest_pitch: int | None
    ticks_per_quarter: int | None = None
    tempo: float | None = None
    tempo_count: int = 0
    time_signature: str | None = None
    key_signature: str | None = None
    port: int | None = None
    drum_piece: int | None = None
    own_name: str | None = None
    last_note_ticks: int = 0
    last_note_seconds: float | None = None
    note_hash: int = 0

    @property
    def digest(self) -> bytes:
        """BLAKE3 of ``data``, 32 bytes; computed on every access."""
        return blake3(self.data).digest()


class SplitSong(NamedTuple):
    """All splits of one song.

    Attributes:
        outcome: ``split``; ``repaired`` where damage was repaired, or has cost music; ``no_notes`` where
            nothing plays.
        format: 0, 1 or 2 as the header says (or another number, read as 1).
        division: the header's division field, unsigned: ticks per quarter note, or SMPTE with bit 15 set.
        num_tracks: ``MTrk`` chunks found, playing or not.
        duration_ticks: tick of the last end of track.
        duration_seconds: the same in seconds; None where the division has no time.
        tracks: the splits, ordered by track number, then channel, then first onset of a program, or drum
            piece.
        problems: what was found, in the order of the file.
        lost_bytes: bytes that may hold music and could not be understood, 0 where what is lost is not in the
            file; None where no damage has cost music.
    """

    outcome: Outcome
    format: int
    division: int
    num_tracks: int
    duration_ticks: int
    duration_seconds: float | None
    tracks: tuple[SplitTrack, ...]
    problems: tuple[Problem, ...]
    lost_bytes: int | None = None
