"""Damaged songs of every kind, and the comparison of what a reader makes of them with the undamaged song."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from random import Random
from typing import Literal, NamedTuple

from support.exact_timing import TempoMap, pair_notes, tempo_map
from support.midi_parser import NotMidiError, ParsedSong, parse_song
from support.song_damage import (
    LOSSES,
    OFTEN_UNDONE,
    UNDONE,
    UNDONE_AROUND_SONG,
    UNDONE_IN_TRACKS,
    Damage,
    change_event_length,
    generated_song,
    translate_cr,
    translate_lf,
)

Verdict = Literal["same", "prefix", "other"]
"""All notes of the song at their seconds; of each channel the notes up to some note; anything else."""

SECONDS_TOLERANCE = 0.001
"""Readers compute seconds with numbers of 32 bits."""


class PlayedNote(NamedTuple):
    """A note as a reader gives it."""

    tick: int
    pitch: int
    velocity: int
    end_tick: int
    onset: float
    end: float


class Voice(NamedTuple):
    """Notes of one channel, by onset; the channel is None if the reader does not say it."""

    channel: int | None
    notes: list[PlayedNote]


class DamagedSong(NamedTuple):
    """A damaged song.

    Attributes:
        number: it and the kinds of damage determine the song.
        undamaged: the song without its damage.
        data: the song with it.
        is_seen: False if the song was a file without any fault after one of its kinds of damage, so that
            nobody can see that damage.
    """

    number: int
    undamaged: bytes
    data: bytes
    is_seen: bool

    @property
    def original(self) -> list[Voice]:
        """The voices of the undamaged song."""
        return voices_of(parse_song(self.undamaged))


def play(channel: int | None, clock: TempoMap, notes: list[tuple[int, int, int, int]]) -> Voice:
    """Return a voice of notes (tick, pitch, velocity, end tick) at the seconds of a tempo map."""
    played = [
        PlayedNote(*note, float(clock.seconds(note[0])), float(clock.seconds(note[3]))) for note in notes
    ]
    return Voice(channel, sorted(played))


def voices_of(song: ParsedSong) -> list[Voice]:
    """Return the voices of all tracks of a song."""
    voices = []
    for number, track in enumerate(song.tracks):
        clock = tempo_map(song, number)
        channels: dict[int, list[tuple[int, int, int, int]]] = {}
        for note in pair_notes(track.events, track.end_tick):
            channels.setdefault(note.channel, []).append(
                (note.tick, note.pitch, note.velocity, note.end_tick)
            )
        voices += [play(channel, clock, notes) for channel, notes in channels.items()]
    return voices


def compare(original: list[Voice], found: list[Voice]) -> Verdict:
    """Compare the voices that a reader has found with those of the song. Each counts for one of the song."""
    left = list(original)
    verdict: Verdict = "same"
    for voice in sorted(found, key=lambda voice: -len(voice.notes)):
        matches = [before for before in left if _is_start(voice, before)]
        if not matches:
            return "other"
        match = next((before for before in matches if _is_whole(voice, before)), matches[0])
        verdict = verdict if _is_whole(voice, match) else "prefix"
        left.remove(match)
    return "prefix" if left else verdict


def _is_start(voice: Voice, before: Voice) -> bool:
    if voice.channel not in (None, before.channel) or len(voice.notes) > len(before.notes):
        return False
    return all(
        one[:3] == two[:3]
        and abs(one.onset - two.onset) < SECONDS_TOLERANCE
        and one.end_tick <= two.end_tick
        and one.end < two.end + SECONDS_TOLERANCE
        for one, two in zip(voice.notes, before.notes, strict=False)
    )


def _is_whole(voice: Voice, before: Voice) -> bool:
    return len(voice.notes) == len(before.notes) and all(
        one.end_tick == two.end_tick and abs(one.end - two.end) < SECONDS_TOLERANCE
        for one, two in zip(voice.notes, before.notes, strict=True)
    )


def is_valid_file(data: bytes) -> bool:
    """Return whether the tests' own parser finds no fault in a file."""
    try:
        return not parse_song(data).problems
    except NotMidiError:
        return False


def damaged_song(number: int, *kinds: Damage) -> DamagedSong:
    """Return a generated song with damage of these kinds, one after the other."""
    rng = Random(f"{[damage.__name__ for damage in kinds]} {number}")
    undamaged = data = generated_song(rng)
    assert is_valid_file(undamaged)
    is_seen = bool(kinds)
    for damage in kinds:
        before, data = data, damage(rng, data)
        is_seen = is_seen and (data == before or not is_valid_file(data))
    return DamagedSong(number, undamaged, data, is_seen)


def mixed_song(number: int) -> DamagedSong:
    """Return a song with damage of two kinds: within a track, then around the song or to its line ends."""
    rng = Random(number)
    inner = rng.choice((*UNDONE_IN_TRACKS, change_event_length))
    return damaged_song(number, inner, rng.choice((*UNDONE_AROUND_SONG, translate_lf, translate_cr)))


def _damaged_by(damage: Damage, number: int) -> DamagedSong:
    return damaged_song(number, damage)


def _label(damage: Damage) -> str:
    """Return what a kind of damage does, in the words of its docstring."""
    words = str(damage.__doc__).split(".")[0]
    return words[0].lower() + words[1:]


MIXED = "two kinds of damage"
KINDS: dict[str, Callable[[int], DamagedSong]] = {
    _label(damage): partial(_damaged_by, damage) for damage in (*UNDONE, *OFTEN_UNDONE, *LOSSES)
} | {MIXED: mixed_song}
"""For every kind of damage what makes its songs, by a label."""


def damaged_songs(kind: str, wanted: int) -> Iterator[DamagedSong]:
    """Yield songs with one kind of damage. Those that the damage leaves as they are do not count."""
    songs = (KINDS[kind](number) for number in count())
    yield from islice((song for song in songs if song.data != song.undamaged), wanted)
