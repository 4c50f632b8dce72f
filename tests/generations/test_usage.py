"""The use that a run states is what it used, and the estimate before it comes near."""

import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from midiprism.errors import UsageError
from midiprism.generations.dry_run import estimate_split
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.prices import Prices, parse_prices
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.run_parts import GenerationProgress
from midiprism.generations.splitting import Machine
from midiprism.generations.usage import Usage
from midiprism.generations.work import work_on
from midiprism.objects import ObjectStorage, RequestCounts, open_storage
from support.generation_results import (
    memory_url,
    older_parts,
    options,
    parts,
    put_songs,
    some_songs,
    source_with,
)
from support.object_stores import HookedStorage, KilledError
from support.sample_songs import FEW, sample_songs

KINDS = {"read": "gets", "put": "puts", "create": "puts", "info": "heads", "list": "lists"}


def test_a_run_states_the_requests_that_storage_has_seen() -> None:
    seen: Counter[str] = Counter()

    def count(when: str, name: str, _key: str) -> None:
        if when == "before" and name in KINDS:
            seen[KINDS[name]] += 1

    def open_counted(url: str, **choices: Any) -> ObjectStorage:
        return HookedStorage(open_storage(url, **choices), count)

    source = source_with(some_songs(20))
    url = memory_url()
    # One prefix: with more, some chunks have no digest of one, and reads of nothing are not sent.
    summary = split_to_storage(source, url, options(prefixes=1), parts(open_storage=open_counted))
    stated = summary.usage.requests._asdict()
    assert {name: stated[name] for name in seen} == dict(seen)
    assert summary.usage.tasks > 3


def test_the_manifest_states_the_use_of_each_pass(tmp_path: Path) -> None:
    url = memory_url()
    source = source_with(some_songs(8))
    split_to_storage(source, url, options(), parts(machine=Machine(1, str(tmp_path))))
    result = open_result(open_storage(url))
    manifest = result.newest_manifest()
    plan = result.newest_plan()
    assert plan is not None
    chunks = len(plan.chunks)
    assert {name: usage.tasks for name, usage in manifest.usage.items()} == {"a": chunks, "b": 2, "c": chunks}
    for usage in manifest.usage.values():
        assert 0 < usage.longest <= usage.seconds
        assert usage.requests.gets > 0
        assert usage.requests.bytes_written > 0
    assert manifest.usage["a"].core_seconds > 0


def redone_result() -> tuple[str, str]:
    """Return the URLs of the songs and of a result of an earlier contract, of which a song is gone."""
    songs = some_songs(8)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), older_parts())
    open_storage(source).delete([*songs][5:6])  # which has no copy
    return source, url


def newest_usage(url: str) -> dict[str, Usage]:
    return dict(open_result(open_storage(url)).newest_manifest().usage)


def test_the_manifest_states_the_use_of_passes_that_other_processes_did() -> None:
    source, url = redone_result()

    def end(progress: GenerationProgress) -> None:
        if progress.pass_name == "c":
            raise KilledError

    with suppress(KilledError):
        split_to_storage(source, url, options(redo=True), parts(on_progress=end))
    work_on(url, source, parts())
    usage = newest_usage(url)
    assert [*usage] == ["a", "s", "t", "b", "c"]
    assert all(it.tasks > 0 and it.requests.gets > 0 for it in usage.values())


def test_clocks_count_no_read_twice() -> None:
    source, url = redone_result()

    def wait(when: str, name: str, key: str) -> None:
        if (when, name) == ("before", "read") and (key.startswith("links/") or "/base-" in key):
            time.sleep(0.03)

    def opened(place: str, **choices: Any) -> ObjectStorage:
        return HookedStorage(open_storage(place, **choices), wait)

    split_to_storage(source, url, options(redo=True), parts(open_storage=opened))
    for name, used in newest_usage(url).items():
        clocks = used.clocks
        assert clocks.reads + clocks.workers + clocks.writes <= used.seconds + 0.001, name


def test_a_run_with_nothing_to_do_states_only_its_own_requests() -> None:
    url, source = memory_url(), source_with(some_songs(4))
    first = split_to_storage(source, url, options(), parts())
    second = split_to_storage(source, url, options(), parts())
    assert (first.usage.tasks > 0, second.usage.tasks) == (True, 0)
    assert 0 < second.usage.requests.gets < first.usage.requests.gets


def test_an_estimate_comes_near_the_requests_of_the_run() -> None:
    source, url = memory_url(), memory_url()
    songs = {f"{number:05}.mid": song.data for number, song in enumerate(sample_songs(FEW)[:60])}
    put_songs(open_storage(source), songs)
    chosen = options(chunks=ChunkLimits(max_songs=20, chunks=4, min_songs=20), prefixes=4)
    estimate = estimate_split(source, url, chosen, parts()).estimate
    assert [*open_storage(url).list()] == []
    usage = split_to_storage(source, url, chosen, parts()).usage
    expected, found = estimate.total.requests, usage.requests
    assert (estimate.songs, estimate.size) == (len(songs), sum(map(len, songs.values())))
    for name in ("gets", "puts", "heads"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=0.1), name
    assert found.lists == pytest.approx(expected.lists, rel=0.3)
    assert found.bytes_read == pytest.approx(expected.bytes_read, rel=0.5)


def test_an_estimate_counts_only_songs_that_the_result_does_not_have() -> None:
    source, url = source_with(some_songs(8)), memory_url()
    assert estimate_split(source, url, options(), parts()).estimate.songs > 8
    split_to_storage(source, url, options(), parts())
    put_songs(open_storage(source), {"new.mid": sample_songs(FEW)[30].data})
    dry_run = estimate_split(source, url, options(), parts())
    assert (dry_run.estimate.songs, dry_run.estimate.chunks, dry_run.unfinished) == (1, 1, None)


def test_prices_make_dollars_of_use() -> None:
    usage = Usage(core_seconds=7_200, requests=RequestCounts(gets=10_000, puts=1_000, lists=1_000, heads=500))
    assert Prices().request_dollars(usage) == pytest.approx(0.004 + 0.005 + 0.005 + 0.0002)
    assert Prices().core_dollars(usage) == pytest.approx(2 * 0.0408)
    assert parse_prices("core=0.5, get=0").core_dollars(usage) == pytest.approx(1.0)
    assert parse_prices("") == Prices()


@pytest.mark.parametrize("text", ["gold=1", "core", "core=x", "core=-1", "core=nan", "core=inf"])
def test_other_prices_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="states no prices"):
        parse_prices(text)
