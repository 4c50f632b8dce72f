"""Tests of reading the songs of a batch within a limit of memory."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from midiprism.pipeline.batch import Batch
from midiprism.pipeline.batch_reader import BatchReader
from midiprism.pipeline.shared_counters import SHARED_COUNTER_COUNT
from midiprism.sources import FolderSource, SongContent, SongRef, open_folders
from midiprism.sources.source import MemberLocation
from support.fake_songs import write_files

LIMIT = 1 << 20
SIZES = [10, 200, 30, 40, 50, 900, 10, 10, 10, 10] * 8


@dataclass(frozen=True)
class SlowSource(FolderSource):
    """A folder on a disk that is so slow that songs are read ahead."""

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        time.sleep(0.001)
        return FolderSource.read(self, song_ref, limit)


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    files = {f"{n:03}.mid": bytes(size) for n, size in enumerate(SIZES)}
    source = open_folders([write_files(tmp_path / "songs", files)])
    return tuple(item for item in source.walk() if isinstance(item, SongRef))


@pytest.mark.parametrize("sizes_are_exact", [True, False])
def test_songs_are_read_a_few_at_a_time_if_they_are_large(
    batch: Batch, tmp_path: Path, sizes_are_exact: bool
) -> None:
    member = MemberLocation(0, 0, size_is_exact=sizes_are_exact)
    batch = tuple(song._replace(member=member) for song in batch)
    reader = BatchReader(SlowSource((os.fsencode(tmp_path / "songs"),)), LIMIT, chunk_bytes=300)
    sizes: list[int] = []
    for first, part, contents in reader.chunks(batch, lambda: False, [0] * SHARED_COUNTER_COUNT):
        read = [content.size for content in contents if isinstance(content, SongContent)]
        assert (first, len(part)) == (len(sizes), len(read))
        assert sum(read[:-1]) <= 300
        sizes += read
    assert sizes == SIZES
    reader.close()
