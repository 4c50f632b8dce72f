"""Splits written by copying spans, or by stretches of plain events, are those written event by event."""

from random import Random

import pytest
from hypothesis import given, settings

import midiprism
from midiprism import CorruptMidiError, Limits
from midiprism.smf import splitting
from midiprism.smf.types import By, Context
from support import child, invariants
from support.broken import BROKEN
from support.child import WAYS
from support.crowded import crowded
from support.mutate import mutated
from support.strategies import examples, often, songs
from support.writer import LONGEST_DELTA, on, raw_track, song, vlq


def both_ways(data: bytes) -> None:
    """Compare them, and the facts that come with them, however the file is divided."""
    limits = Limits()
    octets = splitting.open_parent(data, limits).data
    for by, context in WAYS:
        number, full = splitting.BY_NUMBERS[by], context == "full"
        short, facts = splitting.run_kernel(octets, number, full, limits)
        walked, others = splitting.run_kernel(octets, number, full, limits, walk_all=True)
        assert walked.tobytes() == short.tobytes()
        assert others.tolist() == facts.tolist()


@settings(max_examples=often(200), deadline=None)
@given(parent=songs)
def test_both_ways_of_writing_give_the_same_bytes(parent: bytes) -> None:
    both_ways(parent)


def test_both_ways_agree_on_tracks_that_play_on_many_channels() -> None:
    rng = Random(11)
    for _ in range(often(200)):
        both_ways(crowded(rng, far=rng.random() < 0.3))


@pytest.mark.parametrize("batch", range(2))
def test_both_ways_agree_on_damaged_files(batch: int) -> None:
    rng = Random(batch)
    seeds = [*(case.data for case in BROKEN), *examples(songs, 40)]
    seeds += [crowded(rng, far=rng.random() < 0.3) for _ in range(40)]
    for data in (*seeds, *(mutated(rng, seeds) for _ in range(often(300)))):
        try:
            both_ways(data)
        except CorruptMidiError:
            continue


@pytest.mark.parametrize(("by", "context"), WAYS)
def test_tracks_that_play_on_many_channels_are_divided_as_the_contract_says(by: By, context: Context) -> None:
    rng = Random(by + context)
    for _ in range(often(60)):
        case = invariants.examine(crowded(rng), by, context)
        invariants.check_against_oracle(case)
        invariants.check_facts(case.outputs)
        invariants.check_own_events(case)
        invariants.check_notes(case)


def test_without_the_compiler_such_tracks_give_the_same_results() -> None:
    rng = Random(13)
    files = [crowded(rng, far=rng.random() < 0.3) for _ in range(often(40))]
    files += [mutated(rng, files) for _ in files]
    assert child.ask(files, NUMBA_DISABLE_JIT="1") == [child.fingerprints(data) for data in files]


@pytest.mark.parametrize("by", ["track", "channel"])
def test_output_may_take_exactly_its_limit_either_way(by: By) -> None:
    number = splitting.BY_NUMBERS[by]
    rng = Random(17)
    for _ in range(often(40)):
        data = crowded(rng)
        size = sum(len(split.data) for split in midiprism.split(data, by=by).tracks)
        for walk_all in (False, True):
            exact = Limits(output_bytes=size, output_ratio=0)
            out, _ = splitting.run_kernel(data, number, False, exact, walk_all=walk_all)
            assert len(out) == size
            if size:
                less = Limits(output_bytes=size - 1, output_ratio=0)
                with pytest.raises(CorruptMidiError, match="output_bytes"):
                    splitting.run_kernel(data, number, False, less, walk_all=walk_all)


def test_a_gap_that_grows_too_long_by_division_is_bridged_before_a_plain_event() -> None:
    # Another channel plays so long that this one's next event is farther away than a delta time can say.
    far = b"".join(vlq(step) + on(0, 61) for step in (LONGEST_DELTA, 127, 128, LONGEST_DELTA))
    body = b"\0" + on(0, 60) + b"\0" + on(1, 60) + far + b"\x80\x05" + on(1, 62) + b"\x80\x05\x3f\x40"
    both_ways(song(raw_track(body), form=0))
    split = midiprism.split(song(raw_track(body), form=0)).tracks[1]
    assert split.duration_ticks == 2 * LONGEST_DELTA + 127 + 128 + 10
    assert b"\xff\xff\xff\x7f\xff\x01\x00" * 2 in split.data
    # Its delta time is spelled as in the parent where the event before it is the same.
    assert b"\x82\x04" + on(1, 62) + b"\x80\x05\x3f\x40" in split.data


@pytest.mark.parametrize("last", [b"\xd0\x40", b"\x80\x3c\x00", b"\x91\x3e"])
def test_a_track_that_ends_with_its_file_is_read_no_further(last: bytes) -> None:
    both_ways(song(raw_track(b"\0" + on(0, 60) + b"\0" + on(1, 60) + b"\0" + last), form=0))
