"""A sweep removes what nothing names, and nothing else."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.sweep import GRACE, sweep
from midiprism.generations.work import work_on
from midiprism.objects import open_storage
from support.generation_results import (
    memory_url,
    options,
    parts,
    put_songs,
    some_songs,
    source_with,
    stored_rows,
)
from support.object_stores import KilledError

NOW = datetime.now(UTC)
LATER = NOW + GRACE + timedelta(hours=1)


def _keys(url: str) -> set[str]:
    return {info.key for info in open_storage(url).list()}


def _stop_in(pass_name: str, done: int) -> object:
    def stop(progress: object) -> None:
        if (getattr(progress, "pass_name", ""), getattr(progress, "done", 0)) == (pass_name, done):
            raise KilledError

    return stop


def test_only_what_the_manifest_names_is_left_of_a_run() -> None:
    source, url = source_with(some_songs(6)), memory_url()
    split_to_storage(source, url, options(), parts())
    manifest = open_result(open_storage(url)).newest_manifest()
    named = {file.stored.name for file in (*manifest.files, *manifest.index)}
    assert _keys(url) == named | {"midiprism.json", "plans/000001.json", "manifests/000001.json"}
    assert sweep(open_result(open_storage(url)), LATER) == (0, 0)


def test_strays_are_removed_once_no_attempt_can_be_under_way() -> None:
    source, url = source_with(some_songs(6)), memory_url()
    split_to_storage(source, url, options(), parts())
    before, rows = _keys(url), stored_rows(url)
    strays = {"tracks/stray.parquet": b"12", "index/stray": b"3", "probes/stray": b"", "paths/x": b""}
    put_songs(open_storage(url), strays)
    result = open_result(open_storage(url))
    assert sweep(result, NOW) == (0, 0)
    assert _keys(url) == before | {*strays}
    assert sweep(result, LATER) == (4, 3)
    assert _keys(url) == before
    assert stored_rows(url) == rows


@pytest.mark.parametrize("stop_in", [("a", 1), ("b", 1), ("c", 0), ("c", 2)], ids=str)
def test_what_an_open_generation_has_recorded_stays_however_old_it_is(stop_in: tuple[str, int]) -> None:
    source, url = source_with(some_songs(20)), memory_url()
    with suppress(KilledError):
        split_to_storage(source, url, options(), parts(on_progress=_stop_in(*stop_in)))
    before = _keys(url)
    sweep(open_result(open_storage(url)), LATER)
    assert _keys(url) == before - {key for key in before if key.startswith("probes/")}
    work_on(url, source, parts())
    other = memory_url()
    split_to_storage(source, other, options(), parts())
    assert stored_rows(url) == stored_rows(other)


def test_files_of_a_replaced_generation_stay_for_a_while() -> None:
    songs = some_songs(12)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), parts())
    first = open_result(open_storage(url)).newest_manifest()
    open_storage(source).delete([key for key in songs if key.startswith("copies/")])
    split_to_storage(source, url, options(prune=True), parts())
    old = {file.stored.name for file in (*first.files, *first.index)} | {"manifests/000001.json"}
    assert old < _keys(url)
    rows = stored_rows(url)
    sweep(open_result(open_storage(url)), LATER)
    assert not old & _keys(url)
    assert stored_rows(url) == rows


def test_work_of_a_committed_generation_is_removed_at_once() -> None:
    source, url = source_with(some_songs(6)), memory_url()
    with suppress(KilledError):
        split_to_storage(source, url, options(), parts(on_progress=_stop_in("c", 1)))
    assert any(key.startswith("work/") for key in _keys(url))
    work_on(url, source, parts())
    assert not any(key.startswith("work/") for key in _keys(url))
