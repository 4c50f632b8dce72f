"""The two ways to write a split: spans copied, and every event walked."""

import pytest
from hypothesis import given, settings

from midiprism.smf import Context
from midiprism.smf.layout import N_COUNTERS
from midiprism.smf.splitting import BY_NUMBERS, run_kernel
from support.broken import BROKEN, Broken
from support.strategies import songs
from support.wrapped import WRAPPED

CONTEXTS: tuple[Context, ...] = ("conductor", "full")
PLAIN = [case for case in (*BROKEN, *WRAPPED) if case.data.startswith(b"MThd")]


def check(data: bytes, context: Context) -> None:
    """Both ways give the same bytes, and the same facts of them."""
    spliced, walked = (
        run_kernel(data, BY_NUMBERS["track"], full=context == "full", walk_all=walk_all)
        for walk_all in (False, True)
    )
    assert bytes(spliced[0]) == bytes(walked[0])
    assert spliced[1][N_COUNTERS:].tolist() == walked[1][N_COUNTERS:].tolist()


@pytest.mark.parametrize("context", CONTEXTS)
@settings(max_examples=200, deadline=None)
@given(parent=songs)
def test_walking_every_event_of_generated_files_gives_the_bytes_of_copied_spans(
    parent: bytes, context: Context
) -> None:
    check(parent, context)


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.what)
def test_walking_every_event_of_broken_files_gives_the_bytes_of_copied_spans(
    case: Broken, context: Context
) -> None:
    check(case.data, context)
