"""Tests of planning batches, and of looking up known paths during a walk."""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from midiprism.catalog import KnownPaths, NullCatalog, UpToDate
from midiprism.pipeline.planner import (
    BATCHES_OF_A_SIZE,
    BatchLimits,
    BatchPlanner,
    KnownPathLookup,
    SongWalk,
)
from midiprism.pipeline.resource_defaults import batch_limits, default_in_flight
from midiprism.pipeline.settings import Resources
from midiprism.sources import SongRef, open_folders
from support.fake_songs import write_files


class CountingCatalog(NullCatalog):
    """A catalog that knows these paths, and counts its queries."""

    def __init__(self, paths: KnownPaths) -> None:
        self.paths = dict(sorted(paths.items()))
        self.query_count = 0

    def known_paths(self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None) -> KnownPaths:
        self.query_count += 1
        return dict([item for item in self.paths.items() if item[0] >= first_path][:limit])


def song_ref(path: bytes, size: int = 1) -> SongRef:
    return SongRef(path, 1, size, 7)


def test_known_paths_are_read_in_pages_during_the_walk() -> None:
    catalog = CountingCatalog({b"/%03d" % n: (1, 7) for n in range(0, 100, 2)})
    lookup = KnownPathLookup(catalog, None, page_size=10)
    known = [n for n in range(120) if lookup.is_unchanged(song_ref(b"/%03d" % n))]
    assert known == list(range(0, 100, 2))
    assert catalog.query_count <= 50 // 10 + 2


def test_known_paths_are_read_again_when_the_walk_begins_again() -> None:
    catalog = CountingCatalog({b"/%03d" % n: (1, 7) for n in range(30)})
    lookup = KnownPathLookup(catalog, None, page_size=10)
    for _ in range(2):
        assert all(lookup.is_unchanged(song_ref(b"/%03d" % n)) for n in range(30))


def test_a_path_with_another_size_or_time_has_changed() -> None:
    lookup = KnownPathLookup(CountingCatalog({b"/a": (1, 7), b"/b": (None, None)}), None)
    assert lookup.is_unchanged(song_ref(b"/a"))
    assert not lookup.is_unchanged(song_ref(b"/a", size=2))
    assert not lookup.is_unchanged(song_ref(b"/b")), "what could not be read is tried again"


def test_new_known_paths_are_seen_after_invalidating() -> None:
    catalog = CountingCatalog({})
    lookup = KnownPathLookup(catalog, None)
    assert not lookup.is_unchanged(song_ref(b"/a"))
    catalog.paths[b"/a"] = (1, 7)
    assert not lookup.is_unchanged(song_ref(b"/a"))
    lookup.invalidate()
    assert lookup.is_unchanged(song_ref(b"/a"))


def planned_sizes(source: Path, songs: int = 100, limit: int | None = None) -> Iterator[list[int]]:
    opened = open_folders([source])
    planner = BatchPlanner(opened, SongWalk(opened), None, BatchLimits(songs, 1000, limit))
    return ([ref.size for ref in planned.batch] for planned in planner.batches())


def test_batches_of_a_shared_catalog_begin_small_and_double(tmp_path: Path) -> None:
    opened = open_folders([write_files(tmp_path / "s", {f"{n:03}.mid": b"x" for n in range(100)})])
    limits = BatchLimits(6, 1000, first_songs=2)
    counts = [
        len(planned.batch) for planned in BatchPlanner(opened, SongWalk(opened), None, limits).batches()
    ]
    assert counts == [2] * BATCHES_OF_A_SIZE + [4] * BATCHES_OF_A_SIZE + [6] * 8 + [4]


def test_no_run_plans_all_of_a_small_library_at_once() -> None:
    limits = batch_limits(Resources(), shared=True, all_songs=None, group_songs=None)
    in_flight = default_in_flight(2, limits.songs, shared=True)
    assert limits.first_songs is not None
    assert in_flight <= BATCHES_OF_A_SIZE
    assert in_flight * limits.first_songs < 1_000
    assert batch_limits(Resources(), shared=False, all_songs=None, group_songs=None).first_songs is None
    fixed = batch_limits(Resources(batch_songs=500), shared=True, all_songs=None, group_songs=None)
    assert (fixed.songs, fixed.first_songs) == (500, None)


def test_groups_end_after_the_same_songs_whatever_the_size_of_batches(tmp_path: Path) -> None:
    sizes = [10, 10, 10, 10, 500, 10, 10, 10]
    opened = open_folders(
        [write_files(tmp_path / "s", {f"{n}.mid": bytes(size) for n, size in enumerate(sizes)})]
    )
    ends = []
    for songs in (1, 2, 3, 100):
        limits = BatchLimits(songs, 1000, group_songs=3, group_size=400)
        planned = [*BatchPlanner(opened, SongWalk(opened), None, limits).batches()]
        counts = [*accumulate(len(batch.batch) for batch in planned)]
        ends.append([count for count, batch in zip(counts, planned, strict=True) if batch.ends_group])
    assert ends == [[3, 5, 8]] * 4


def test_batches_are_limited_by_songs_and_by_bytes(tmp_path: Path) -> None:
    sizes = [400, 400, 400, 5000, 1, 1, 1]
    source = write_files(tmp_path / "s", {f"{n}.mid": bytes(size) for n, size in enumerate(sizes)})
    assert list(planned_sizes(source)) == [[400, 400], [400], [5000], [1, 1, 1]]
    assert list(planned_sizes(source, songs=2)) == [[400, 400], [400], [5000], [1, 1], [1]]
    assert list(planned_sizes(source, limit=3)) == [[400, 400], [400]]
