"""Paths of songs that are recorded later wait outside of the memory."""

import tracemalloc
from collections.abc import Collection, Iterator
from contextlib import closing

import pytest

from midiprism.generations.errors import GenerationError
from midiprism.mirror.chunk_records import PATHS_PER_RECORD, LaterSongs, PathRow

ROWS = 6_000
CHUNKS = 10


def chunk_of_paths(chunk: int) -> list[PathRow]:
    return [
        PathRow(f"{chunk}/{row:06}.mid".encode(), 2, 1, 1, (chunk * ROWS + row).to_bytes(32, "big"))
        for row in range(ROWS)
    ]


def all_of(digests: set[bytes]) -> Collection[bytes]:
    return digests


def none_of(_digests: set[bytes]) -> Collection[bytes]:
    return ()


class Recorded:
    """The songs of a catalog: none, and then all."""

    is_complete = False

    def __call__(self, digests: set[bytes]) -> Collection[bytes]:
        return (all_of if self.is_complete else none_of)(digests)


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def later(recorded: Recorded) -> Iterator[LaterSongs]:
    with closing(LaterSongs(recorded)) as found:
        yield found


def test_memory_holds_no_more_than_some_paths(later: LaterSongs, recorded: Recorded) -> None:
    tracemalloc.start()
    try:
        later.sift(chunk_of_paths(0), ())
        before, _ = tracemalloc.get_traced_memory()
        for chunk in range(1, CHUNKS):
            assert later.sift(chunk_of_paths(chunk), ()) == []
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1 << 20
    recorded.is_complete = True
    sizes = [len(record.songs) for record, _ in later.records()]
    assert (sum(sizes), max(sizes)) == (CHUNKS * ROWS, PATHS_PER_RECORD)


def test_a_newer_song_at_a_path_counts(later: LaterSongs, recorded: Recorded) -> None:
    first, second, third = chunk_of_paths(0)[:3]
    assert later.sift([first, second], ()) == []
    newer = third._replace(path=first.path)
    assert later.sift([newer], [third.digest or b""]) == [newer]
    assert later.sift([second._replace(size=7)], ()) == []
    recorded.is_complete = True
    (waited,) = later.records()
    assert (waited.record.songs["path"], waited.record.songs["size"]) == ((second.path,), (7,))


def test_a_song_that_never_comes_is_damage(later: LaterSongs) -> None:
    later.sift(chunk_of_paths(0)[:3], ())
    with pytest.raises(GenerationError, match="Songs at 3 paths have no outcome"):
        next(later.records())
