"""The engine ``ray`` on a cluster of two nodes: results equal local ones, whatever is killed."""

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from midiprism.generations.planning import ChunkLimits
from midiprism.generations.run import split_to_storage
from midiprism.generations.verify import verify_generations
from midiprism.generations.work import work_on
from support.generation_results import Rows, local_rows, options, parts, some_songs, song_bytes, stored_rows
from support.object_stores import KilledError
from support.ray_scenario import VERIFY, VICTIMS, run_scenario

CHUNKS = ChunkLimits(max_songs=20, chunks=100, min_songs=20)
FINISHES = ("child", "agent", "raylet")
"""Victims whose loss the command survives."""


class _Planned(NamedTuple):
    source: str
    url: str
    expected: Rows


def _plan(folder: Path, songs: dict[str, bytes]) -> _Planned:
    """Return a result with a plan on which nobody has worked, and the rows that it is to have."""
    expected = local_rows(songs, folder)
    source, url = f"{folder.as_uri()}/songs", f"{folder.as_uri()}/lake"

    def die(_progress: object) -> None:
        raise KilledError

    with suppress(KilledError):
        split_to_storage(source, url, options(chunks=CHUNKS), parts(on_progress=die))
    return _Planned(source, url, expected)


def test_a_cluster_makes_and_checks_the_result_of_a_local_run(tmp_path: Path) -> None:
    songs = {key.replace("?", ""): data for key, data in some_songs(40).items()}
    source, url, expected = _plan(tmp_path, songs)
    outcome = run_scenario(VERIFY, source, url, "--json")
    assert outcome.code == 1, outcome.output  # some songs failed
    assert stored_rows(url) == expected
    check, checked = verify_generations(url), json.loads(outcome.check)
    assert checked == {"ok": True, **check._asdict(), "damage": []}
    assert outcome.agents_left == 0
    assert {address.removeprefix("::ffff:") for address in outcome.listeners} == {"127.0.0.1"}


@pytest.mark.nightly
@pytest.mark.parametrize("victim", VICTIMS)
def test_kills_change_nothing(victim: str, tmp_path: Path) -> None:
    songs = {f"{number:04}.mid": data for number, data in enumerate(song_bytes(0, 1_000))}
    source, url, expected = _plan(tmp_path, songs)
    outcome = run_scenario(victim, source, url)
    assert outcome.kills, outcome.output
    assert (outcome.code == 0) == (victim in FINISHES), outcome.output
    assert outcome.agents_left == 0
    if victim not in FINISHES:
        assert work_on(url, source, parts()) is not None
    assert work_on(url, source, parts()) is None
    assert stored_rows(url) == expected
