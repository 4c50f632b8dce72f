"""Tests of results in shards: tables that agree with the catalog, whatever the run."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from midiprism.errors import UsageError
from midiprism.pipeline import RerunPolicy
from midiprism.pipeline import group_commit as group
from midiprism.pipeline.group_commit import GroupLimits
from midiprism.smf.types import SplitSong
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.nightly import nightly
from support.parquet_rows import parquet_rows
from support.result_content import catalog_content
from support.runs import change_settings, make_settings
from support.shard_runs import REDO, SHARDS, SONGS, assert_consistent, run, shards, split_differently

pytestmark = pytest.mark.usefixtures("catalog_backend")


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(tmp_path / "songs", SONGS)


@pytest.fixture
def out(tmp_path: Path, songs: Path) -> Path:
    run(songs, tmp_path / "out")
    return tmp_path / "out"


def test_every_track_is_a_row_and_every_song_has_its_links(out: Path) -> None:
    assert_consistent(out)
    tables = {kind: pq.ParquetDataset(out / kind).read().to_pylist() for kind in ("tracks", "links", "songs")}
    assert sorted(row["music"].decode() for row in tables["tracks"]) == sorted(
        [PIANO, BASS, DRUMS, DRUMS + "d", PIANO + "d"]
    )
    by_digest = {row["blake3"]: row for row in tables["tracks"]}
    paths = {row["blake3"]: row["path"] for row in tables["songs"]}
    linked = [
        (paths[row["song_blake3"]], row["position"], by_digest[row["track_blake3"]]["music"].decode())
        for row in tables["links"]
    ]
    assert sorted(linked) == [
        ("a.mid", 0, PIANO),
        ("a.mid", 1, BASS),
        ("a.mid", 2, BASS),
        ("b/c.kar", 0, BASS),
        ("b/c.kar", 1, DRUMS),
        ("b/d.mid", 0, DRUMS + "d"),
        ("b/d.mid", 1, PIANO + "d"),
    ]
    found = [(row["path"], row["outcome"], row["track_count"]) for row in tables["songs"]]
    assert sorted(found) == [
        ("a.mid", "split", 3),
        ("b/c.kar", "split", 2),
        ("b/d.mid", "repaired", 2),
        ("none.mid", "no_notes", 0),
        ("not.mid", "corrupt", 0),
    ]


def test_the_catalog_equals_that_of_a_result_in_files(songs: Path, out: Path, tmp_path: Path) -> None:
    run(songs, tmp_path / "files", make_settings(workers=0))
    assert catalog_content(out) == catalog_content(tmp_path / "files")


@pytest.fixture(scope="module")
def forty_songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"{n}.mid": fake_song(PIANO + str(n // 2), BASS, DRUMS + str(n % 7)) for n in range(40)}
    files |= {f"copy{n}.mid": files[f"{n}.mid"] for n in range(5)}
    return write_files(tmp_path_factory.mktemp("library") / "songs", files)


@pytest.fixture(scope="module")
def expected_rows(forty_songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the rows that a run in this process writes, with the catalog in a file."""
    out = tmp_path_factory.mktemp("one") / "out"
    run(forty_songs, out)
    return parquet_rows(out), catalog_content(out)


@pytest.mark.parametrize(
    ("catalog_backend", "workers", "batch"),
    [
        *(("sqlite", *case) for case in ((0, 1), (1, 7), (2, 1), (2, None), (5, 7))),
        *nightly(*(("sqlite", *case) for case in ((0, 7), (1, 1), (1, None), (2, 7), (5, 1), (5, None)))),
        *(("postgres", *case) for case in ((0, None), (2, None), (5, 7))),
        *nightly(*(("postgres", *case) for case in ((0, 1), (1, 7), (5, 1)))),
    ],
    indirect=["catalog_backend"],
)
def test_the_rows_do_not_depend_on_workers_and_batches(
    forty_songs: Path,
    expected_rows: Any,
    tmp_path: Path,
    catalog_backend: str,
    workers: int,
    batch: int | None,
) -> None:
    out = tmp_path / "out"
    run(forty_songs, out, change_settings(SHARDS, workers=workers, batch_songs=batch))
    assert_consistent(out)
    assert (parquet_rows(out), catalog_content(out)) == expected_rows


