"""Melodies that are as good as random, the same each time, and what musicians and programs do to them."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from midiprism.smf.split_song import split
from support.midi_writer import note, program_change, song, track, track_name

QUARTER = 480


class Note(NamedTuple):
    """A note: its onset and its length in ticks, and its pitch."""

    onset: int
    length: int
    pitch: int


Melody = Sequence[Note]


def make_melody(seed: int, notes: int = 120) -> Melody:
    """Return a melody of eighths and quarters."""
    rng = random.Random(seed)
    melody, onset, pitch = [], 0, 64
    for _ in range(notes):
        length = rng.choice((QUARTER // 2, QUARTER // 2, QUARTER))
        pitch = min(84, max(48, pitch + rng.choice((-7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7))))
        melody.append(Note(onset, length, pitch))
        onset += length
    return melody


def transposed(melody: Melody, semitones: int) -> Melody:
    return [it._replace(pitch=it.pitch + semitones) for it in melody]


def shifted(melody: Melody, ticks: int) -> Melody:
    return [it._replace(onset=it.onset + ticks) for it in melody]


def slower(melody: Melody, factor: int) -> Melody:
    return [Note(it.onset * factor, it.length * factor, it.pitch) for it in melody]


def jittered(melody: Melody, ticks: int) -> Melody:
    rng = random.Random(1)
    moved = [it._replace(onset=max(0, it.onset + rng.randint(-ticks, ticks))) for it in melody]
    return sorted(moved)


def thinned(melody: Melody, share: float) -> Melody:
    rng = random.Random(2)
    return [it for it in melody if rng.random() >= share]


def misplayed(melody: Melody, share: float) -> Melody:
    rng = random.Random(3)
    return [it._replace(pitch=it.pitch + 1) if rng.random() < share else it for it in melody]


def quantized(melody: Melody, ticks: int) -> Melody:
    return [it._replace(onset=(it.onset + ticks // 2) // ticks * ticks) for it in melody]


def ornamented(melody: Melody) -> Melody:
    """Return a melody in which some quarters are played as an eighth and two sixteenths."""
    played = []
    for at, it in enumerate(melody):
        if it.length == QUARTER and at % 3 == 0:
            sixteenth = QUARTER // 4
            played += [
                Note(it.onset, QUARTER // 2, it.pitch),
                Note(it.onset + QUARTER // 2 + 10, sixteenth, it.pitch - 1),
                Note(it.onset + QUARTER // 2 + sixteenth, sixteenth, it.pitch + 2),
            ]
        else:
            played.append(it)
    return played


TRANSFORMATIONS: Mapping[str, Callable[[Melody], Melody]] = {
    "transposed": lambda melody: transposed(melody, 5),
    "an octave lower": lambda melody: transposed(melody, -12),
    "shifted": lambda melody: shifted(melody, 3 * QUARTER + 100),
    "twice as long": lambda melody: slower(melody, 2),
    "moved by small amounts": lambda melody: jittered(melody, 14),
    "5 % of notes missing": lambda melody: thinned(melody, 0.05),
    "3 % of notes wrong": lambda melody: misplayed(melody, 0.03),
    "the first half": lambda melody: melody[: len(melody) // 2],
    "on sixteenths": lambda melody: quantized(melody, QUARTER // 4),
    "on eighths": lambda melody: quantized(melody, QUARTER // 2),
}


def midi_song(
    *melodies: Melody, program: int = 0, channel: int = 0, division: int = QUARTER, name: str = "Part"
) -> bytes:
    """Return a MIDI file with a track for each melody."""
    tracks = []
    for melody in melodies:
        events = [(0, track_name(name.encode())), (0, program_change(channel, program))]
        for it in melody:
            scale = division / QUARTER
            events += note(channel, it.pitch, round(it.onset * scale), round(it.length * scale))
        tracks.append(track(sorted(events, key=lambda event: event[0])))
    return song(*tracks, division=division)


def split_melody(melody: Melody, **options: Any) -> bytes:
    """Return the bytes of the track of a melody, as a split makes it."""
    (found,) = split(midi_song(melody, **options)).tracks
    return found.data
