"""Tests that copied spans and the fast path give the same bytes as writing event by event."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings

import midiprism
from midiprism import CorruptMidiError, Limits
from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.split_song import BY_CODES, run_kernel
from midiprism.smf.types import By, Context
from midiprism.smf.unwrap import unwrap_song
from support import invariants
from support.broken_files import BROKEN_FILES
from support.dense_songs import dense_song
from support.last_notes import check_last_notes
from support.midi_strategies import example_count, example_songs, songs
from support.midi_writer import LONGEST_DELTA, note_on, raw_track, song, vlq
from support.mutations import mutated_file
from support.split_process import SPLIT_OPTIONS, fingerprint_files, fingerprints


def plain_values(answer: KernelOutput) -> str:
    """Return everything that the kernel answers as text, in which NaN equals NaN."""
    return repr([value.tolist() if isinstance(value, np.ndarray) else value for value in answer])


def check_both_ways(data: bytes) -> None:
    """Check that both ways give the same bytes and tables, for every ``by`` and ``context``."""
    limits = Limits()
    octets = unwrap_song(data, limits).data
    for by, context in SPLIT_OPTIONS:
        by_code, full = BY_CODES[by], context == "full"
        fast = run_kernel(octets, by_code, full, limits)
        walked = run_kernel(octets, by_code, full, limits, event_by_event=True)
        assert plain_values(walked) == plain_values(fast)


@settings(max_examples=example_count(100, nightly=200), deadline=None)
@given(song=songs)
def test_both_ways_of_writing_give_the_same_bytes(song: bytes) -> None:
    check_both_ways(song)


def test_both_ways_agree_on_tracks_that_play_on_many_channels() -> None:
    rng = Random(11)
    for _ in range(example_count(100, nightly=200)):
        check_both_ways(dense_song(rng, long_gaps=rng.random() < 0.3))


@pytest.mark.parametrize("batch", range(2))
def test_both_ways_agree_on_damaged_files(batch: int) -> None:
    rng = Random(batch)
    seeds = [*(case.data for case in BROKEN_FILES), *example_songs(40)]
    seeds += [dense_song(rng, long_gaps=rng.random() < 0.3) for _ in range(40)]
    for data in (*seeds, *(mutated_file(rng, seeds) for _ in range(example_count(150, nightly=300)))):
        try:
            check_both_ways(data)
        except CorruptMidiError:
            continue


@pytest.mark.parametrize(("by", "context"), SPLIT_OPTIONS)
def test_tracks_that_play_on_many_channels_are_divided_as_the_contract_says(by: By, context: Context) -> None:
    rng = Random(by + context)
    for _ in range(example_count(20, nightly=60)):
        case = invariants.split_and_read(dense_song(rng), by, context)
        invariants.check_against_oracle(case)
        invariants.check_facts(case.outputs)
        check_last_notes(case)
        invariants.check_own_events_kept(case)
        invariants.check_notes(case)


@pytest.mark.nightly
def test_without_the_compiler_such_tracks_give_the_same_results() -> None:
    rng = Random(13)
    files = [dense_song(rng, long_gaps=rng.random() < 0.3) for _ in range(example_count(40))]
    files += [mutated_file(rng, files) for _ in files]
    assert fingerprint_files(files, NUMBA_DISABLE_JIT="1") == [fingerprints(data) for data in files]


@pytest.mark.parametrize("by", ["track", "channel"])
def test_output_may_take_exactly_its_limit_in_both_ways(by: By) -> None:
    by_code = BY_CODES[by]
    rng = Random(17)
    for _ in range(example_count(40)):
        data = dense_song(rng)
        size = sum(len(split.data) for split in midiprism.split(data, by=by).tracks)
        for event_by_event in (False, True):
            exact = Limits(output_bytes=size, output_ratio=0)
            answer = run_kernel(data, by_code, False, exact, event_by_event=event_by_event)
            assert len(answer.out) == size
            if size:
                less = Limits(output_bytes=size - 1, output_ratio=0)
                with pytest.raises(CorruptMidiError, match="output_bytes"):
                    run_kernel(data, by_code, False, less, event_by_event=event_by_event)


def test_a_gap_that_division_makes_too_long_is_bridged_before_a_plain_event() -> None:
    # Another channel plays so long that a delta time cannot reach this channel's next event.
    far = b"".join(vlq(step) + note_on(0, 61) for step in (LONGEST_DELTA, 127, 128, LONGEST_DELTA))
    body = (
        b"\0"
        + note_on(0, 60)
        + b"\0"
        + note_on(1, 60)
        + far
        + b"\x80\x05"
        + note_on(1, 62)
        + b"\x80\x05\x3f\x40"
    )
    check_both_ways(song(raw_track(body), midi_format=0))
    split = midiprism.split(song(raw_track(body), midi_format=0)).tracks[1]
    assert split.duration_ticks == 2 * LONGEST_DELTA + 127 + 128 + 10
    assert b"\xff\xff\xff\x7f\xff\x01\x00" * 2 in split.data
    # A delta time keeps its bytes where the event before it is the same as in the song.
    assert b"\x82\x04" + note_on(1, 62) + b"\x80\x05\x3f\x40" in split.data


@pytest.mark.parametrize("last", [b"\xd0\x40", b"\x80\x3c\x00", b"\x91\x3e"])
def test_a_track_that_ends_with_its_file_is_not_read_past_its_end(last: bytes) -> None:
    check_both_ways(
        song(raw_track(b"\0" + note_on(0, 60) + b"\0" + note_on(1, 60) + b"\0" + last), midi_format=0)
    )
