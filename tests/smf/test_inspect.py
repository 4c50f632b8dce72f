"""Tests of the facts that an inspection returns, which agree with those of a split."""

import dataclasses
import gzip
import pickle
import struct
from typing import Any

import pytest

import midiprism
from midiprism import CorruptMidiError, Inspection, Limits, Problem
from midiprism.smf import KeySignature, SourceTrack, TempoChange, TimeSignature
from support.broken_files import BROKEN_FILES
from support.midi_writer import (
    control_change,
    key_signature,
    meta,
    note,
    note_on,
    program_change,
    raw_track,
    smpte_offset,
    song,
    tempo,
    time_signature,
    track,
    track_name,
)
from support.undone_files import UNDONE_FILES
from support.wrapped_files import CORRUPT_FILES, WRAPPED_FILES

TRACK_NAME_IN_ASCII = ("track name", "ascii", "all of its bytes are ASCII")
BAR = 1920
"""Ticks of a 4/4 bar at the division that ``song`` writes, 480."""


def duration_in_bars(*conductor: tuple[int, bytes], end: int, division: int = 480) -> str | None:
    """Return the bars of a song with these conductor events."""
    return midiprism.inspect(song(track(conductor, end=end), division=division)).duration_bars


def test_an_inspection_has_every_documented_field() -> None:
    data = song(
        track(
            [(0, track_name(b"Song")), (0, tempo(600_000)), (0, key_signature(2)), (0, time_signature(3, 2))],
            end=2880,
        ),
        track(
            [
                (0, track_name(b" Lead ")),
                (0, program_change(3, 73)),
                *note(3, 60, 0, 480),
                *note(5, 72, 480, 480),
            ]
        ),
        track([(0, track_name(b"Kit")), *note(9, 36, 0, 480)], end=1920),
    )
    assert midiprism.inspect(data) == Inspection(
        format=1,
        division=480,
        num_tracks=3,
        duration_ticks=2880,
        duration_seconds=3.6,
        duration_bars="2:0",
        tracks=(
            SourceTrack(
                0, "Song", *TRACK_NAME_IN_ASCII, (), None, None, 0, None, None, 2880, 3.6, "2:0", None, None
            ),
            SourceTrack(
                1, "Lead", *TRACK_NAME_IN_ASCII, (3, 5), "Flute", "Pipe", 2, 60, 72, 960, 1.2, "0:2", 960, 1.2
            ),
            SourceTrack(
                2,
                "Kit",
                *TRACK_NAME_IN_ASCII,
                (9,),
                "Standard Kit",
                "Drums",
                1,
                36,
                36,
                1920,
                2.4,
                "1:1",
                480,
                0.6,
            ),
        ),
        tempo_map=(TempoChange(0, 0.0, 600_000, 100.0),),
        time_signatures=(TimeSignature(0, 3, 4),),
        key_signatures=(KeySignature(0, "D major"),),
        problems=(),
    )


def test_the_tempo_map_has_the_time_of_each_change() -> None:
    changes = [(480, tempo(1_000_000)), (960, tempo(0)), (1440, tempo(250_000))]
    result = midiprism.inspect(song(track(changes, end=1920), track(note(0, 60, 0, 1920))))
    assert [(change.tick, change.seconds, change.bpm) for change in result.tempo_map] == [
        (480, 0.5, 60.0),
        (960, 1.5, None),
        (1440, 1.5, 240.0),
    ]
    assert result.duration_seconds == 1.75
    assert [problem.code for problem in result.problems] == ["tempo_zero"]


def test_tempi_and_meters_of_any_track_hold_for_the_song_and_the_last_in_the_file_wins() -> None:
    data = song(
        track([(0, tempo(400_000)), (0, time_signature(4, 2))], end=960),
        track([(0, tempo(300_000)), (480, time_signature(2, 2))], end=960),
    )
    result = midiprism.inspect(data)
    assert [change.microseconds_per_quarter for change in result.tempo_map] == [300_000]
    assert result.time_signatures == (TimeSignature(0, 4, 4), TimeSignature(480, 2, 4))