def test_tracks_that_are_committed_together_are_in_one_shard(
    tmp_path: Path, catalog_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(max_seconds=600.0))
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(12)})
    run(source, tmp_path / "out", change_settings(SHARDS, batch_songs=3))
    kinds = [name.partition("/")[0] for name in shards(tmp_path / "out")]
    assert kinds == (["tracks", "links"] if catalog_backend == "sqlite" else ["tracks", "links"] * 4)


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("workers", [0, 2])
def test_pending_tracks_in_memory_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(max_bytes=1, max_seconds=600.0))
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n), BASS) for n in range(12)})
    run(source, tmp_path / "out", change_settings(SHARDS, batch_songs=1, workers=workers))
    kinds = [name.partition("/")[0] for name in shards(tmp_path / "out")]
    assert kinds.count("links") > 3
    assert_consistent(tmp_path / "out")


def test_the_store_is_chosen_once(songs: Path, out: Path, tmp_path: Path) -> None:
    before = read_tree(out)
    assert run(songs, out, make_settings(workers=0)).nothing_new, "it need not be named again"
    with pytest.raises(UsageError, match="made with store=parquet: use the same"):
        run(songs, out, make_settings(store="files", workers=0))
    if catalog_access.postgres_address(out) is None:
        assert read_tree(out) == before
    run(songs, tmp_path / "files", make_settings(workers=0))
    with pytest.raises(UsageError, match="made with store=files"):
        run(songs, tmp_path / "files")


