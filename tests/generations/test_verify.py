"""A check finds what is missing, damaged or twice in a result in object storage, on one machine or many."""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from midiprism.generations.engine import EngineOptions
from midiprism.generations.engines.ray import RayEngine
from midiprism.generations.errors import GenerationError, GenerationStoppedError
from midiprism.generations.groups.make import make_groups
from midiprism.generations.groups.song_groups import LaneSizes
from midiprism.generations.groups.table import GroupTable
from midiprism.generations.layout import groups_key
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.splitting import Machine
from midiprism.generations.verification.table_reading import Damage
from midiprism.generations.verification.workers import CheckWorkers, LostWorker
from midiprism.generations.verify import CheckProgress, Verification, verify_generations
from midiprism.objects import ObjectStorage, ReadRequest, create_record, open_storage
from support.fake_ray import FakeRay
from support.generation_damage import KINDS_OF_DAMAGE, DamagedResult
from support.generation_results import (
    empty_result,
    memory_url,
    options,
    parts,
    put_songs,
    some_songs,
)

SINGLE = ChunkLimits(max_songs=1, chunks=100, min_songs=1)
"""Chunks of one song each, so that there are more files than a task checks."""


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a result of two generations."""
    folder = tmp_path_factory.mktemp("undamaged")
    songs = [*some_songs(10, broken=9).items()]
    for part in (dict(songs[:12]), dict(songs[12:])):
        source = memory_url()
        put_songs(open_storage(source), part)
        split_to_storage(source, folder.as_uri(), options(prefixes=4, chunks=SINGLE), parts())
    return folder


@pytest.fixture
def url(undamaged: Path, tmp_path: Path) -> str:
    """Return the URL of a copy of that result."""
    return Path(shutil.copytree(undamaged, tmp_path / "lake")).as_uri()


def verify_by_ray(url: str, ray: FakeRay | None = None, machine: Machine | None = None) -> Verification:
    """Check a result on a cluster."""
    chosen = EngineOptions(machine or Machine(), workers=0)
    with closing(RayEngine(chosen, ray or FakeRay())) as engine:
        return verify_generations(url, machine, engine)


def test_a_result_is_undamaged(url: str) -> None:
    seen: list[CheckProgress] = []
    counted: list[int] = []
    verification = verify_generations(url, Machine(on_songs=counted.append), on_progress=seen.append)
    assert verification.damage == ()
    assert verification.generation == 2
    assert verification.tracks == open_result(open_storage(url)).newest_manifest().rows("tracks")
    assert ("files", verification.files, verification.files) in seen
    assert seen[-1] == ("digests", 1, 1)
    assert sum(counted) == verification.files > 64


@pytest.mark.parametrize("kind", KINDS_OF_DAMAGE)
def test_every_kind_of_damage_is_found_alike_by_all_engines(url: str, kind: str) -> None:
    cause, message = KINDS_OF_DAMAGE[kind]
    cause(DamagedResult(url))
    verification = verify_generations(url)
    assert any(message in damage.message for damage in verification.damage), verification.damage
    assert verify_by_ray(url) == verification
    assert verify_generations(url, digests_per_task=1) == verification


@pytest.mark.parametrize("table", ["tracks", "links", "songs", "paths"])
def test_missing_and_damaged_files_are_named(url: str, table: str) -> None:
    storage, name = open_storage(url), DamagedResult(url).file_of(table).stored.name
    data = storage.read(ReadRequest(name))
    storage.put(name, data[:-1] + b"X")
    assert (name, "It is damaged.") in verify_generations(url).damage
    storage.delete([name])
    assert (name, "It is missing.") in verify_generations(url).damage


def lose_file(storage: ObjectStorage, groups: GroupTable) -> Damage:
    name = groups.stored[0].name
    storage.delete([name])
    return Damage(name, "It is missing.")


def spoil_file(storage: ObjectStorage, groups: GroupTable) -> Damage:
    name = groups.stored[0].name
    storage.put(name, storage.read(ReadRequest(name))[:-1] + b"X")
    return Damage(name, "It is damaged.")


def spoil_record(storage: ObjectStorage, groups: GroupTable) -> Damage:
    storage.put(groups_key(groups.generation), b"{}")
    return Damage(groups_key(groups.generation), "It is not as midiprism writes it.")


def leave_out_file(storage: ObjectStorage, groups: GroupTable) -> Damage:
    name = groups_key(groups.generation)
    storage.delete([name])
    create_record(storage, name, replace(groups, stored=groups.stored[1:]).as_json())
    return Damage(name, "Its songs are not those of the generation.")


@pytest.mark.parametrize("cause", [lose_file, spoil_file, spoil_record, leave_out_file])
def test_damaged_groups_are_named_until_they_are_made_again(
    url: str, cause: Callable[[ObjectStorage, GroupTable], Damage]
) -> None:
    files, storage = verify_generations(url).files, open_storage(url)
    groups = make_groups(url, sizes=LaneSizes(songs=8))
    assert len(groups.stored) > 1
    undamaged = verify_generations(url)
    assert (undamaged.files, undamaged.damage) == (files + len(groups.stored), ())
    assert verify_by_ray(url) == undamaged
    damage = cause(storage, groups)
    assert damage.is_of_groups
    verification = verify_generations(url)
    assert verification.damage == (damage,)
    assert verify_by_ray(url) == verification
    storage.delete([groups_key(groups.generation)])
    make_groups(url)
    assert verify_generations(url).damage == ()


def test_rows_that_are_there_twice_are_counted(url: str) -> None:
    result = DamagedResult(url)
    result.name_twice("tracks")
    rows = result.file_of("tracks").stored.rows
    messages = [damage.message for damage in verify_generations(url).damage]
    assert messages == [f"{rows:,} tracks are there twice."]


def test_worker_processes_find_the_same(url: str) -> None:
    result = DamagedResult(url)
    result.leave_out("songs")
    result.spoil(result.file_of("tracks").stored.name)
    assert verify_generations(url, Machine(workers=2)) == verify_generations(url)


def test_a_check_on_a_cluster_goes_on_when_agents_are_lost(url: str) -> None:
    calls: list[str] = []

    def loses_first(_node: str, method: str, *task: object) -> bool:
        calls.extend([str(task[1])] if method == "run" else [])
        return method == "run" and len(calls) in (1, 4)

    ray = FakeRay(loses=loses_first)
    assert verify_by_ray(url, ray).damage == ()
    assert len(ray.actors_started) > 2
    assert {*calls} == {"files", "digests"}


def test_a_check_that_always_loses_its_agents_ends(url: str) -> None:
    ray = FakeRay(loses=lambda _node, method, *task: method == "run" and task[1] == "digests")
    with pytest.raises(
        GenerationError, match=r"Task 0 of the comparison of digests failed 5 times.*Run the same command"
    ):
        verify_by_ray(url, ray)


def test_a_check_writes_nothing(url: str) -> None:
    before = {info.key: info.modified for info in open_storage(url).list()}
    DamagedResult(url)
    verify_generations(url)
    verify_by_ray(url)
    assert {info.key: info.modified for info in open_storage(url).list()} == before


def _end_or_double(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def test_what_ends_its_workers_twice_is_reported_and_the_rest_is_done() -> None:
    with closing(CheckWorkers(2, lambda: False)) as workers:
        answers = dict(workers.map(_end_or_double, [(number,) for number in range(6)]))
    assert isinstance(answers.pop(3), LostWorker)
    assert answers == {number: 2 * number for number in (0, 1, 2, 4, 5)}


def test_a_check_can_be_stopped(url: str) -> None:
    for workers in (0, 1):
        with pytest.raises(GenerationStoppedError):
            verify_generations(url, Machine(workers, stop=lambda: True))


def test_a_result_without_a_generation_has_nothing_to_check() -> None:
    assert verify_generations(empty_result())[1:] == (0, 0, 0, ())
