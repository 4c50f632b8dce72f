"""A result in object storage equals a local one of the same songs."""

import random
from pathlib import Path

import pytest

from midiprism.generations.plan import SplitSettings
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.run import split_to_storage
from midiprism.generations.splitting import Machine
from midiprism.generations.work import work_on
from midiprism.objects import open_storage
from midiprism.results.identity import RequestedIdentity
from support.cloud_servers import use_server
from support.generation_results import (
    local_rows,
    memory_url,
    options,
    parts,
    put_songs,
    some_songs,
    source_with,
    stored_rows,
)
from support.object_stores import s3_server


def test_tracks_links_and_outcomes_are_those_of_a_local_run(tmp_path: Path) -> None:
    songs = some_songs(40, broken=60)
    source, url = source_with(songs), memory_url()
    summary = split_to_storage(source, url, options(), parts())
    expected = local_rows(songs, tmp_path)
    assert stored_rows(url) == expected
    assert (summary.tracks, summary.links) == (len(expected["tracks"]), len(expected["links"]))
    assert sum(summary.outcomes.values()) == len(expected["songs"])
    assert summary.generation == 1


@pytest.mark.parametrize(
    ("workers", "chunk_songs", "prefixes"), [(0, 1_000, 4), (0, 1, 1), (2, 20, 64)], ids=str
)
def test_the_result_is_the_same_for_any_workers_chunks_and_prefixes(
    tmp_path: Path, workers: int, chunk_songs: int, prefixes: int
) -> None:
    songs = some_songs(12)
    url = memory_url()
    chunks = ChunkLimits(chunk_songs, chunks=1_000, min_songs=1)
    machine = Machine(workers, str(tmp_path))
    split_to_storage(
        source_with(songs), url, options(chunks=chunks, prefixes=prefixes), parts(machine=machine)
    )
    assert stored_rows(url) == local_rows(songs, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("midiprism-")] == []


def test_the_result_is_the_same_for_any_order_of_tasks(tmp_path: Path) -> None:
    songs = some_songs(12)
    expected = local_rows(songs, tmp_path)
    chunks = ChunkLimits(3, chunks=1_000, min_songs=1)
    for shuffle in (list.reverse, random.Random(5).shuffle):
        url = memory_url()
        split_to_storage(source_with(songs), url, options(chunks=chunks), parts(shuffle=shuffle))
        assert stored_rows(url) == expected


def test_other_identities_and_settings_are_those_of_a_local_run(tmp_path: Path) -> None:
    songs = some_songs(8)
    url = memory_url()
    identity = RequestedIdentity("program", "full")
    settings = SplitSettings(max_song_size=4_000, encoding="cp1252", facts=False)
    split_to_storage(source_with(songs), url, options(identity=identity, settings=settings), parts())
    expected = local_rows(
        songs, tmp_path, by="program", context="full", max_song_size=4_000, encoding="cp1252", facts=False
    )
    assert stored_rows(url) == expected
    assert any("'corrupt'" in row for row in expected["songs"])


def test_folders_are_sources_and_results(tmp_path: Path) -> None:
    songs = {key.replace("?", ""): data for key, data in some_songs(6).items()}
    expected = local_rows(songs, tmp_path)
    url = f"{tmp_path.as_uri()}/lake"
    split_to_storage(f"{tmp_path.as_uri()}/songs", url, options(), parts())
    assert stored_rows(url) == expected


def test_buckets_are_sources_and_results(tmp_path: Path) -> None:
    songs = some_songs(6)
    with s3_server():
        put_songs(open_storage("s3://lake/songs"), songs)
        split_to_storage("s3://lake/songs", "s3://lake/result", options(), parts())
        assert work_on("s3://lake/result", "s3://lake/songs", parts()) is None
        assert stored_rows("s3://lake/result") == local_rows(songs, tmp_path)
        leftovers = {info.key.split("/")[0] for info in open_storage("s3://lake/result").list()}
    assert leftovers == {
        *("midiprism.json", "plans", "manifests", "index", "tracks", "links", "songs", "paths"),
    }


def test_no_songs_make_no_generation() -> None:
    url = memory_url()
    summary = split_to_storage(source_with({"notes.txt": b"no song"}), url, options(), parts())
    assert (summary.generation, summary.tracks, dict(summary.outcomes)) == (0, 0, {})
    assert [*open_storage(url).list()] == []


def test_songs_without_tracks_make_a_generation_without_tracks() -> None:
    url = memory_url()
    summary = split_to_storage(source_with({"a.mid": b"no song"}), url, options(), parts())
    assert (summary.generation, summary.tracks, dict(summary.outcomes)) == (1, 0, {"corrupt": 1})


@pytest.mark.parametrize("server", ["seaweedfs", "azurite"])
def test_other_servers_hold_sources_and_results(
    server: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = use_server(server, request, monkeypatch)
    songs = some_songs(6)
    put_songs(open_storage(f"{place}/songs"), songs)
    split_to_storage(f"{place}/songs", f"{place}/result", options(), parts())
    assert work_on(f"{place}/result", f"{place}/songs", parts()) is None
    assert stored_rows(f"{place}/result") == local_rows(songs, tmp_path)
