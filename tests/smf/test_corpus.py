"""The invariants on real files: all of them for the default split, a sample for every way to split.

With ``MIDIPRISM_CORPUS_FULL=1`` every file goes through every check.
"""

import pytest

from support import invariants
from support.child import WAYS
from support.corpus import content, needs_corpus, share
from support.oracle import Oracle
from support.reader import read

pytestmark = [needs_corpus, pytest.mark.slow]

SHARES = 16
SAMPLE = 50
"""One file in so many goes through the checks that cost most."""


@pytest.mark.parametrize("number", range(SHARES))
def test_every_real_file_is_split_as_the_contract_says(number: int) -> None:
    for member in share(number, SHARES):
        case = invariants.examine(content(member), "auto", "conductor")
        assert case.result.outcome == ("split" if any(case.oracle.channels) else "no_notes"), member
        invariants.check_against_oracle(case)
        invariants.check_clock(case)
        invariants.check_again(case)


@pytest.mark.parametrize("number", range(SHARES))
def test_sampled_real_files_keep_every_invariant_in_every_way(number: int) -> None:
    for member in share(number, SHARES, every=SAMPLE):
        parent = content(member)
        oracle = Oracle(read(parent))
        for by, context in WAYS:
            case = invariants.examine(parent, by, context, oracle)
            invariants.check_against_oracle(case)
            invariants.check_facts(case.outputs)
            invariants.check_own_events(case)
            invariants.check_times(case)
            invariants.check_notes(case)
            invariants.check_again(case)
