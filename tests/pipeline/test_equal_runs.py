"""Tests that equal runs write equal Parquet files, whatever the number of workers and their timing."""

import os
import random
import re
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from midiprism.smf.types import SplitSong
from midiprism.sources import open_source
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
from support.nightly import NIGHTLY
from support.runs import make_settings, run_source

pytestmark = pytest.mark.slow

SONGS = 90
TOKEN = re.compile(r"-[0-9a-f]{16}-")
DEADLY = b"DEADLY"


def split_at_uneven_speed(data: bytes) -> SplitSong:
    """Split a song after a pause, which is another one in each process and run."""
    time.sleep(random.Random(time.perf_counter_ns()).random() * 0.01)
    return fake_split(data)


def split_after_a_death(flag: Path, data: bytes) -> SplitSong:
    """Split a song; the first worker that meets the deadly one leaves a flag, and dies of it."""
    if DEADLY in data and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return split_at_uneven_speed(data)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Return a folder of songs that share tracks; every fourth is a copy of another one."""
    files = {
        f"{number:03}.mid": fake_song(PIANO + str(number % 7), BASS + str(number - number % 4), DRUMS)
        for number in range(SONGS)
    }
    files |= {f"{number:03}.mid": files[f"{SONGS - 1 - number:03}.mid"] for number in range(0, SONGS, 4)}
    return write_files(tmp_path / "songs", files)


def run(songs: Path, out: Path, workers: int, batch_songs: int = 5, **options: object) -> dict[str, bytes]:
    """Split songs, and return the Parquet files of the result by their names without the random part."""
    source = open_source([str(songs)], os.fsencode(out))
    settings = make_settings(workers=workers, batch_songs=batch_songs, store="parquet")
    options.setdefault("splitter", split_at_uneven_speed)
    summary = run_source(source, out, settings, group_songs=20, **options)
    assert summary.error is None
    assert (summary.songs_done, summary.songs_failed) == (len({*songs_by_content(songs)}), 0)
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}
    files = {TOKEN.sub("-", name): data for name, data in found.items()}
    assert len(files) == len(found)
    assert [*files] == sorted(files)
    return files


def songs_by_content(songs: Path) -> list[bytes]:
    return [path.read_bytes() for path in songs.iterdir()]


def test_runs_with_one_and_two_workers_write_the_same_bytes(songs: Path, tmp_path: Path) -> None:
    one, two = run(songs, tmp_path / "one", 1), run(songs, tmp_path / "two", 2)
    assert len(one) == 4 + 4 + 1  # four groups of 20 songs; the last ten are copies
    assert one == two
    assert one == run(songs, tmp_path / "again", 2)


def test_the_size_of_batches_and_this_process_change_nothing(songs: Path, tmp_path: Path) -> None:
    one = run(songs, tmp_path / "one", 2)
    assert one == run(songs, tmp_path / "batches", 2, batch_songs=7)
    assert one == run(songs, tmp_path / "inline", 0)


def test_the_death_of_a_worker_changes_nothing(songs: Path, tmp_path: Path) -> None:
    write_files(songs, {"010.mid": fake_song(BASS + DEADLY.decode())})
    expected = run(songs, tmp_path / "one", 0)
    for number in range(3 if NIGHTLY else 1):
        flag = tmp_path / f"died-{number}"
        splitter = partial(split_after_a_death, flag)
        assert expected == run(songs, tmp_path / f"two-{number}", 2, splitter=splitter)
        assert flag.exists()