def test_keys_come_from_the_first_track_and_have_names() -> None:
    keys = [
        (0, key_signature(2)),
        (1, key_signature(-7)),
        (2, key_signature(7)),
        (3, key_signature(0, 1)),
        (4, key_signature(3, 1)),
        (5, key_signature(-2, 0)),
    ]
    result = midiprism.inspect(song(track(keys), track([(6, key_signature(1))])))
    names = ["D major", "Cb major", "C# major", "A minor", "F# minor", "Bb major"]
    assert result.key_signatures == tuple(KeySignature(tick, text) for tick, text in enumerate(names))


def test_impossible_meters_and_keys_are_problems_and_are_left_out() -> None:
    impossible = [
        (0, time_signature(0, 2)),
        (1, time_signature(4, 8)),
        (2, key_signature(8)),
        (3, key_signature(0, 2)),
        (4, key_signature(-128)),
    ]
    result = midiprism.inspect(song(track(impossible, end=BAR)))
    assert (result.time_signatures, result.key_signatures) == ((), ())
    assert {problem.code for problem in result.problems} == {"time_signature_value", "key_signature_value"}
    assert result.duration_bars == "1:0"


@pytest.mark.parametrize(
    ("end", "bars"),
    [(0, "0:0"), (479, "0:0"), (480, "0:1"), (BAR - 1, "0:3"), (BAR, "1:0"), (61_920, "32:1")],
)
def test_without_a_meter_bars_have_four_quarters(end: int, bars: str) -> None:
    assert duration_in_bars(end=end) == bars


def test_a_beat_is_the_note_of_the_meter() -> None:
    assert duration_in_bars((0, time_signature(6, 3)), end=1440 + 720) == "1:3"
    assert duration_in_bars((0, time_signature(2, 1)), end=BAR + 960) == "1:1"
    assert duration_in_bars((0, time_signature(3, 7)), end=100, division=7) == "152:1"


def test_a_change_of_meter_begins_a_bar() -> None:
    assert duration_in_bars((BAR, time_signature(3, 2)), end=BAR + 1440 + 960) == "2:2"
    # A change a quarter into the second bar cuts that bar short; it counts as one.
    assert duration_in_bars((BAR + 480, time_signature(3, 2)), end=BAR + 480 + 1440) == "3:0"
    assert (
        duration_in_bars((0, time_signature(1, 2)), (480, time_signature(4, 2)), end=480 + 2 * BAR + 480)
        == "3:1"
    )


def test_a_repeated_meter_begins_no_bar() -> None:
    assert duration_in_bars((480, time_signature(4, 2)), (720, time_signature(4, 2, 12)), end=BAR) == "1:0"


def test_a_change_of_meter_at_the_end_of_a_track_cuts_no_bar_of_it_short() -> None:
    data = song(track([(960, time_signature(3, 2))], end=2400), track(note(0, 60, 0, 960)))
    assert [source.duration_bars for source in midiprism.inspect(data).tracks] == ["2:0", "0:2"]


def test_silent_tracks_are_listed() -> None:
    data = song(
        track([(0, tempo(1_000_000))], end=960),
        track([(0, track_name(b"mute")), (0, control_change(2, 7, 1)), (0, note_on(2, 60, 0))], end=480),
        track(note(0, 60, 0, 960)),
    )
    result = midiprism.inspect(data)
    assert result.tracks[1] == SourceTrack(
        1, "mute", *TRACK_NAME_IN_ASCII, (), None, None, 0, None, None, 480, 1.0, "0:1", None, None
    )
    assert [source.note_count for source in result.tracks] == [0, 0, 1]


def test_an_instrument_may_be_selected_by_another_track() -> None:
    data = song(track([(0, program_change(4, 40))]), track(note(4, 60, 0, 1)))
    assert [source.instrument for source in midiprism.inspect(data).tracks] == [None, "Violin"]


def test_a_file_without_tracks_is_empty() -> None:
    result = midiprism.inspect(song())
    assert (result.num_tracks, result.tracks, result.duration_ticks) == (0, (), 0)
    assert (result.duration_seconds, result.duration_bars) == (0.0, "0:0")


