"""A run that is killed at any request to the store is finished by the next, with the same result."""

from contextlib import suppress
from functools import cache

import pytest

from midiprism.generations.errors import GenerationError
from midiprism.generations.open_generation import OpenGeneration
from midiprism.generations.pass_task import TASKS
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.run_parts import RunParts
from midiprism.generations.work import work_on
from midiprism.objects import ObjectStorage, ObjectStorageError, ReadRequest, open_storage
from support.generation_results import (
    memory_url,
    options,
    parts,
    song_bytes,
    source_with,
    stored_rows,
)
from support.nightly import every
from support.object_stores import CarelessStorage, Hook, HookedStorage, KilledError, When

TWO_CHUNKS = ChunkLimits(max_songs=4, chunks=100, min_songs=4)
OPTIONS = options(chunks=TWO_CHUNKS, prefixes=2)


@cache
def songs() -> dict[str, bytes]:
    """Return songs for two chunks: tracks and songs that both have, and one that is none."""
    first, second, third, *_ = song_bytes(0, 3)
    return {
        "a.mid": first,
        "b.mid": second,
        "c.mid": b"no song",
        "d.mid": first,
        "e.mid": second,
        "f.mid": third,
    }


@cache
def source_url() -> str:
    return source_with(songs())


@cache
def expected() -> dict[str, list[str]]:
    url = memory_url()
    split_to_storage(source_url(), url, OPTIONS, parts())
    return stored_rows(url)


def hooked_parts(hook: Hook) -> RunParts:
    """Return parts whose result calls a hook."""

    def open_hooked(url: str, *, make_folder: bool = False) -> ObjectStorage:
        storage = open_storage(url, make_folder=make_folder)
        return storage if url == source_url() else HookedStorage(storage, hook)

    return parts(open_storage=open_hooked)


def count_calls() -> int:
    """Return the number of calls of the hook in an undisturbed run."""
    calls: list[str] = []
    split_to_storage(source_url(), memory_url(), OPTIONS, hooked_parts(lambda *call: calls.append(call[1])))
    return len(calls)


def at_call(number: int, error: BaseException, times: int = 1) -> Hook:
    """Return a hook that raises an error at the call of this number, and at the following ones."""
    count = 0

    def hook(*_call: str) -> None:
        nonlocal count
        count += 1
        if number < count <= number + times:
            raise error

    return hook


LAST_POINT = 200
POINTS = every(16, range(LAST_POINT))


@pytest.mark.parametrize("number", POINTS)
def test_a_killed_run_is_finished_by_the_next(number: int) -> None:
    url = memory_url()
    with suppress(KilledError):
        split_to_storage(source_url(), url, OPTIONS, hooked_parts(at_call(number, KilledError())))
    split_to_storage(source_url(), url, OPTIONS, parts())
    assert stored_rows(url) == expected()
    assert open_result(open_storage(url)).newest_manifest().number == 1


@pytest.mark.parametrize("number", POINTS)
def test_a_killed_run_is_finished_by_a_worker(number: int) -> None:
    url = memory_url()
    with suppress(KilledError):
        split_to_storage(source_url(), url, OPTIONS, hooked_parts(at_call(number, KilledError())))
    result_is_there = any(info.key.startswith("plans/") for info in open_storage(url).list())
    if result_is_there:
        work_on(url, source_url(), parts())
        assert stored_rows(url) == expected()


@pytest.mark.parametrize("number", every(4, POINTS, nightly_step=4))
def test_a_run_that_is_killed_twice_is_finished_by_the_next(number: int) -> None:
    url = memory_url()
    for at in (number, 30):
        with suppress(KilledError):
            split_to_storage(source_url(), url, OPTIONS, hooked_parts(at_call(at, KilledError())))
    split_to_storage(source_url(), url, OPTIONS, parts())
    assert stored_rows(url) == expected()


@pytest.mark.parametrize("number", POINTS)
def test_lost_answers_and_busy_stores_cost_no_more_than_the_run(number: int) -> None:
    url = memory_url()
    hook = at_call(number, ObjectStorageError("503", is_transient=True))
    with suppress(ObjectStorageError):
        split_to_storage(source_url(), url, OPTIONS, hooked_parts(hook))
    split_to_storage(source_url(), url, OPTIONS, parts())
    assert stored_rows(url) == expected()
    assert open_result(open_storage(url)).newest_manifest().number == 1


def test_every_call_of_a_run_is_among_the_points() -> None:
    assert LAST_POINT - 20 <= count_calls() <= LAST_POINT


def test_nothing_counts_before_the_manifest() -> None:
    url = memory_url()

    def before_manifest(when: When, name: str, key: str) -> None:
        if (when, name) == ("before", "create") and key.startswith("manifests/"):
            raise KilledError

    with suppress(KilledError):
        split_to_storage(source_url(), url, OPTIONS, hooked_parts(before_manifest))
    result = open_result(open_storage(url))
    assert result.newest_manifest().number == 0
    assert result.newest_plan() is not None
    work_on(url, source_url(), parts())
    assert stored_rows(url) == expected()


