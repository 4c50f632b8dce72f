"""Worker processes that are killed at any time lose no more than their own chunks."""

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from midiprism.generations.planning import ChunkLimits
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.work import work_on
from midiprism.objects import open_storage
from support.cloud_servers import use_server
from support.generation_results import local_rows, options, parts, put_songs, song_bytes, stored_rows
from support.nightly import NIGHTLY, nightly
from support.object_stores import KilledError

SONGS = 1_000 if NIGHTLY else 100
KILLS = 40 if NIGHTLY else 1
WORKERS = "1" if NIGHTLY else "0"
CHUNKS = ChunkLimits(max_songs=20, chunks=100, min_songs=20)


def _start_worker(url: str, source: str, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a worker that keeps its songs in a folder, also what is left of them when it is killed."""
    command = [sys.executable, "-m", "midiprism", "work", url, "--source", source, "--workers", WORKERS, "-q"]
    return subprocess.Popen(command, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("server", ["folder", *nightly("seaweedfs", "azurite")])
def test_workers_that_are_killed_are_continued_by_others(
    server: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = {f"{number:04}.mid": data for number, data in enumerate(song_bytes(0, SONGS))}
    expected = local_rows(songs, tmp_path)
    place = tmp_path.as_uri()
    if server != "folder":
        place = use_server(server, request, monkeypatch)
        put_songs(open_storage(f"{place}/songs"), songs)
    source, url = f"{place}/songs", f"{place}/lake"

    def die(_progress: object) -> None:
        raise KilledError

    with suppress(KilledError):
        split_to_storage(source, url, options(chunks=CHUNKS), parts(on_progress=die))
    rng = random.Random(7)
    workers = [_start_worker(url, source, tmp_path) for _ in range(2)]
    try:
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.5, 1.5) if NIGHTLY else 0.9)
            victim = workers.pop(0)
            victim.kill()
            victim.wait()
            workers.append(_start_worker(url, source, tmp_path))
        assert [worker.wait(120) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert work_on(url, source, parts()) is None
    assert open_result(open_storage(url)).newest_manifest().number == 1
    assert stored_rows(url) == expected