@pytest.mark.parametrize(
    ("division", "seconds"),
    [(0xE728, 0.48), (0xE250, 0.2), (0xE3A0, 480 * 1001 / (30_000 * 160)), (0x9C01, None)],
)
def test_with_an_smpte_division_there_are_no_bars(division: int, seconds: float | None) -> None:
    conductor = [(0, smpte_offset(1)), (0, time_signature(3, 2)), (480, tempo(1))]
    result = midiprism.inspect(song(track(conductor), track(note(0, 60, 0, 480)), division=division))
    assert (result.division, result.duration_ticks, result.duration_bars) == (division, 480, None)
    assert result.duration_seconds == seconds
    assert [(source.duration_seconds, source.duration_bars) for source in result.tracks] == [
        (seconds, None)
    ] * 2
    assert result.tempo_map == (TempoChange(480, seconds, 1, 60_000_000.0),)
    assert ("division_smpte" in {problem.code for problem in result.problems}) == (seconds is None)


def test_tracks_of_format_2_have_times_of_their_own() -> None:
    data = song(
        track(
            [(0, tempo(1_000_000)), (0, time_signature(3, 2)), (0, key_signature(1)), *note(0, 60, 0, 480)]
        ),
        track(note(0, 60, 0, 480)),
        track([(0, tempo(2_000_000))], end=480),
        midi_format=2,
    )
    result = midiprism.inspect(data)
    assert (result.tempo_map, result.time_signatures, result.key_signatures) == ((), (), ())
    assert (result.duration_seconds, result.duration_bars) == (2.0, None)
    assert [source.duration_seconds for source in result.tracks] == [1.0, 0.5, None]
    assert {source.duration_bars for source in result.tracks} == {None}
    silent = midiprism.inspect(song(track(end=1000), midi_format=2, division=0xE728)).tracks[0]
    assert silent.duration_seconds == 1.0


def test_a_problem_has_a_track_and_an_offset() -> None:
    body = b"\0\x90\x3c\x40" + b"\x10\x3c\x00" + b"\0\xff\x2f\0"
    data = song(track([(0, tempo(500_000))]), raw_track(body, length=99))
    (problem,) = midiprism.inspect(data).problems
    assert (problem.code, problem.track) == ("track_truncated", 1)
    assert problem.offset == data.rindex(b"MTrk") + 4


def test_offsets_count_from_the_start_of_the_decompressed_file() -> None:
    data = song(track(note(0, 60, 0, 1)), count=0)
    (_, problem) = midiprism.inspect(gzip.compress(data)).problems
    assert (problem.code, problem.offset) == ("track_count", 10)
    (_, problem) = midiprism.inspect(b"junk" + data).problems
    assert (problem.code, problem.offset) == ("track_count", 14)


def test_a_name_in_a_guessed_encoding_is_a_problem_of_any_track() -> None:
    data = song(
        track([(0, track_name(b"Fl\xfcgel"))]), track([(0, meta(3, b"\x83\x73\x83\x41")), *note(0, 60, 0, 1)])
    )
    result = midiprism.inspect(data)
    assert [(source.name, source.name_encoding) for source in result.tracks] == [
        ("Flügel", "cp1252"),
        ("ピア", "cp932"),
    ]
    assert [(problem.code, problem.track) for problem in result.problems] == [
        ("text_encoding", 0),
        ("text_encoding", 1),
    ]
    assert [problem.offset for problem in result.problems] == [data.index(b"Fl\xfc"), data.index(b"\x83\x73")]


