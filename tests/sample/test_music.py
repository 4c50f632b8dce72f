"""Tests of musical properties of the songs that can be measured."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from midiprism.sample.arrange import FORM_NAMES
from midiprism.sample.styles import (
    FORMS,
    METERS,
    PITCH_RANGES,
    STYLES,
    parse_form,
    pitch_range,
    programs_for_role,
)
from midiprism.sample.words import LANGUAGES
from support.sample_songs import parsed_samples

SCALE = {0, 2, 4, 5, 7, 9, 11}
"""Semitones of a major scale above its tonic."""

TONICS = {name: pitch for pitch, names in enumerate(
    ("C Am", "Db C# Bbm A#m", "D Bm", "Eb D# Cm", "E C#m Dbm", "F Dm", "F# Gb D#m Ebm", "G Em", "Ab G# Fm",
     "A F#m Gbm", "Bb A# Gm", "B Cb G#m Abm"))
    for name in names.split()}  # fmt: skip


def notes_of(track: Any) -> Iterator[tuple[int, Any]]:
    """Yield the tick and message of every note of a track."""
    now = 0
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity > 0:
            yield now, message


def tonic_of(midi: Any) -> int | None:
    """Return the pitch class of the major key with the song's signature."""
    for message in midi.tracks[0]:
        if message.type == "key_signature":
            return TONICS[message.key]
    return None


@pytest.mark.nightly
def test_drums_play_on_channel_10_in_the_percussion_map() -> None:
    with_drums = 0
    for song in parsed_samples():
        keys = {note.note for track in song.midi.tracks for _, note in notes_of(track) if note.channel == 9}
        with_drums += bool(keys)
        assert keys <= set(range(35, 82))
    assert with_drums / len(parsed_samples()) > 0.5


def test_a_song_plays_on_several_channels() -> None:
    for song in parsed_samples():
        channels = {note.channel for track in song.midi.tracks for _, note in notes_of(track)}
        assert len(channels) >= 2 or len(song.midi.tracks) <= 3


def test_a_track_of_format_1_plays_on_one_channel() -> None:
    for song in parsed_samples():
        if song.midi.type == 1:
            assert all(len({note.channel for _, note in notes_of(track)}) <= 1 for track in song.midi.tracks)


def test_notes_are_within_the_range_of_their_instrument() -> None:
    for song in parsed_samples():
        for track in song.midi.tracks if song.midi.type == 1 else ():
            programs = [message.program for message in track if message.type == "program_change"]
            pitches = [note.note for _, note in notes_of(track) if note.channel != 9]
            if pitches:
                lowest, highest = PITCH_RANGES[programs[0]]
                assert lowest <= min(pitches)
                assert max(pitches) <= highest


def test_most_notes_are_in_the_key_of_the_signature() -> None:
    inside = total = 0
    for song in parsed_samples():
        tonic = tonic_of(song.midi)
        if tonic is None:
            continue
        pitches = [
            note.note for track in song.midi.tracks for _, note in notes_of(track) if note.channel != 9
        ]
        hits = sum((pitch - tonic) % 12 in SCALE for pitch in pitches)
        assert hits / len(pitches) > 0.7, song.song.path
        inside += hits
        total += len(pitches)
    assert inside / total > 0.93


def test_the_bass_plays_a_note_of_the_chord_above_it() -> None:
    in_chord = total = 0
    for song in parsed_samples():
        onsets: dict[int, set[int]] = defaultdict(set)
        basses: list[tuple[int, int]] = []
        quarter = song.midi.ticks_per_beat
        for track in song.midi.tracks if song.midi.type == 1 else ():
            programs = {message.program for message in track if message.type == "program_change"}
            for tick, note in notes_of(track):
                beat = round(tick / quarter * 4)
                if note.channel == 9:
                    continue
                if programs <= set(range(32, 40)):
                    basses.append((beat, note.note % 12))
                elif programs <= {0, 1, 2, 4, 5, 24, 25, 48, 49, 50, 89}:
                    onsets[beat].add(note.note % 12)
        for beat, pitch in basses:
            if len(onsets[beat]) >= 3:
                total += 1
                in_chord += pitch in onsets[beat]
    assert total > 1000
    assert in_chord / total > 0.85


def test_velocities_vary() -> None:
    for song in parsed_samples():
        for track in song.midi.tracks:
            velocities = [note.velocity for _, note in notes_of(track)]
            assert not velocities or len(set(velocities)) >= 5


def test_melodies_repeat_phrases() -> None:
    repeating = total = 0
    for song in parsed_samples():
        for track in song.midi.tracks:
            if song.midi.type == 0 or track.name not in (
                "Melody",
                "Lead",
                "Vocal",
                "Mélodie",
                "Gesang",
                "Voz",
            ):
                continue
            pitches = [note.note for _, note in notes_of(track)]
            phrases = Counter(tuple(pitches[at : at + 6]) for at in range(len(pitches) - 5))
            total += 1
            repeating += phrases.most_common(1)[0][1] >= 2
    assert total > 10
    assert repeating / total > 0.8


def test_every_playing_track_has_at_least_8_notes() -> None:
    for song in parsed_samples():
        for track in song.midi.tracks:
            count = sum(1 for _ in notes_of(track))
            assert count == 0 or count >= 8


def test_every_instrument_of_a_style_has_a_range() -> None:
    for style in STYLES.values():
        assert len(style.roles) == 15
        for role in set(style.roles):
            for program in programs_for_role(style, role):
                if role > 1:  # drums and percussion choose kits
                    lowest, highest = pitch_range(role, program)
                    assert highest - lowest >= 12


def test_every_form_has_a_verse_and_a_chorus() -> None:
    for name in FORM_NAMES:
        for text in FORMS[name]:
            assert {1, 3} <= {kind for kind, _ in parse_form(text)}


def test_every_bar_is_a_whole_number_of_eighths() -> None:
    assert all(numerator * 8 % denominator == 0 for numerator, denominator in METERS)


def test_every_language_names_every_role() -> None:
    for language in LANGUAGES:
        assert set(language.track_names) == set(range(13))
        assert len(language.section_names) == 7
