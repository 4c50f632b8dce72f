"""Tests of the facts of single tracks, on tracks whose facts follow from how they are made."""

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import midiprism
from midiprism.features import track_facts
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.features.track_facts import FactsCalculator
from midiprism.records.fields import TRACK_FIELDS
from support.midi_writer import (
    END_OF_TRACK,
    TimedMessage,
    control_change,
    encode_events,
    key_signature,
    meta,
    note,
    note_on,
    tempo,
    time_signature,
)

QUARTER = 480
SMPTE_25 = (256 - 25) << 8 | 40  # 1,000 ticks a second


def track(*messages: Iterable[TimedMessage], end: int = 0, division: int = QUARTER) -> bytes:
    """Return a track as midiprism writes it, which ends at ``end`` or with its last message."""
    events = sorted((it for part in messages for it in part), key=lambda it: it[0])
    last = max(end, events[-1][0] if events else 0)
    body = encode_events([*events, (last, END_OF_TRACK)])
    header = b"MThd\0\0\0\6\0\0\0\1" + division.to_bytes(2, "big")
    return header + b"MTrk" + len(body).to_bytes(4, "big") + body


def facts_of(data: bytes, family: str = "Piano") -> dict[str, Any]:
    """Return the facts of one track."""
    columns = FactsCalculator().columns([data], [family])
    return {name: values[0] for name, values in columns.items()}


def melody(pitches: Iterable[int], length: int = QUARTER, gap: int = QUARTER) -> list[TimedMessage]:
    """Return notes one after the other on channel 0."""
    return [it for at, pitch in enumerate(pitches) for it in note(0, pitch, at * gap, length)]


C_MAJOR = (60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60, 60)


def test_every_computed_field_has_a_value_or_none() -> None:
    facts = facts_of(track(melody(C_MAJOR)))
    assert set(facts) == {field.name for field in TRACK_FIELDS if field.computed}
    for field in TRACK_FIELDS:
        if field.computed:
            assert facts[field.name] is None or type(facts[field.name]) is field.python_type, field.name
    assert facts["facts_version"] == FACTS_VERSION


def test_a_scale() -> None:
    facts = facts_of(track([(0, tempo(400_000)), (0, time_signature(3, 2))], melody(C_MAJOR)))
    assert facts["key"] == "C major"
    assert facts["role"] == "melody"
    assert facts["polyphony"] == 1.0
    assert facts["max_polyphony"] == 1
    assert (facts["pitch_range"], facts["n_pitches_used"], facts["n_pitch_classes_used"]) == (12, 8, 7)
    assert (facts["length_beats"], facts["length_bars"], facts["notes_per_beat"]) == (12.0, 4, 1.0)
    assert facts["notes_per_second"] == 2.5
    assert facts["dominant_tempo"] == 150.0
    assert facts["time_signatures"] == "3/4"
    assert facts["loops"] == 1
    assert facts["median_interval"] == 2.0
    assert facts["median_pitch"] == 64.5
    assert (facts["first_note_ticks"], facts["first_note_seconds"]) == (0, 0.0)
    assert (facts["final_pitch"], facts["final_onset_ticks"]) == (60, 11 * QUARTER)
    assert facts["mean_duration_beats"] == 1.0
    assert facts["nomml"] == 0


def test_weights_are_quarter_notes_of_each_pitch_class() -> None:
    facts = facts_of(track(melody((60, 72, 62), length=240)))
    weights = np.frombuffer(facts["pitch_class_weights"], "<f2")
    assert weights.tolist() == [1.0, 0.0, 0.5, *[0.0] * 9]


def test_a_long_note_counts_as_four_quarters_for_the_key_only() -> None:
    facts = facts_of(track(note(0, 60, 0, 10 * QUARTER)))
    assert np.frombuffer(facts["pitch_class_weights"], "<f2")[0] == 4.0
    assert facts["mean_duration_beats"] == 10.0