def test_without_pyarrow_nothing_is_created(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for dry_run in (False, True):
        with pytest.raises(UsageError, match=r"pip install 'pyarrow>=17'"):
            run(songs, tmp_path / "out", dry_run=dry_run)
    assert not (tmp_path / "out").exists()


def test_a_run_with_nothing_to_do_writes_nothing(songs: Path, out: Path) -> None:
    before = {name: data for name, data in read_tree(out).items() if "sqlite" not in name}
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    assert run(songs, out).nothing_new
    assert {name: data for name, data in read_tree(out).items() if "sqlite" not in name} == before
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == times


def test_later_runs_add_shards_and_keep_earlier_ones(songs: Path, out: Path, tmp_path: Path) -> None:
    before = {name: data for name, data in read_tree(out).items() if name.startswith(("tracks/", "links/"))}
    write_files(songs, {"e.mid": fake_song(PIANO, "Organ;Drawbar Organ;;new")})
    summary = run(songs, out)
    assert (summary.songs_done, summary.tracks, summary.tracks_new) == (1, 2, 1)
    assert before.items() <= read_tree(out).items()
    assert_consistent(out)
    run(songs, tmp_path / "whole")
    assert parquet_rows(out) == parquet_rows(tmp_path / "whole")


def test_a_dry_run_counts_the_same_and_writes_nothing(songs: Path, tmp_path: Path) -> None:
    dry = run(songs, tmp_path / "out", dry_run=True)
    assert not (tmp_path / "out").exists()
    wet = run(songs, tmp_path / "out")
    assert (dry.outcomes, dry.tracks, dry.tracks_new) == (wet.outcomes, wet.tracks, wet.tracks_new)
    assert dry.bytes_written == 0 < wet.bytes_written
    written = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*-*.parquet"))
    assert wet.bytes_written == written


def test_songs_that_are_split_again_have_only_their_new_links(songs: Path, out: Path, tmp_path: Path) -> None:
    done = run(songs, out, REDO, splitter=split_differently)
    assert done.tracks_new == 1
    assert_consistent(out)
    assert query(out, "SELECT count(*) FROM shards WHERE stale <> 0") == [(0,)]
    run(songs, tmp_path / "whole", splitter=split_differently)
    assert parquet_rows(out) == parquet_rows(tmp_path / "whole")
    assert not any(f"{BASS}'" in row for row in parquet_rows(out)["tracks"]), "no song has it any more"


def test_songs_with_unchanged_tracks_keep_their_shards_of_tracks(songs: Path, out: Path) -> None:
    before, rows = set(shards(out)), parquet_rows(out)
    run(songs, out, REDO)
    assert parquet_rows(out) == rows
    assert_consistent(out)
    assert before & set(shards(out)) == {name for name in before if "tracks" in name}


def test_a_successful_retry_of_one_song_updates_its_rows(songs: Path, out: Path) -> None:
    """The song was corrupt in the first run."""
    assert (
        run(
            songs,
            out,
            change_settings(SHARDS, rerun_policy=RerunPolicy(retry_failed=True)),
            splitter=split_repaired,
        ).songs_done
        == 1
    )
    assert_consistent(out)
    assert table(out)["not.mid"]["track_count"] == 1


def split_repaired(data: bytes) -> SplitSong:
    return fake_split(fake_song(PIANO + "mended") if data == b"no song" else data)


def table(out: Path) -> dict[str | None, dict[str, Any]]:
    return {row["path"]: row for row in pq.read_table(out / "songs" / "songs.parquet").to_pylist()}


def test_songs_move_and_change_in_their_table(songs: Path, out: Path) -> None:
    before = table(out)
    (songs / "b" / "c.kar").rename(songs / "c.kar")
    write_files(songs, {"none.mid": fake_song(BASS + "now")})
    run(songs, out)
    after = table(out)
    assert after["c.kar"] == before["b/c.kar"] | {"path": "c.kar"}
    assert "b/c.kar" not in after
    assert after[None]["blake3"] == before["none.mid"]["blake3"], "no place holds it any more"
    assert (after["none.mid"]["outcome"], after["none.mid"]["track_count"]) == ("split", 1)


def test_versions_of_a_song_are_in_one_group(tmp_path: Path) -> None:
    long = "Piano;Acoustic Grand Piano;Right Hand;" + "long " * 20
    source = write_files(
        tmp_path / "songs",
        {
            "x/Blue Moon.mid": fake_song(PIANO),
            "y/blue_moon (2).mid": fake_song(BASS),
            "Something.mid": fake_song(DRUMS, long),
            "Anything.mid": fake_song(long),
            "Alone.mid": fake_song(PIANO + "alone"),
        },
    )
    run(source, tmp_path / "out")
    groups = {path: (row["song_group"], row["fold"]) for path, row in table(tmp_path / "out").items()}
    assert groups["x/Blue Moon.mid"] == groups["y/blue_moon (2).mid"]
    assert groups["Something.mid"] == groups["Anything.mid"], "they share a track of some length"
    assert len({group for group, _ in groups.values()}) == 3


def test_unreadable_files_are_not_in_the_songs_table(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)})
    (source / "loop.mid").symlink_to("loop.mid")
    with open(os.fsencode(source) + b"/\xff\xfe.mid", "wb") as file:
        file.write(fake_song(DRUMS))
    assert run(source, tmp_path / "out").outcomes == {"split": 3, "unreadable": 1}
    rows = table(tmp_path / "out")
    assert set(rows) == {"a.mid", "b.mid", "\ufffd\ufffd.mid"}
    assert rows["\ufffd\ufffd.mid"]["path_bytes"] == b"\xff\xfe.mid"
    assert_consistent(tmp_path / "out")


def test_an_empty_library_has_an_empty_songs_table(tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    run(tmp_path / "songs", tmp_path / "out")
    assert parquet_rows(tmp_path / "out") == {"tracks": [], "links": [], "songs": []}


def test_the_marker_names_the_store(out: Path) -> None:
    assert json.loads((out / "midiprism.json").read_text())["store"] == "parquet"
