from collections.abc import Iterator
from pathlib import Path

import pytest

from midiprism.catalog import KnownPaths, NullCatalog, UpToDate
from midiprism.pipeline import planner as plan
from midiprism.pipeline.planner import BatchPlanner, KnownPathLookup
from midiprism.sources import SongRef, open_folders
from support.fake_songs import write_files


class Told(NullCatalog):
    """A memory that knows these paths, and counts how often it is asked."""

    def __init__(self, paths: KnownPaths) -> None:
        self.paths = dict(sorted(paths.items()))
        self.asked = 0

    def known_paths(self, first: bytes, limit: int, settled: UpToDate | None = None) -> KnownPaths:
        self.asked += 1
        return dict([item for item in self.paths.items() if item[0] >= first][:limit])


def found(path: bytes, size: int = 1) -> SongRef:
    return SongRef(path, 1, size, 7)


@pytest.fixture
def short_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_READ_AHEAD", 10)


@pytest.mark.usefixtures("short_read_ahead")
def test_what_is_known_is_read_in_stretches_beside_the_walk() -> None:
    memory = Told({b"/%03d" % n: (1, 7) for n in range(0, 100, 2)})
    beside = KnownPathLookup(memory, None)
    assert [n for n in range(120) if beside.is_unchanged(found(b"/%03d" % n))] == list(range(0, 100, 2))
    assert memory.asked <= 50 // 10 + 2


@pytest.mark.usefixtures("short_read_ahead")
def test_a_walk_that_begins_again_is_read_again() -> None:
    memory = Told({b"/%03d" % n: (1, 7) for n in range(30)})
    beside = KnownPathLookup(memory, None)
    for _ in range(2):
        assert all(beside.is_unchanged(found(b"/%03d" % n)) for n in range(30))


def test_another_size_or_time_is_another_file() -> None:
    beside = KnownPathLookup(Told({b"/a": (1, 7), b"/b": (None, None)}), None)
    assert beside.is_unchanged(found(b"/a"))
    assert not beside.is_unchanged(found(b"/a", size=2))
    assert not beside.is_unchanged(found(b"/b")), "what could not be read is tried again"


def test_what_came_to_be_known_is_seen_after_forgetting() -> None:
    memory = Told({})
    beside = KnownPathLookup(memory, None)
    assert not beside.is_unchanged(found(b"/a"))
    memory.paths[b"/a"] = (1, 7)
    assert not beside.is_unchanged(found(b"/a"))
    beside.invalidate()
    assert beside.is_unchanged(found(b"/a"))


def planned(source: Path, **options: int) -> Iterator[list[int]]:
    made = BatchPlanner(
        open_folders([source]),
        None,
        batch_songs=options.get("songs", 100),
        batch_bytes=options.get("size", 1000),
        limit=options.get("limit"),
        on_notice=lambda _notice: None,
        stop=lambda: False,
    )
    return ([one.size for one in batch] for batch in made.batches())


def test_batches_are_bounded_by_number_and_by_bytes(tmp_path: Path) -> None:
    sizes = [400, 400, 400, 5000, 1, 1, 1]
    source = write_files(tmp_path / "s", {f"{n}.mid": bytes(size) for n, size in enumerate(sizes)})
    assert list(planned(source)) == [[400, 400], [400], [5000], [1, 1, 1]]
    assert list(planned(source, songs=2)) == [[400, 400], [400], [5000], [1, 1], [1]]
    assert list(planned(source, limit=3)) == [[400, 400], [400]]
