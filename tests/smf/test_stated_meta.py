"""What is told of a split's tempo, meter and key, from its own bytes alone."""

import os
import subprocess
import sys
from contextlib import suppress
from itertools import accumulate
from random import Random

import pytest
from hypothesis import given, settings

import midiprism
from midiprism.smf.types import StatedMeta
from support.broken_files import BROKEN_FILES
from support.midi_strategies import example_count, examples, songs
from support.midi_writer import (
    END_OF_TRACK,
    TimedMessage,
    control_change,
    header,
    key_signature,
    meta,
    note,
    raw_track,
    song,
    sysex,
    tempo,
    time_signature,
    track,
    vlq,
)
from support.mutations import mutated_file
from support.split_process import SPLIT_OPTIONS
from support.stated_meta import stated_meta_of

NOTHING = StatedMeta(None, None, 0, None, None)


def stated(*messages: TimedMessage, division: int = 480) -> StatedMeta:
    data = song(track(sorted([*note(0, 60, 0, 96), *messages], key=lambda at: at[0])), division=division)
    return stated_meta_of([data])[0]


def test_a_split_states_its_tempo_meter_and_key() -> None:
    assert stated(
        (0, tempo(500_000)), (0, time_signature(6, 3)), (0, key_signature(-2, 1)), division=96
    ) == StatedMeta(96, 120.0, 1, "6/8", "G minor")


def test_what_is_not_stated_is_not_told() -> None:
    assert stated() == StatedMeta(480, None, 0, None, None)


def test_every_tempo_counts_and_the_first_is_told() -> None:
    found = stated((0, tempo(500_000)), (480, tempo(400_000)), (960, tempo(500_000)))
    assert (found.tempo, found.tempo_count) == (120.0, 3)


def test_of_several_at_one_tick_the_last_holds() -> None:
    at_once = (
        (0, tempo(500_000)),
        (0, tempo(250_000)),
        (0, time_signature(3, 2)),
        (0, time_signature(2, 1)),
        (0, key_signature(1)),
    )
    found = stated(
        *at_once, (0, key_signature(2)), (10, tempo(1)), (10, time_signature(4, 2)), (10, key_signature(3))
    )
    assert found == StatedMeta(480, 240.0, 3, "2/2", "D major")


def test_what_stands_behind_notes_controllers_and_sysex_is_found() -> None:
    late = ((0, control_change(0, 7, 100)), (5, sysex(b"\xff\x51\x03\1\2\3\xf7")), (5, tempo(500_000)))
    found = stated(*late, (5, meta(1, b"\xff\x51\x03\1\2\3")), (7, key_signature(0)))
    assert found == StatedMeta(480, 120.0, 1, None, "C major")


def test_a_tempo_in_which_no_time_passes_is_counted_and_has_no_figure() -> None:
    found = stated((0, tempo(0)))
    assert (found.tempo, found.tempo_count) == (None, 1)


def test_impossible_meters_and_keys_are_left_out() -> None:
    assert (
        stated(
            (0, time_signature(0, 2)),
            (0, time_signature(4, 8)),
            (0, key_signature(8)),
            (0, key_signature(0, 2)),
        )
        == stated()
    )
    assert stated(
        (0, time_signature(0, 2)), (9, time_signature(3, 3)), (0, key_signature(-8)), (9, key_signature(-7))
    ) == StatedMeta(480, None, 0, "3/8", "Cb major")


def test_events_of_a_wrong_length_state_nothing() -> None:
    assert stated((0, meta(0x51, b"\1\2")), (0, meta(0x58, bytes(3))), (0, meta(0x59, bytes(3)))) == stated()


def test_a_length_of_several_bytes_is_read() -> None:
    assert stated((0, meta(0x51, b"\x07\xa1\x20", width=3))).tempo == 120.0


def test_an_smpte_division_has_no_ticks_per_quarter_note() -> None:
    assert stated((0, tempo(500_000)), division=0xE728) == StatedMeta(None, 120.0, 1, None, None)


def test_a_delta_time_that_looks_like_a_tempo_is_none() -> None:
    # FF 51 is a delta time of 16,337 ticks; 03 64 a note under running status.
    body = vlq(0) + bytes([0x90, 60, 64]) + b"\xff\x51" + b"\x03\x64" + vlq(0) + END_OF_TRACK
    assert stated_meta_of([song(raw_track(body))])[0] == StatedMeta(480, None, 0, None, None)


def test_nothing_behind_the_end_of_track_counts() -> None:
    data = song(raw_track(vlq(0) + END_OF_TRACK + vlq(0) + tempo(500_000)))
    assert stated_meta_of([data])[0] == StatedMeta(480, None, 0, None, None)