def test_the_tempo_that_holds_longest_is_the_dominant_one() -> None:
    changes = [(0, tempo(1_000_000)), (4 * QUARTER, tempo(500_000)), (20 * QUARTER, tempo(250_000))]
    facts = facts_of(track(changes, melody(C_MAJOR), end=24 * QUARTER))
    assert facts["dominant_tempo"] == 120.0
    assert facts_of(track(melody(C_MAJOR)))["dominant_tempo"] == 120.0


def test_seconds_follow_the_tempo_map() -> None:
    facts = facts_of(
        track([(0, tempo(1_000_000)), (QUARTER, tempo(500_000))], note(0, 60, 2 * QUARTER, QUARTER))
    )
    assert facts["first_note_seconds"] == 1.5
    assert facts["notes_per_second"] == 2.0


def test_stated_meters_and_keys_are_listed_once_and_impossible_ones_left_out() -> None:
    stated = [
        *((0, time_signature(4, 2)), (1920, time_signature(6, 3)), (3840, time_signature(4, 2))),
        *((0, key_signature(-3, 1)), (10, key_signature(2)), (20, meta(0x59, b"\x09\0"))),
        (30, meta(0x58, b"\0\2\x18\x08")),
    ]
    facts = facts_of(track(stated, melody(C_MAJOR)))
    assert facts["time_signatures"] == "4/4, 6/8"
    assert facts["key_signatures"] == "C minor, D major"


def test_bars_follow_the_meters() -> None:
    meters = [(0, time_signature(4, 2)), (1920, time_signature(3, 2)), (3360, time_signature(6, 3))]
    notes = [*note(0, 60, 0, 100), *note(0, 60, 1920, 100), *note(0, 62, 3360, 100), *note(0, 60, 4800, 100)]
    facts = facts_of(track(meters, notes))
    assert facts["length_bars"] == 4
    assert facts["bar_repetition"] == 0.5  # the bars of the first two notes and of the last are equal


def test_polyphony_counts_pitches_over_the_time_in_which_some_sound() -> None:
    chord = [it for pitch in (60, 64, 67) for it in note(0, pitch, 0, 480)]
    facts = facts_of(track(chord, note(0, 72, 960, 480)))
    assert facts["polyphony"] == 2.0
    assert facts["max_polyphony"] == 3


def test_a_note_off_and_the_next_note_at_one_tick_do_not_overlap() -> None:
    messages = [
        (0, note_on(0, 60)),
        (480, note_on(0, 62)),
        (480, note_on(0, 60, 0)),
        (960, note_on(0, 62, 0)),
    ]
    assert facts_of(track(messages))["max_polyphony"] == 1


def test_a_note_that_begins_again_ends_the_note_before() -> None:
    messages = [
        (0, note_on(0, 60)),
        (480, note_on(0, 60)),
        (720, note_on(0, 60, 0)),
        (960, note_on(0, 60, 0)),
    ]
    facts = facts_of(track(messages))
    assert facts["polyphony"] == 1.0
    assert facts["mean_duration_beats"] == 1.0
    assert facts["length_beats"] == 2.0


@pytest.mark.parametrize("controller", [120, 123])
def test_all_notes_off_ends_the_notes_of_its_channel(controller: int) -> None:
    messages = [(0, note_on(0, 60)), (480, control_change(0, controller, 0))]
    facts = facts_of(track(messages, end=4800))
    assert facts["length_beats"] == 1.0


def test_a_note_that_nothing_ends_sounds_to_the_end_of_the_track() -> None:
    assert facts_of(track([(0, note_on(0, 60))], end=1920))["length_beats"] == 4.0


def test_velocities() -> None:
    notes = [*note(0, 60, 0, 100, 60), *note(0, 60, 480, 100, 100)]
    facts = facts_of(track(notes))
    assert (facts["mean_velocity"], facts["velocity_deviation"]) == (80.0, 20.0)