def test_tasks_that_are_done_twice_change_nothing() -> None:
    url = memory_url()
    with suppress(KilledError):
        split_to_storage(source_url(), url, OPTIONS, hooked_parts(_before_create("work/000001/a")))
    storage = open_storage(url)
    result = open_result(storage)
    plan = result.newest_plan()
    assert plan is not None
    for pass_name, task in TASKS.items():
        generation = OpenGeneration(result, plan, open_storage(source_url()))
        for _ in range(2):
            for number in range(generation.task_count(pass_name)):
                task(generation, number)
    work_on(url, source_url(), parts())
    assert stored_rows(url) == expected()
    names = [file.stored.name for file in result.newest_manifest().files]
    strays = {info.key for info in storage.list("tracks")} - set(names)
    assert strays  # the shards of the second attempts, which nothing names


def test_a_task_that_fails_leaves_nothing_to_the_next_one() -> None:
    url = memory_url()
    with suppress(KilledError):
        split_to_storage(source_url(), url, OPTIONS, hooked_parts(_before_create("work/000001/c")))
    fails = [True]

    def fail_once(when: When, name: str, key: str) -> None:
        if fails and (when, name) == ("before", "put") and key.startswith("tracks/"):
            fails.clear()
            raise ObjectStorageError("503", is_transient=True)

    result = open_result(HookedStorage(open_storage(url), fail_once))
    plan = result.newest_plan()
    assert plan is not None
    generation = OpenGeneration(result, plan, open_storage(source_url()))
    with pytest.raises(ObjectStorageError, match="503"):
        TASKS["c"](generation, 0)
    for number in range(generation.task_count("c")):
        TASKS["c"](generation, number)
    work_on(url, source_url(), parts())
    assert stored_rows(url) == expected()


def _before_create(folder: str) -> Hook:
    def hook(when: When, name: str, key: str) -> None:
        if (when, name) == ("before", "create") and key.startswith(folder):
            raise KilledError

    return hook


def test_a_worker_that_is_overtaken_ends_without_an_error() -> None:
    """Another process finishes the generation and tidies up while a worker is in pass C."""
    url = memory_url()
    overtaken: list[str] = []

    def overtake(when: When, name: str, key: str) -> None:
        if not overtaken and (when, name) == ("before", "read") and "-pack-" in key:
            overtaken.append(key)
            work_on(url, source_url(), parts())

    summary = split_to_storage(source_url(), url, OPTIONS, hooked_parts(overtake))
    assert overtaken
    assert summary.generation == 1
    assert stored_rows(url) == expected()


def test_an_old_attempt_records_nothing() -> None:
    url = memory_url()
    hours = iter(range(0, 10_000, 13))
    with pytest.raises(GenerationError, match="took more than 12 hours"):
        split_to_storage(source_url(), url, OPTIONS, parts(clock=lambda: 3600.0 * next(hours)))
    assert [*open_storage(url).list("work/000001/a")] == []


def test_a_store_that_ignores_conditions_is_refused_before_anything_is_written() -> None:
    url = memory_url()
    careless = parts(open_storage=lambda url, **_: CarelessStorage(open_storage(url)))
    with pytest.raises(Exception, match="does not keep the condition"):
        split_to_storage(source_url(), url, OPTIONS, careless)
    assert [*open_storage(url).list()] == []


@pytest.mark.parametrize("what", ["-pack-", "-digests", "-first", "-index", "plan/"])
def test_damaged_objects_are_noticed_and_never_committed(what: str) -> None:
    url = memory_url()
    storage = open_storage(url)

    def damage(when: When, name: str, key: str) -> None:
        if (when, name) == ("after", "put") and what in key and "index/" not in key:
            data = storage.read(ReadRequest(key))
            storage.put(key, bytes([data[0] ^ 0xFF]) + data[1:])

    with pytest.raises((GenerationError, ObjectStorageError)):
        split_to_storage(source_url(), url, OPTIONS, hooked_parts(damage))
    assert open_result(storage).newest_manifest().number == 0


def test_several_runs_at_once_make_one_result() -> None:
    """Workers begin within a run, every few requests, and are killed."""
    url = memory_url()
    count = 0

    def begin_another(*_call: str) -> None:
        nonlocal count
        count += 1
        if count % 17 == 0 and [*open_storage(url).list("plans")]:
            with suppress(KilledError):
                work_on(url, source_url(), hooked_parts(at_call(40, KilledError())))

    split_to_storage(source_url(), url, OPTIONS, hooked_parts(begin_another))
    assert stored_rows(url) == expected()
    assert open_result(open_storage(url)).newest_manifest().number == 1
