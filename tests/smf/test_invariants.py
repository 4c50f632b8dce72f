"""The contract's invariants I1 to I6 on generated files, for every ``by`` and ``context``."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings

import midiprism
from midiprism.smf import By, Context
from support import child, invariants
from support.child import WAYS
from support.peers import any_event, by_mido, by_symusic, mido_refuses, symusic_refuses
from support.strategies import examples, often, songs
from support.timing import tempo_map


def on_generated_files(test: Callable[[bytes, By, Context], None]) -> Callable[..., None]:
    """Run a test on many well-formed files, each way to split them on its own."""
    generated: Callable[..., None] = settings(max_examples=often(60), deadline=None)(
        given(parent=songs)(test)
    )
    pytest.mark.parametrize(("by", "context"), WAYS)(generated)
    return generated


@on_generated_files
def test_own_events_stay_at_their_ticks_with_their_bytes(parent: bytes, by: By, context: Context) -> None:
    invariants.check_own_events(invariants.examine(parent, by, context))


@on_generated_files
def test_every_note_sounds_at_its_parents_seconds(parent: bytes, by: By, context: Context) -> None:
    case = invariants.examine(parent, by, context)
    invariants.check_times(case)
    invariants.check_clock(case)


@on_generated_files
def test_no_note_is_lost_and_none_added(parent: bytes, by: By, context: Context) -> None:
    invariants.check_notes(invariants.examine(parent, by, context))


@on_generated_files
def test_splitting_a_split_returns_it(parent: bytes, by: By, context: Context) -> None:
    invariants.check_again(invariants.examine(parent, by, context))


@on_generated_files
def test_other_readers_parse_every_split(parent: bytes, by: By, context: Context) -> None:
    for out in invariants.examine(parent, by, context).outputs:
        if not any_event(out.song, mido_refuses):
            assert len(by_mido(out.split.data)) == 1
        if not symusic_refuses(out.song):
            assert by_symusic(out.split.data).notes.total() <= out.split.note_count


@on_generated_files
def test_every_split_is_the_one_that_the_contract_describes(parent: bytes, by: By, context: Context) -> None:
    case = invariants.examine(parent, by, context)
    invariants.check_against_oracle(case)
    invariants.check_facts(case.outputs)


@on_generated_files
def test_a_well_formed_file_is_never_said_to_be_repaired(parent: bytes, by: By, context: Context) -> None:
    case = invariants.examine(parent, by, context)
    plays = any(case.oracle.channels)
    assert case.result.outcome == ("split" if plays else "no_notes")
    assert case.result.num_tracks == len(case.song.tracks)
    assert (case.result.format, case.result.division) == (case.song.format, case.song.division)


@on_generated_files
def test_durations_are_those_of_the_songs_tempo_map(parent: bytes, by: By, context: Context) -> None:
    case = invariants.examine(parent, by, context)
    assert case.result.duration_ticks == max(track.end_tick for track in case.song.tracks)
    ends = [track.end_tick for track in case.song.tracks]
    lengths = [float(tempo_map(case.song, index).seconds(end)) for index, end in enumerate(ends)]
    if case.song.format != 2:
        assert case.result.duration_seconds == pytest.approx(max(lengths), rel=1e-9, abs=1e-12)
    for split in case.result.tracks:
        assert split.duration_seconds == pytest.approx(lengths[split.track_number], rel=1e-9, abs=1e-12)


BATCH = often(120)
"""Generated files that other processes split as well."""


def test_without_the_compiler_every_result_is_the_same() -> None:
    files = examples(songs, BATCH)
    assert child.ask(files, NUMBA_DISABLE_JIT="1") == [child.fingerprints(data) for data in files]


def test_another_process_with_another_hash_seed_gives_the_same_results() -> None:
    files = examples(songs, BATCH)
    assert child.ask(files, PYTHONHASHSEED="4711") == [child.fingerprints(data) for data in files]


def test_threads_that_split_at_once_do_not_disturb_each_other() -> None:
    files = examples(songs, BATCH)
    alone = [midiprism.split(data, by="program", context="full") for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: midiprism.split(data, by="program", context="full"), files * 4))
    assert together == alone * 4