def test_shares_of_the_grid_include_longer_values() -> None:
    onsets = (0, 240, 480 + 120, 960 + 60, 1440 + 160)
    facts = facts_of(track([it for tick in onsets for it in note(0, 60, tick, 30)]))
    shares = [facts[f"grid_{name}"] for name in ("4", "8", "16", "32", "triplet")]
    assert shares == [0.2, 0.4, 0.6, 0.8, 0.4]


def test_swing_is_the_length_of_the_first_eighth_relative_to_the_second() -> None:
    swung = [it for beat in range(8) for at in (0, 320) for it in note(0, 60, beat * QUARTER + at, 100)]
    assert facts_of(track(swung))["swing"] == 2.0
    straight = [it for at in range(16) for it in note(0, 60, at * 240, 100)]
    assert facts_of(track(straight))["swing"] == 1.0
    assert facts_of(track(melody(C_MAJOR)))["swing"] is None


def test_a_figure_that_recurs_is_a_loop() -> None:
    rng = random.Random(1)
    figure = [(at * 240, 48 + rng.randrange(24)) for at in range(8)]
    twice = [it for bar in (0, 1) for at, pitch in figure for it in note(0, pitch, bar * 1920 + at, 200)]
    other = [it for at in range(8) for it in note(0, 30 + at, 3840 + at * 240, 200)]
    facts = facts_of(track(twice, other))
    assert facts["bar_repetition"] == 0.3333
    assert facts["loop_share"] == 0.3333  # the loop is the first bar: its next occurrence begins another


def test_a_whole_number_of_bars_loops_and_a_note_that_hangs_over_does_not() -> None:
    assert facts_of(track(melody(C_MAJOR)))["loops"] == 1
    assert facts_of(track(melody(C_MAJOR[:-1], length=470)))["loops"] == 0
    assert facts_of(track(melody(C_MAJOR[:-1], length=470), end=12 * QUARTER))["loops"] == 1
    assert facts_of(track(melody(C_MAJOR), note(0, 60, 11 * QUARTER, 2 * QUARTER)))["loops"] == 0


def chords(*pitches: int, length: int = QUARTER) -> list[TimedMessage]:
    return [it for at in range(16) for pitch in pitches for it in note(0, pitch, at * length, length)]


@pytest.mark.parametrize(
    ("messages", "role"),
    [
        (melody(C_MAJOR), "melody"),
        (melody([pitch - 24 for pitch in C_MAJOR]), "bass"),
        (chords(60, 64, 67), "chords"),
        (chords(60, 64, 67, length=4 * QUARTER), "pad"),
        (melody([60, 64, 67, 72] * 8, length=240, gap=240), "arpeggio"),
        ([it for at in range(16) for it in note(0, 60 + at % 5 * 2, at * 480, 780)], "other"),
    ],
)
def test_roles(messages: list[TimedMessage], role: str) -> None:
    facts = facts_of(track(messages))
    assert facts["role"] == role, facts["polyphony"]
    assert 0 <= facts["role_strength"] <= 1


def test_drums_have_pieces_and_no_pitches() -> None:
    facts = facts_of(
        track([it for at in range(8) for it in note(9, (36, 38)[at % 2], at * 480, 60)]), "Drums"
    )
    assert (facts["role"], facts["is_drums"], facts["drum_pieces"]) == ("drums", 1, "36,38")
    assert facts["n_pitches_used"] == 2
    for name in ("key", "key_strength", "median_pitch", "pitch_range", "n_pitch_classes_used", "final_pitch"):
        assert facts[name] is None, name
    assert facts["pitch_class_weights"] is None


def test_high_drum_pieces_are_listed() -> None:
    facts = facts_of(track(note(9, 35, 0, 60), note(9, 81, 480, 60), note(9, 127, 480, 60)), "Drums")
    assert facts["drum_pieces"] == "35,81,127"


def test_the_bank_of_the_first_note() -> None:
    messages = [(0, control_change(0, 0, 2)), (0, control_change(0, 32, 3)), (20, control_change(0, 0, 9))]
    assert facts_of(track(messages[:2], note(0, 60, 10, 100), messages[2:]))["bank"] == 259
    assert facts_of(track(note(0, 60, 10, 100), messages[2:]))["bank"] is None


