"""Tests of measuring the cost of commits and shards."""

from pathlib import Path
from typing import Any

import pytest

from midiprism.advise.probe.synthetic import measure_commits, measure_shards
from midiprism.catalog.sqlite.catalog import SqliteCatalog
from midiprism.stores.parquet.schema import ColumnValues, count_rows
from midiprism.stores.parquet.shard_set import ParquetShards


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_cost_of_commits_has_a_fixed_part_and_one_per_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    commit, close = SqliteCatalog.commit, SqliteCatalog.close

    def commit_slowly(self: SqliteCatalog, *arguments: Any) -> Any:
        results = commit(self, *arguments)
        clock.now += 0.010 + 20e-6 * sum(result.links for result in results)
        return results

    def close_slowly(self: SqliteCatalog) -> None:
        close(self)
        clock.now += 0.1

    monkeypatch.setattr(SqliteCatalog, "commit", commit_slowly)
    monkeypatch.setattr(SqliteCatalog, "close", close_slowly)
    cost = measure_commits(str(tmp_path / "catalog.sqlite"), 1.0, clock)
    assert cost.fixed_milliseconds == pytest.approx(10.0)
    assert cost.commits == 10
    links = 5 * (50 + 5 * (50 + 800))
    assert cost.microseconds_per_link == pytest.approx(20.0 + 0.1 / links * 1e6)
    assert measure_commits(str(tmp_path / "other.sqlite"), 0.05, clock).commits == 2


@pytest.mark.parametrize(("seconds", "tracks"), [(1.0, 15), (0.009, 5)])
def test_a_shard_is_written_only_if_there_is_time_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, tracks: int
) -> None:
    clock = FakeClock()
    write_tracks = ParquetShards.write_tracks

    def write_slowly(self: ParquetShards, stem: str, columns: ColumnValues) -> Any:
        clock.now += 0.001 * count_rows(columns)
        return write_tracks(self, stem, columns)

    monkeypatch.setattr(ParquetShards, "write_tracks", write_slowly)
    cost = measure_shards(str(tmp_path), seconds, clock, (5, 10))
    assert cost is not None
    assert cost.microseconds_per_track == pytest.approx(1_000)
    assert cost.tracks == tracks
