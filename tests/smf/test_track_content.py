"""Tests of reading a track without the compiler: its notes, times and texts, and any bytes."""

import io
import random

import mido
import pytest

from midiprism import split
from midiprism.sample import generate_songs
from midiprism.smf.track_content import TempoMap, TrackContent, read_track
from support import midi_writer as midi


def content_of(*messages: tuple[int, bytes], division: int = 96) -> TrackContent:
    return read_track(midi.song(midi.track([*messages]), midi_format=0, division=division))


def mido_notes(data: bytes) -> list[tuple[int, int, int, int]]:
    """Return the notes of a file as mido reads them: tick, pitch, velocity, channel."""
    tick, found = 0, []
    for message in mido.MidiFile(file=io.BytesIO(data)).tracks[0]:
        tick += message.time
        if message.type == "note_on" and message.velocity:
            found.append((tick, message.note, message.velocity, message.channel))
    return sorted(found)


def test_notes_of_sample_tracks_are_those_that_mido_reads() -> None:
    for song in [*generate_songs(12, seed=4)]:
        for track in split(song.data).tracks:
            content = read_track(track.data)
            assert sorted((it[0], it[2], it[3], it[4]) for it in content.notes) == mido_notes(track.data)
            assert content.end_tick == track.duration_ticks
            assert content.ticks_per_quarter == track.ticks_per_quarter
            seconds = TempoMap(content).seconds_at(content.end_tick)
            assert seconds == pytest.approx(track.duration_seconds, abs=1e-6)


def test_a_note_that_begins_again_ends_the_one_before() -> None:
    on, off = midi.note_on(3, 60, 90), midi.note_off(3, 60)
    content = content_of((0, on), (10, on), (20, off), (30, off))
    assert content.notes == [(0, 10, 60, 90, 3), (10, 30, 60, 90, 3)]


@pytest.mark.parametrize("controller", [120, 123, 127])
def test_all_notes_off_ends_the_notes_of_its_channel(controller: int) -> None:
    content = content_of(
        (0, midi.note_on(0, 60)),
        (0, midi.note_on(1, 61)),
        (10, midi.control_change(0, controller, 0)),
        (20, midi.note_off(1, 61)),
    )
    assert [(note[0], note[1], note[2]) for note in content.notes] == [(0, 10, 60), (0, 20, 61)]


def test_notes_that_nothing_ends_last_to_the_end() -> None:
    content = content_of((5, midi.note_on(0, 60)), (50, midi.meta(1, b"end")))
    assert content.notes == [(5, 50, 60, 64, 0)]


def test_programs_know_their_bank() -> None:
    content = content_of(
        (0, midi.control_change(2, 0, 8)),
        (0, midi.control_change(2, 32, 1)),
        (0, midi.program_change(2, 33)),
        (9, midi.program_change(3, 40)),
    )
    assert [tuple(it) for it in content.programs] == [(0, 2, 33, 8 << 7 | 1), (9, 3, 40, 0)]


def test_times_follow_the_tempi() -> None:
    content = content_of((0, midi.tempo(1_000_000)), (96, midi.tempo(250_000)), (192, midi.meta(6, b"x")))
    times = TempoMap(content)
    assert [times.seconds_at(tick) for tick in (0, 48, 96, 192, 288)] == [0, 0.5, 1, 1.25, 1.5]
    assert content.tempos == [(0, 1_000_000), (96, 250_000)]


def test_the_usual_tempo_holds_before_the_first_one() -> None:
    content = content_of((96, midi.tempo(250_000)), (96, midi.tempo(1_000_000)))
    assert content.tempos == [(0, 500_000), (96, 1_000_000)]


def test_an_smpte_division_counts_ticks_of_seconds() -> None:
    content = content_of((0, midi.tempo(1)), (100, midi.meta(1, b"x")), division=0x10000 - (25 << 8) | 40)
    assert content.ticks_per_quarter is None
    assert TempoMap(content).seconds_at(500) == 0.5


def test_impossible_meters_are_left_out() -> None:
    content = content_of((0, midi.meta(0x58, b"\0\2\x18\x08")), (0, midi.meta(0x58, b"\6\3\x18\x08")))
    assert content.meters == [(0, 6, 8)]


def test_any_bytes_can_be_read() -> None:
    rng = random.Random(5)
    whole = midi.song(midi.track([(0, midi.tempo(9)), *midi.note(0, 60, 3, 40), (50, midi.sysex(b"abc"))]))
    for _ in range(3_000):
        data = bytearray(whole[: rng.randrange(len(whole) + 1)])
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        content = read_track(bytes(data))
        times = TempoMap(content)
        assert all(0 <= note[0] <= note[1] <= content.end_tick for note in content.notes)
        assert times.seconds_at(content.end_tick) >= 0