def test_a_zone_of_mpe() -> None:
    parameter = [(0, control_change(0, 101, 0)), (0, control_change(0, 100, 6)), (0, control_change(0, 6, 5))]
    assert facts_of(track(parameter, note(1, 60, 10, 100)))["mpe"] == 1
    assert facts_of(track(parameter[1:], note(1, 60, 10, 100)))["mpe"] == 0


def test_lyrics_are_counted() -> None:
    lyrics = [(0, meta(5, b"la")), (480, meta(5, b"la"))]
    assert facts_of(track(lyrics, melody(C_MAJOR)))["lyric_count"] == 2


def test_a_track_without_notes_has_only_what_it_states() -> None:
    facts = facts_of(track([(0, tempo(600_000)), (0, meta(1, b"text"))], end=960))
    assert facts["dominant_tempo"] == 100.0
    for name in ("key", "role", "length_beats", "polyphony", "first_note_ticks", "n_pitches_used", "nomml"):
        assert facts[name] is None, name


def test_with_an_smpte_division_there_are_seconds_and_no_beats() -> None:
    facts = facts_of(track(note(0, 60, 500, 1_000), note(0, 64, 1_500, 1_000), division=SMPTE_25))
    assert facts["first_note_seconds"] == 0.5
    assert facts["notes_per_second"] == 1.0
    assert facts["key"] is not None
    for name in ("length_beats", "length_bars", "notes_per_beat", "grid_4", "nomml", "dominant_tempo"):
        assert facts[name] is None, name


def test_tracks_of_one_call_do_not_influence_each_other() -> None:
    tracks = [track(melody(C_MAJOR)), track(chords(60, 64, 67)), track(note(9, 36, 0, 5)), b"", b"MThd"]
    families = ["Piano", "Piano", "Drums", "Piano", "Piano"]
    together = FactsCalculator().columns(tracks, families)
    for at, (data, family) in enumerate(zip(tracks, families, strict=True)):
        assert {name: values[at] for name, values in together.items()} == facts_of(data, family)
    calculator = FactsCalculator()
    assert calculator.columns(tracks, families) == together
    assert calculator.columns(tracks[::-1], families[::-1])["key"] == together["key"][::-1]


def test_a_failure_does_not_change_the_facts_of_later_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        arguments[-1]["note_counts"] = 1  # as in the midst of a track
        raise ZeroDivisionError

    data = track(melody(C_MAJOR))
    calculator = FactsCalculator()
    with monkeypatch.context() as patch:
        patch.setattr(track_facts, "facts_kernel", fail)
        with pytest.raises(ZeroDivisionError):
            calculator.columns([data], ["Piano"])
    assert {name: it for name, (it,) in calculator.columns([data], ["Piano"]).items()} == facts_of(data)


def test_no_tracks_give_empty_columns() -> None:
    assert set(map(len, FactsCalculator().columns([], []).values())) == {0}


@given(st.binary(max_size=300), st.sampled_from([0, 1, 96, 480, 0x7FFF, 0x8000, 0xE728, 0xFFFF]))
def test_any_bytes_have_facts(body: bytes, division: int) -> None:
    header = b"MThd\0\0\0\6\0\0\0\1" + division.to_bytes(2, "big") + b"MTrk" + len(body).to_bytes(4, "big")
    facts = facts_of(header + body)
    assert facts["facts_version"] == FACTS_VERSION
    for name in ("polyphony", "key_strength", "bar_repetition", "loop_share", "grid_32"):
        assert facts[name] is None or facts[name] >= 0


def test_a_split_of_any_song_starts_where_the_walk_does() -> None:
    song = track(melody(C_MAJOR))
    (split,) = midiprism.split(song).tracks
    facts = facts_of(split.data)
    assert facts["final_onset_ticks"] == 11 * QUARTER
    assert facts["first_note_ticks"] == 0