def test_each_of_many_is_told_by_itself() -> None:
    """What is cut short in one does not reach into the next."""
    whole = song(track([(0, tempo(500_000)), *note(0, 60, 0, 96)]))
    cut = [whole[:size] for size in range(len(whole) + 1)]
    together = stated_meta_of(cut)
    assert together == [stated_meta_of([data])[0] for data in cut]
    assert together[-1].tempo_count == 1
    assert {found.tempo_count for found in together[:28]} == {0}


@pytest.mark.parametrize("data", [b"", b"MThd", b"anything else", header(0, 1, 480), bytes(100)])
def test_what_is_no_split_states_nothing(data: bytes) -> None:
    assert stated_meta_of([data])[0]._replace(ticks_per_quarter=None) == NOTHING


def test_of_no_splits_nothing_is_told() -> None:
    assert stated_meta_of([]) == []


@settings(max_examples=150, deadline=None)
@given(song=songs)
def test_it_agrees_with_what_an_inspection_of_the_split_tells(song: bytes) -> None:
    tracks = [split.data for split in midiprism.split(song).tracks]
    for data, found in zip(tracks, stated_meta_of(tracks), strict=True):
        seen = midiprism.inspect(data)
        meters = [f"{it.numerator}/{it.denominator}" for it in seen.time_signatures]
        assert found.ticks_per_quarter == (None if seen.division & 0x8000 else seen.division)
        assert found.tempo == next((it.bpm for it in seen.tempo_map), None)
        assert found.tempo_count >= len(seen.tempo_map)
        assert found.time_signature == next(iter(meters), None)
        assert found.key_signature == next((it.name for it in seen.key_signatures), None)


def agree(song: bytes) -> int:
    """A split is told the same when it is made as its bytes state; how many splits were compared."""
    compared = 0
    for by, context in SPLIT_OPTIONS:
        tracks = midiprism.split(song, by=by, context=context).tracks
        assert [it.stated_meta for it in tracks] == stated_meta_of([it.data for it in tracks])
        compared += len(tracks)
    return compared


@settings(max_examples=example_count(200), deadline=None)
@given(song=songs)
def test_what_a_split_is_told_to_state_its_bytes_state(song: bytes) -> None:
    agree(song)


def test_events_of_several_tracks_at_one_tick_are_told_in_their_order() -> None:
    first = [
        (0, tempo(500_000)),
        (0, time_signature(4, 2)),
        (0, key_signature(1)),
        (9, tempo(1)),
        (300, tempo(3)),
    ]
    second = [(0, tempo(400_000)), (0, time_signature(0, 2)), (0, key_signature(2)), *note(0, 60, 0, 96)]
    third = [
        (0, tempo(300_000)),
        (0, time_signature(3, 2)),
        (0, key_signature(9)),
        *note(1, 60, 0, 96),
        *note(2, 60, 0, 96),
    ]
    data = song(*(track(sorted(each, key=lambda at: at[0])) for each in (first, second, third)))
    assert agree(data) > len(SPLIT_OPTIONS)
    told = {(it.track_number, it.stated_meta) for it in midiprism.split(data).tracks}
    assert told == {
        (1, StatedMeta(480, 200.0, 3, "3/4", "D major")),
        (2, StatedMeta(480, 200.0, 2, "3/4", "G major")),
    }


def test_what_damaged_files_give_is_told_as_its_bytes_state() -> None:
    compared = 0
    for data in broken_files():
        with suppress(midiprism.CorruptMidiError):
            compared += agree(data)
    assert compared > 1_000


def broken_files() -> list[bytes]:
    rng = Random(3)
    seeds = [*(case.data for case in BROKEN_FILES), *examples(songs, 40)]
    return [*seeds, *(mutated_file(rng, seeds) for _ in range(400))]


def test_no_bytes_do_harm() -> None:
    files = broken_files()
    found = stated_meta_of(files)
    assert len(found) == len(files)
    assert 0 < sum(it.tempo_count > 0 for it in found) < len(files)


TELL = """
import sys
from midiprism.smf.facts import stated_facts
octets, stops = map(bytes.fromhex, sys.stdin.readline().split()), map(int, sys.stdin.readline().split())
print(stated_facts(next(octets), list(stops)))
"""


def test_without_the_compiler_the_facts_are_the_same() -> None:
    files = [data for data in broken_files() if data]
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        input=f"{b''.join(files).hex()}\n{' '.join(map(str, accumulate(map(len, files))))}",
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == repr(stated_meta_of(files))
