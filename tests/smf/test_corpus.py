"""Tests of the invariants on real files: all files by default, a sample for every ``by`` and ``context``.

With ``MIDIPRISM_CORPUS_FULL=1`` every file goes through every check.
"""

import pytest

from support import invariants
from support.corpus import corpus_share, needs_corpus, read_member
from support.midi_parser import parse_song
from support.oracle import Oracle
from support.split_process import SPLIT_OPTIONS

pytestmark = [needs_corpus, pytest.mark.slow]

SHARES = 16
NIGHTLY_SHARES = [
    pytest.param(number, marks=() if number % 8 == 0 else pytest.mark.nightly) for number in range(SHARES)
]
SAMPLE = 50
"""One file in this many goes through the most expensive checks."""


@pytest.mark.parametrize("number", NIGHTLY_SHARES)
def test_every_real_file_is_split_as_the_contract_says(number: int) -> None:
    for member in corpus_share(number, SHARES):
        case = invariants.split_and_read(read_member(member), "auto", "conductor")
        assert case.result.outcome == ("split" if any(case.oracle.playing_channels) else "no_notes"), member
        invariants.check_against_oracle(case)
        invariants.check_tempo(case)
        invariants.check_idempotent(case)


@pytest.mark.parametrize("number", NIGHTLY_SHARES)
def test_sampled_real_files_keep_every_invariant_for_every_by_and_context(number: int) -> None:
    for member in corpus_share(number, SHARES, step=SAMPLE):
        song = read_member(member)
        oracle = Oracle(parse_song(song))
        for by, context in SPLIT_OPTIONS:
            case = invariants.split_and_read(song, by, context, oracle)
            invariants.check_against_oracle(case)
            invariants.check_facts(case.outputs)
            invariants.check_own_events_kept(case)
            invariants.check_note_times(case)
            invariants.check_notes(case)
            invariants.check_idempotent(case)