@pytest.mark.parametrize(
    "case", [*BROKEN_FILES, *WRAPPED_FILES, *UNDONE_FILES], ids=lambda case: case.description
)
def test_an_inspection_agrees_with_a_split_by_track(case: Any) -> None:
    split = midiprism.split(case.data, by="track")
    result = midiprism.inspect(case.data)
    for field in ("format", "division", "num_tracks", "duration_ticks", "duration_seconds"):
        assert getattr(result, field) == getattr(split, field)
    assert len(result.tracks) == result.num_tracks
    playing = [source for source in result.tracks if source.note_count]
    assert [source.track_number for source in playing] == [
        split_track.track_number for split_track in split.tracks
    ]
    own = {"name_event", "name_encoding_reason", "channels", "duration_bars"}
    shared = {field.name for field in dataclasses.fields(SourceTrack)} - own
    for source, split_track in zip(playing, split.tracks, strict=True):
        assert {field: getattr(source, field) for field in shared} == {
            field: getattr(split_track, field) for field in shared
        }
        assert split_track.channel == (source.channels[0] if len(source.channels) == 1 else None)
    silent = {source.track_number for source in result.tracks if not source.note_count}
    extra = [problem for problem in result.problems if problem not in split.problems]
    assert {(problem.code, problem.track in silent) for problem in extra} <= {("text_encoding", True)}
    assert [problem for problem in result.problems if problem not in extra] == list(split.problems)


def test_silent_and_playing_tracks_and_tempo_changes_have_the_same_times_to_the_last_bit() -> None:
    ticks = range(13, 9_000, 13)
    conductor = track([(tick, tempo(1 + tick * 7919 % 0xFFFFFF)) for tick in ticks])
    players = [track(note(0, 60, 0, tick)) for tick in ticks]
    silent = [track(end=tick) for tick in ticks]
    data = song(conductor, *players, *silent, division=97)
    durations = [split_track.duration_seconds for split_track in midiprism.split(data, by="track").tracks]
    result = midiprism.inspect(data)
    assert [change.seconds for change in result.tempo_map] == durations
    assert [source.duration_seconds for source in result.tracks[1:]] == durations * 2


@pytest.mark.parametrize("case", CORRUPT_FILES, ids=lambda case: case.description)
def test_a_file_that_split_refuses_is_refused(case: Any) -> None:
    with pytest.raises(CorruptMidiError) as caught:
        midiprism.inspect(case.data)
    assert caught.value.code == case.code


def test_limits_apply() -> None:
    data = song(*[track(note(0, 60, 0, 1))] * 3)
    for limits in (Limits(tracks=2), Limits(input_bytes=20), Limits(output_bytes=20, output_ratio=0)):
        with pytest.raises(CorruptMidiError) as caught:
            midiprism.inspect(data, limits=limits)
        assert caught.value.code == ("song_size" if limits.input_bytes == 20 else "limit")


@pytest.mark.parametrize("data", ["MThd", 5, None])
def test_a_value_that_is_not_bytes_is_a_type_error(data: Any) -> None:
    with pytest.raises(TypeError):
        midiprism.inspect(data)


@pytest.mark.parametrize("wrap", [bytearray, memoryview])
def test_any_bytes_like_value_is_read(wrap: Any) -> None:
    data = song(track(note(0, 60, 0, 1)))
    assert midiprism.inspect(wrap(data)) == midiprism.inspect(data)


def test_values_are_plain_and_frozen_and_survive_pickling() -> None:
    data = song(
        track([(0, tempo(5)), (0, time_signature(3, 2)), (0, key_signature(1)), *note(0, 60, 0, 1)], end=7),
        count=4,
    )
    result = midiprism.inspect(data)
    assert pickle.loads(pickle.dumps(result)) == result
    own = {Inspection, SourceTrack, TempoChange, TimeSignature, KeySignature, Problem}
    values: list[Any] = [
        result,
        *result.tracks,
        *result.tempo_map,
        *result.time_signatures,
        *result.key_signatures,
        *result.problems,
    ]
    assert {type(value) for value in values} == own
    for value in values:
        fields = [field.name for field in dataclasses.fields(value)]
        assert {type(getattr(value, field)) for field in fields} <= {str, int, float, tuple, type(None)}
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, fields[0], None)


def test_the_function_is_not_hidden_by_a_module_of_its_name() -> None:
    import midiprism.smf.inspect_song

    assert midiprism.inspect is midiprism.smf.inspect is midiprism.smf.inspect_song.inspect


def test_an_unknown_format_is_read_as_1() -> None:
    data = bytearray(song(track([(0, tempo(250_000))], end=480)))
    struct.pack_into(">H", data, 8, 7)
    result = midiprism.inspect(bytes(data))
    assert (result.format, result.duration_seconds, len(result.tempo_map)) == (7, 0.25, 1)
