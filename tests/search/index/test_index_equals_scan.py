"""Tests of the index beside the catalog: whatever changes, it finds what a scan of the catalog finds."""

import random
from pathlib import Path

import pytest

from midiprism.catalog import BatchRecord, Catalog, PostgresAddress, open_catalog
from midiprism.catalog.queries.gone_songs import record_change, record_scan
from midiprism.catalog.queries.removal import RemovalQueries
from midiprism.records.fields import SongRecord
from midiprism.results.identity import Identity
from midiprism.results.result_dir import write_marker
from midiprism.search.index import update
from support import catalog_access
from support.index_checks import SongMaker, assert_index_equals_scan
from support.nightly import NIGHTLY

pytestmark = pytest.mark.usefixtures("catalog_backend")

SEEDS = range(40) if NIGHTLY else range(3)
NOW = "2026-11-03T12:00:00.000+00:00"


def make_result(out: Path) -> Path:
    out.mkdir()
    address = catalog_access.catalog_address(out)
    facts = {"database": str(address)} if isinstance(address, PostgresAddress) else {}
    write_marker(str(out), "result", Identity().as_dict() | facts)
    return out


class ChangingCatalog:
    """A catalog that changes in every way in which commands change one.

    Args:
        out: folder of the result.
        rng: makes all choices.
    """

    def __init__(self, out: Path, rng: random.Random) -> None:
        self._out = out
        self._rng = rng
        self._maker = SongMaker(rng)
        self._songs: list[SongRecord] = []
        self.begin_another_run()

    def change(self) -> None:
        """Change it once."""
        ways = [self.add, self.add, self.move, self.replace, self.overwrite, self.split_again]
        self._rng.choice([*ways, self.lose, self.forget, self.begin_another_run])()

    def add(self) -> None:
        songs = [self._maker.song() for _ in range(self._rng.randint(1, 12))]
        self._songs += songs
        self._commit(songs)

    def move(self) -> None:
        """Find a known song at one more path, which may come before or after its others."""
        if self._songs:
            song = self._rng.choice(self._songs)
            path = f"/{self._rng.choice('abz')}/{self._rng.choice('az')} moved {self._rng.random()}.mid"
            self._commit([self._maker.at(song, path)])

    def overwrite(self) -> None:
        """Find a new song at the path of a known one."""
        if self._songs:
            song = self._maker.song(self._rng.choice(self._songs).path.decode())
            self._songs.append(song)
            self._commit([song])

    def replace(self) -> None:
        """Find a known song at the path of another."""
        if self._songs:
            one, other = self._rng.choice(self._songs), self._rng.choice(self._songs)
            self._commit([self._maker.at(one, other.path.decode())])

    def split_again(self) -> None:
        self.begin_another_run()
        songs = self._rng.sample(self._songs, min(3, len(self._songs)))
        self._commit([self._maker.again(song) for song in songs], replaces_outcomes=True)

    def lose(self) -> None:
        """Record that a path is gone, or found again."""
        if self._songs:
            paths = [self._rng.choice(self._songs).path]
            gone, found = (paths, []) if self._rng.random() < 0.7 else ([], paths)
            with self._open() as catalog:
                catalog.run_in_transaction(lambda: record_scan(catalog, gone, found, self._run_id, NOW))

    def forget(self) -> None:
        if self._songs:
            song = self._rng.choice(self._songs)
            with self._open() as catalog:
                catalog.run_in_transaction(lambda: self._remove(catalog, song))
            self._songs = [it for it in self._songs if it.digest != song.digest]

    def _remove(self, catalog: Catalog, song: SongRecord) -> None:
        queries = RemovalQueries(catalog)
        song_ids = [it.id for it in catalog.select_songs([song.digest or b""]).values()]
        queries.remove_songs(self._run_id, song_ids)
        queries.remove_unlinked_tracks(self._run_id)
        record_change(catalog, self._run_id, NOW, song_ids)

    def begin_another_run(self) -> None:
        with self._open() as catalog:
            self._run_id = catalog.begin_run({}, NOW)

    def _open(self) -> Catalog:
        return open_catalog(catalog_access.catalog_address(self._out))

    def _commit(self, songs: list[SongRecord], *, replaces_outcomes: bool = False) -> None:
        batch = BatchRecord.from_songs(songs, replaces_outcomes=replaces_outcomes)
        with self._open() as catalog:
            catalog.commit(self._run_id, [batch], NOW)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_index_finds_what_a_scan_finds_after_every_change(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(update, "MAX_SEGMENT_LINKS", rng.choice((5, 40, 800_000)))
    monkeypatch.setattr(update, "SMALLEST_TIER_LINKS", rng.choice((2, 2_000)))
    out = make_result(tmp_path / "out")
    changing = ChangingCatalog(out, rng)
    for _ in range(30):
        for _ in range(rng.choice((1, 1, 3))):
            changing.change()
        assert_index_equals_scan(out, rng, queries=6)
