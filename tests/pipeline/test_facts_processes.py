"""Tests of facts that are computed in worker processes."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import repeat
from pathlib import Path

import pytest

from midiprism.errors import MidiprismError, WorkerStartError
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.features.tolerant_facts import FactsFunction
from midiprism.pipeline.executors import facts_for
from midiprism.pipeline.executors.inline import inline_facts
from midiprism.pipeline.executors.processes.facts_processes import FactsProcesses
from midiprism.pipeline.settings import Resources
from midiprism.pipeline.splitter import LoadFacts, load_facts_calculator
from midiprism.smf import split
from support.failing_parts import FactsThatEndOnce, end_process, load_hanging_facts
from support.sample_songs import FEW, sample_songs

Open = Callable[[LoadFacts], FactsProcesses]


def fail_to_load() -> FactsFunction:
    raise MidiprismError("It cannot be loaded.")


@pytest.fixture
def processes() -> Iterator[Open]:
    opened: list[FactsProcesses] = []

    def open_processes(load_facts: LoadFacts) -> FactsProcesses:
        opened.append(FactsProcesses(load_facts, timeout=0.4))
        return opened[-1]

    yield open_processes
    for one in opened:
        one.close()


def test_several_threads_compute_the_facts_that_one_process_computes() -> None:
    tracks = [track for song in sample_songs(FEW)[:8] for track in split(song.data).tracks]
    data, families = [it.data for it in tracks], [it.own_family for it in tracks]
    expected = inline_facts(load_facts_calculator)(data, families)
    with closing(FactsProcesses(load_facts_calculator, None)) as processes, ThreadPoolExecutor(2) as pool:
        assert [*pool.map(processes.compute, repeat(data, 4), repeat(families, 4))] == [expected] * 4


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_only_tracks_on_which_processes_hang_or_die_have_no_facts(processes: Open) -> None:
    tracks = [b"%d" % number for number in range(6)]
    tracks[2:4] = b"hang", b"kill"
    facts = processes(load_hanging_facts).compute(tracks, [""] * 6)
    assert facts["bank"] == [1, 1, None, None, 1, 1]
    assert facts["facts_version"] == [FACTS_VERSION] * 6


def test_a_process_that_dies_once_costs_nothing(processes: Open, tmp_path: Path) -> None:
    marker = tmp_path / "once"
    assert processes(FactsThatEndOnce(str(marker))).compute([b"a"], [""])["bank"] == [1]
    assert marker.exists()


def test_a_process_that_cannot_begin_is_an_error(processes: Open) -> None:
    with pytest.raises(WorkerStartError, match="exit code 7"):
        processes(end_process).compute([b"a"], [""])
    with pytest.raises(MidiprismError, match="cannot be loaded"):
        processes(fail_to_load).compute([b"a"], [""])


def test_a_run_without_workers_starts_no_process() -> None:
    with facts_for(Resources(workers=0), load_hanging_facts) as compute:
        assert compute([b"a"], [""])["bank"] == [1]
