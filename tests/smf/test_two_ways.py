"""Splits written by copying spans, or by stretches of plain events, are those written event by event."""

from random import Random

import pytest
from hypothesis import given, settings

import midiprism
from midiprism import CorruptMidiError, Limits
from midiprism.smf import split_song as splitting
from midiprism.smf.types import By, Context
from support import invariants
from support import split_process as child
from support.broken_files import BROKEN_FILES
from support.dense_songs import dense_song
from support.midi_strategies import example_count, examples, songs
from support.midi_writer import LONGEST_DELTA, note_on, raw_track, song, vlq
from support.mutations import mutated_file
from support.split_process import SPLIT_OPTIONS


def both_ways(data: bytes) -> None:
    """Compare them, and the facts that come with them, however the file is divided."""
    limits = Limits()
    octets = splitting.unwrap_song(data, limits).data
    for by, context in SPLIT_OPTIONS:
        number, full = splitting.BY_CODES[by], context == "full"
        short, facts = splitting.run_kernel(octets, number, full, limits)
        walked, others = splitting.run_kernel(octets, number, full, limits, event_by_event=True)
        assert walked.tobytes() == short.tobytes()
        assert others.tolist() == facts.tolist()


@settings(max_examples=example_count(200), deadline=None)
@given(song=songs)
def test_both_ways_of_writing_give_the_same_bytes(song: bytes) -> None:
    both_ways(song)


def test_both_ways_agree_on_tracks_that_play_on_many_channels() -> None:
    rng = Random(11)
    for _ in range(example_count(200)):
        both_ways(dense_song(rng, long_gaps=rng.random() < 0.3))


@pytest.mark.parametrize("batch", range(2))
def test_both_ways_agree_on_damaged_files(batch: int) -> None:
    rng = Random(batch)
    seeds = [*(case.data for case in BROKEN_FILES), *examples(songs, 40)]
    seeds += [dense_song(rng, long_gaps=rng.random() < 0.3) for _ in range(40)]
    for data in (*seeds, *(mutated_file(rng, seeds) for _ in range(example_count(300)))):
        try:
            both_ways(data)
        except CorruptMidiError:
            continue


@pytest.mark.parametrize(("by", "context"), SPLIT_OPTIONS)
def test_tracks_that_play_on_many_channels_are_divided_as_the_contract_says(by: By, context: Context) -> None:
    rng = Random(by + context)
    for _ in range(example_count(60)):
        case = invariants.split_and_read(dense_song(rng), by, context)
        invariants.check_against_oracle(case)
        invariants.check_facts(case.outputs)
        invariants.check_own_events_kept(case)
        invariants.check_notes(case)


def test_without_the_compiler_such_tracks_give_the_same_results() -> None:
    rng = Random(13)
    files = [dense_song(rng, long_gaps=rng.random() < 0.3) for _ in range(example_count(40))]
    files += [mutated_file(rng, files) for _ in files]
    assert child.fingerprint_files(files, NUMBA_DISABLE_JIT="1") == [
        child.fingerprints(data) for data in files
    ]


@pytest.mark.parametrize("by", ["track", "channel"])
def test_output_may_take_exactly_its_limit_either_way(by: By) -> None:
    number = splitting.BY_CODES[by]
    rng = Random(17)
    for _ in range(example_count(40)):
        data = dense_song(rng)
        size = sum(len(split.data) for split in midiprism.split(data, by=by).tracks)
        for walk_all in (False, True):
            exact = Limits(output_bytes=size, output_ratio=0)
            out, _ = splitting.run_kernel(data, number, False, exact, event_by_event=walk_all)
            assert len(out) == size
            if size:
                less = Limits(output_bytes=size - 1, output_ratio=0)
                with pytest.raises(CorruptMidiError, match="output_bytes"):
                    splitting.run_kernel(data, number, False, less, event_by_event=walk_all)


def test_a_gap_that_grows_too_long_by_division_is_bridged_before_a_plain_event() -> None:
    # Another channel plays so long that this one's next event is farther away than a delta time can say.
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
    both_ways(song(raw_track(body), midi_format=0))
    split = midiprism.split(song(raw_track(body), midi_format=0)).tracks[1]
    assert split.duration_ticks == 2 * LONGEST_DELTA + 127 + 128 + 10
    assert b"\xff\xff\xff\x7f\xff\x01\x00" * 2 in split.data
    # Its delta time is spelled as in the song where the event before it is the same.
    assert b"\x82\x04" + note_on(1, 62) + b"\x80\x05\x3f\x40" in split.data


@pytest.mark.parametrize("last", [b"\xd0\x40", b"\x80\x3c\x00", b"\x91\x3e"])
def test_a_track_that_ends_with_its_file_is_read_no_further(last: bytes) -> None:
    both_ways(song(raw_track(b"\0" + note_on(0, 60) + b"\0" + note_on(1, 60) + b"\0" + last), midi_format=0))
