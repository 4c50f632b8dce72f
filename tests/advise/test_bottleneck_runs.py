"""Tests of finding the bottleneck of real runs with one slow part."""

from pathlib import Path

import pytest

from midiprism.advise.model.costs import Resource
from midiprism.sample.write import write_songs
from midiprism.sources import open_folders
from support.bottleneck_scenarios import SCENARIOS, measure_bottleneck
from support.postgres import PostgresServer

SONGS = 3_000
SECONDS = 6.0
ATTEMPTS = 5
"""Other programs may use the processors for some seconds, which are then the bottleneck."""


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "songs"
    write_songs(folder, SONGS, seed=5)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(resource, marks=[] if resource == "source" else pytest.mark.nightly)
        for resource in SCENARIOS
    ],
)
def test_the_slow_part_is_found(
    resource: Resource, songs: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    bottlenecks = []
    for _ in range(ATTEMPTS):
        bottlenecks.append(measure_bottleneck(resource, open_folders([songs]), tmp_path, postgres, SECONDS))
        if bottlenecks[-1].resource == resource:
            break
    assert bottlenecks[-1].resource == resource, bottlenecks
    assert bottlenecks[-1].gain_if_free > 1.5
