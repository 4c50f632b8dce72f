"""Tests of the public interface: its values, its arguments and its errors."""

import dataclasses
import pickle
import subprocess
import sys
from typing import Any

import pytest

import midiprism
from midiprism import CorruptMidiError, Limits, MidiprismError, Problem, SplitSong, SplitTrack
from midiprism.errors import UsageError
from support.midi_writer import (
    control_change,
    key_signature,
    meta,
    note,
    program_change,
    song,
    tempo,
    time_signature,
    track,
)

SONG = song(
    track(
        [
            (0, meta(3, b" Lead \0")),
            (0, key_signature(1)),
            (0, program_change(0, 5)),
            *note(0, 60, 0, 480),
            *note(0, 72, 480, 480),
        ],
        end=1920,
    ),
    track(
        [
            (0, meta(3, b"Fl\xfcgel")),
            (0, tempo(500_000)),
            (0, time_signature(3, 2)),
            (0, control_change(2, 7, 1)),
            *note(1, 40, 0, 480),
        ]
    ),
)


def test_a_split_has_every_documented_field() -> None:
    result = midiprism.split(SONG)
    assert (result.outcome, result.format, result.division, result.num_tracks) == ("split", 1, 480, 2)
    assert (result.duration_ticks, result.duration_seconds) == (1920, 2.0)
    lead, _ = result.tracks
    assert (lead.track_number, lead.channel, lead.program) == (0, 0, 5)
    assert (lead.name, lead.name_encoding) == ("Lead", "ascii")
    assert (lead.instrument, lead.family) == ("Electric Piano 2", "Piano")
    assert (lead.own_instrument, lead.own_family) == ("Electric Piano 2", "Piano")
    assert (lead.note_count, lead.lowest_pitch, lead.highest_pitch) == (2, 60, 72)
    assert (lead.duration_ticks, lead.duration_seconds) == (1920, 2.0)
    assert (lead.ticks_per_quarter, lead.tempo, lead.tempo_count) == (480, 120.0, 1)
    assert (lead.time_signature, lead.key_signature) == ("3/4", "G major")
    assert (type(lead.data), type(lead.digest), len(lead.digest)) == (bytes, bytes, 32)


def field_names(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return list(value._fields)  # type: ignore[attr-defined]
    return [field.name for field in dataclasses.fields(value)]


def test_values_are_plain_python() -> None:
    result = midiprism.split(SONG)
    plain = {bytes, str, int, float, tuple, type(None), SplitSong, SplitTrack, Problem}
    values: list[Any] = [result, *result.tracks, *result.problems]
    for value in values:
        assert {type(getattr(value, name)) for name in field_names(value)} <= plain


def test_a_track_without_a_name_has_none() -> None:
    (split,) = midiprism.split(song(track(note(0, 60, 0, 1)))).tracks
    assert (split.name, split.name_encoding) == (None, None)


def test_results_cannot_be_changed() -> None:
    result = midiprism.split(SONG)
    for value, field in ((result, "outcome"), (result.tracks[0], "data"), (result.problems[0], "code")):
        with pytest.raises(AttributeError):
            setattr(value, field, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().tracks = 3  # type: ignore[misc]


def test_results_survive_pickling() -> None:
    result = midiprism.split(SONG)
    assert pickle.loads(pickle.dumps(result)) == result


def test_errors_survive_pickling() -> None:
    with pytest.raises(CorruptMidiError) as caught:
        midiprism.split(b"no music")
    unpickled = pickle.loads(pickle.dumps(caught.value))
    assert (unpickled.code, unpickled.offset, str(unpickled)) == (
        caught.value.code,
        caught.value.offset,
        str(caught.value),
    )


@pytest.mark.parametrize("argument", [{"by": "x"}, {"context": "x"}, {"by": None}, {"by": "TRACK"}])
def test_an_unknown_by_or_context_is_a_usage_error(argument: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        midiprism.split(SONG, **argument)


@pytest.mark.parametrize("data", ["MThd", 5, None, ["MThd"], ("MThd",)])
def test_a_value_that_is_not_bytes_is_a_type_error(data: Any) -> None:
    with pytest.raises(TypeError):
        midiprism.split(data)


@pytest.mark.parametrize("wrap", [bytearray, memoryview, lambda data: memoryview(b"x" + data + b"x")[1:-1]])
def test_any_bytes_like_value_is_read(wrap: Any) -> None:
    assert midiprism.split(wrap(SONG)) == midiprism.split(SONG)


def test_splitting_does_not_change_the_song() -> None:
    data: Any = bytearray(SONG)
    midiprism.split(data)
    assert data == SONG


def test_options_must_be_given_by_name() -> None:
    with pytest.raises(TypeError):
        midiprism.split(SONG, "track")  # type: ignore[call-arg]


def test_every_exception_is_a_midiprism_error() -> None:
    assert issubclass(CorruptMidiError, MidiprismError)
    assert issubclass(UsageError, MidiprismError)


def test_importing_the_package_does_not_load_the_compiler() -> None:
    heavy = "{'numba', 'numpy', 'llvmlite'}"
    code = f"import sys, midiprism; midiprism.MidiprismError; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_dir_of_the_package_lists_all_public_names() -> None:
    assert set(midiprism.__all__) <= set(dir(midiprism))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = midiprism.nonsense
