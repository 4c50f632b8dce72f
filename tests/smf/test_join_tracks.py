"""Tests of joining tracks into one file: what plays, and any bytes."""

import io
import random

import mido

from midiprism import inspect, split
from midiprism.sample import generate_songs
from midiprism.smf.join_tracks import join_tracks
from support import midi_writer as midi


def events_of(track: mido.MidiTrack) -> list[tuple[int, str]]:
    tick, found = 0, []
    for message in track:
        tick += message.time
        if not message.is_meta or message.type not in ("set_tempo", "time_signature", "key_signature"):
            found.append((tick, str(message.copy(time=0))))
    return found


def test_every_event_of_every_track_is_there_at_its_tick() -> None:
    for song in generate_songs(8, seed=11):
        tracks = [track.data for track in split(song.data, context="full").tracks]
        joined = mido.MidiFile(file=io.BytesIO(join_tracks(tracks)), charset="latin-1")
        for track, data in zip(joined.tracks[1:], tracks, strict=True):
            original = mido.MidiFile(file=io.BytesIO(data), charset="latin-1")
            assert events_of(track) == events_of(original.tracks[0])
            assert joined.ticks_per_beat == original.ticks_per_beat


def test_tempi_and_meters_are_stated_once() -> None:
    tempi = [(0, midi.tempo(400_000)), (0, midi.time_signature(6, 3)), (96, midi.tempo(300_000))]
    one = midi.song(midi.track([*tempi, *midi.note(0, 60, 96, 10)]), midi_format=0)
    other = midi.song(midi.track([*tempi, *midi.note(1, 62, 96, 10)]), midi_format=0)
    found = inspect(join_tracks([one, other]))
    assert [(it.tick, it.microseconds_per_quarter) for it in found.tempo_map] == [(0, 400_000), (96, 300_000)]
    assert [(it.tick, it.numerator) for it in found.time_signatures] == [(0, 6)]
    assert found.problems == ()


def test_any_bytes_give_a_file_that_can_be_read() -> None:
    rng = random.Random(3)
    whole = midi.song(midi.track([(0, midi.tempo(9)), *midi.note(0, 60, 3, 40), (50, midi.sysex(b"abc"))]))
    for _ in range(500):
        data = bytearray(whole[: rng.randrange(22, len(whole) + 1)])
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        joined = join_tracks([bytes(data), whole])
        assert joined.startswith(b"MThd")
        assert joined.count(b"MTrk") >= 3
