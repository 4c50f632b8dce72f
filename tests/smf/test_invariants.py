"""Tests of the contract's invariants I1 to I6 on generated files, for every ``by`` and ``context``."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, note, settings

import midiprism
from support import invariants
from support.exact_timing import tempo_map
from support.last_notes import check_last_notes
from support.midi_parser import parse_song
from support.midi_strategies import example_count, example_songs, songs
from support.oracle import Oracle
from support.other_readers import has_event, mido_refuses, read_with_mido, read_with_symusic, symusic_refuses
from support.split_process import SPLIT_OPTIONS, fingerprint_files, fingerprints


@settings(max_examples=example_count(200, nightly=1200), deadline=None)
@given(song=songs)
def test_every_invariant_holds(song: bytes) -> None:
    oracle = Oracle(parse_song(song))
    for by, context in SPLIT_OPTIONS:
        note(f"by={by} context={context}")
        check_every_invariant(invariants.split_and_read(song, by, context, oracle))


def test_the_oracle_sends_silent_members_of_a_zone_to_its_part() -> None:
    events = b"\0\x99<\1\0\x99<\0\0\xc1\0\0\xb0e\0\0\xb0d\6\0\xb0\6\x0f\0\x9f\0\1\1\x90<\1\0\x90<\0\0\xff/\0"
    song = b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(events).to_bytes(4, "big") + events
    check_every_invariant(invariants.split_and_read(song, "auto", "conductor"))


def check_every_invariant(case: invariants.SplitCase) -> None:
    """Check one song with one ``by`` and ``context``."""
    check_that_it_is_well_formed(case)
    invariants.check_own_events_kept(case)
    invariants.check_note_times(case)
    invariants.check_tempo(case)
    invariants.check_notes(case)
    invariants.check_idempotent(case)
    invariants.check_against_oracle(case)
    invariants.check_facts(case.outputs)
    check_last_notes(case)
    check_durations(case)
    check_that_others_read(case)


def check_that_it_is_well_formed(case: invariants.SplitCase) -> None:
    """Check that a well-formed file is not reported as repaired."""
    plays = any(case.oracle.playing_channels)
    assert case.result.outcome == ("split" if plays else "no_notes")
    assert case.result.num_tracks == len(case.parsed_song.tracks)
    assert (case.result.format, case.result.division) == (case.parsed_song.format, case.parsed_song.division)


def check_durations(case: invariants.SplitCase) -> None:
    """Check that durations are those of the song's tempo map."""
    ends = [track.end_tick for track in case.parsed_song.tracks]
    assert case.result.duration_ticks == max(ends)
    lengths = [float(tempo_map(case.parsed_song, index).seconds(end)) for index, end in enumerate(ends)]
    if case.parsed_song.format != 2:
        assert case.result.duration_seconds == pytest.approx(max(lengths), rel=1e-9, abs=1e-12)
    for split in case.result.tracks:
        assert split.duration_seconds == pytest.approx(lengths[split.track_number], rel=1e-9, abs=1e-12)


def check_that_others_read(case: invariants.SplitCase) -> None:
    """Check that other readers parse every split."""
    for out in case.outputs:
        if not has_event(out.song, mido_refuses):
            assert len(read_with_mido(out.split_track.data)) == 1
        if not symusic_refuses(out.song):
            assert read_with_symusic(out.split_track.data).notes.total() <= out.split_track.note_count


def test_without_the_compiler_every_result_is_the_same() -> None:
    files = example_songs(example_count(30, nightly=120))
    assert fingerprint_files(files, NUMBA_DISABLE_JIT="1") == [fingerprints(data) for data in files]


def test_another_process_with_another_hash_seed_gives_the_same_results() -> None:
    files = example_songs(example_count(40, nightly=120))
    assert fingerprint_files(files, PYTHONHASHSEED="4711") == [fingerprints(data) for data in files]


def test_threads_that_split_at_once_do_not_disturb_each_other() -> None:
    files = example_songs(example_count(40, nightly=120))
    sequential = [midiprism.split(data, by="program", context="full") for data in files]
    with ThreadPoolExecutor(4) as pool:
        concurrent = list(
            pool.map(lambda data: midiprism.split(data, by="program", context="full"), files * 4)
        )
    assert concurrent == sequential * 4
