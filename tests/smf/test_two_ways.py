"""A split written by copying spans and one written event by event are the same bytes."""

from random import Random

from hypothesis import given, settings

from midiprism import CorruptMidiError
from midiprism.smf import splitting
from midiprism.smf.types import Limits
from support.broken import BROKEN
from support.mutate import mutated
from support.strategies import examples, songs


def both_ways(data: bytes) -> None:
    """Compare them, and the facts that come with them."""
    limits = Limits()
    octets = splitting.open_parent(data, limits).data
    track = splitting.BY_NUMBERS["track"]
    copied, facts = splitting.run_kernel(octets, track, False, limits)
    walked, others = splitting.run_kernel(octets, track, False, limits, walk_all=True)
    assert walked.tobytes() == copied.tobytes()
    assert others.tolist() == facts.tolist()


@settings(max_examples=200, deadline=None)
@given(parent=songs)
def test_both_ways_of_writing_give_the_same_bytes(parent: bytes) -> None:
    both_ways(parent)


def test_both_ways_agree_on_damaged_files() -> None:
    rng = Random(7)
    seeds = [*(case.data for case in BROKEN), *examples(songs, 40)]
    for data in (*seeds, *(mutated(rng, seeds) for _ in range(300))):
        try:
            both_ways(data)
        except CorruptMidiError:
            continue
