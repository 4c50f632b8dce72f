"""Other programs read the tables of a result: by the names of its files, as Delta Lake, as Iceberg."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import midiprism
from midiprism.errors import UsageError
from midiprism.generations.groups.make import make_groups
from midiprism.generations.layout import groups_key
from midiprism.generations.publication.iceberg import publish_iceberg
from midiprism.generations.publication.publish import FORMATS, publish_result
from midiprism.generations.publication.table import COLUMNS, GENERATION_PROPERTY, PublishedTable, TableSource
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.generations.sweep import GRACE, sweep
from midiprism.generations.verify import verify_generations
from midiprism.objects import open_storage, parse_storage_url
from support.generation_results import older_parts, options, parts, put_songs, some_songs, table_rows
from support.nightly import nightly
from support.object_stores import s3_server
from support.sample_songs import FEW, sample_songs


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Return the URL of a folder of songs."""
    url = (tmp_path / "my songs").as_uri()
    put_songs(open_storage(url, make_folder=True), some_songs(6))
    return url


@pytest.fixture
def lake(tmp_path: Path, source: str) -> str:
    """Return the URL of a result of these songs, beside whose files there is one that does not count."""
    url = (tmp_path / "the lake").as_uri()
    split_to_storage(source, url, options(), parts())
    open_storage(url).put("tracks/tracks-000009-stray.parquet", b"of a run that was killed")
    return url


def expected_digests(url: str, table: str) -> list[str]:
    storage = open_storage(url)
    column = "track_blake3" if table == "links" else "blake3"
    rows = table_rows(storage, open_result(storage).newest_manifest(), table)
    return sorted(str(row[column]) for row in rows)


def digests_of(arrow_table: Any, table: str) -> list[str]:
    return sorted(map(str, arrow_table.column("track_blake3" if table == "links" else "blake3").to_pylist()))


def read_delta(table: PublishedTable, **settings: Any) -> Any:
    import deltalake

    return deltalake.DeltaTable(table.location, **settings).to_pyarrow_table()


def read_iceberg(table: PublishedTable, **settings: Any) -> Any:
    from pyiceberg.table import StaticTable

    return StaticTable.from_metadata(table.location, **settings).scan().to_arrow()


READERS = {"delta": read_delta, "iceberg": read_iceberg}


@pytest.mark.parametrize("table_format", FORMATS)
def test_published_tables_have_the_rows_of_the_manifest_in_each_generation(
    lake: str, source: str, table_format: str
) -> None:
    first = [*publish_result(lake, table_format)]
    assert [it.table for it in first] == [name for name in COLUMNS if name != "groups"]
    assert all(
        digests_of(READERS[table_format](it), it.table) == expected_digests(lake, it.table) for it in first
    )
    assert [*publish_result(lake, table_format)] == first
    put_songs(open_storage(source), {f"new/{n}.mid": sample_songs(FEW)[20 + n].data for n in range(3)})
    split_to_storage(source, lake, options(), parts())
    second = [*publish_result(lake, table_format)]
    assert [it.generation for it in second] == [2] * 3
    assert second[0].rows > first[0].rows
    assert all(
        digests_of(READERS[table_format](it), it.table) == expected_digests(lake, it.table) for it in second
    )
    for name in ("good", "new", "Broken"):
        for info in [*open_storage(source).list(name)][1:]:
            open_storage(source).delete([info.key])
    split_to_storage(source, lake, options(prune=True, trust_listing=True), parts())
    third = [*publish_result(lake, table_format)]
    assert third[0].rows < first[0].rows
    assert all(
        digests_of(READERS[table_format](it), it.table) == expected_digests(lake, it.table) for it in third
    )


@pytest.mark.parametrize("table_format", FORMATS)
def test_groups_are_published_once_they_are_made(lake: str, source: str, table_format: str) -> None:
    made = make_groups(lake)
    *_, groups = publish_result(lake, table_format)
    assert (groups.table, groups.generation, groups.rows) == ("groups", 1, made.songs)
    songs = set(READERS[table_format](groups).column("blake3").to_pylist())
    assert songs <= {*expected_digests(lake, "songs")}
    put_songs(open_storage(source), {"new.mid": sample_songs(FEW)[20].data})
    split_to_storage(source, lake, options(), parts())
    assert "groups" not in [it.table for it in publish_result(lake, table_format)]
    make_groups(lake)
    *_, groups = publish_result(lake, table_format)
    assert (groups.generation, groups.rows) == (2, made.songs + 1)
    rows = READERS[table_format](groups).to_pylist()
    assert songs < {row["blake3"] for row in rows}
    assert {row["fold"] for row in rows} <= {*range(10)}


@pytest.mark.parametrize("table_format", FORMATS)
def test_publications_follow_a_redo_of_songs_of_which_one_is_gone(tmp_path: Path, table_format: str) -> None:
    source, url = (tmp_path / "songs").as_uri(), (tmp_path / "lake").as_uri()
    storage, songs = open_storage(source, make_folder=True), some_songs(9)
    put_songs(storage, songs)
    split_to_storage(source, url, options(), older_parts())
    make_groups(url)
    assert [it.table for it in publish_result(url, table_format)] == [*COLUMNS]
    older = expected_digests(url, "tracks")
    storage.delete([next(key for key in songs if key.startswith("good/004"))])
    split_to_storage(source, url, options(redo=True), parts())
    assert [it.generation for it in publish_result(url, table_format)] == [2] * 3
    make_groups(url)
    tables = [*publish_result(url, table_format)]
    assert [(it.table, it.generation) for it in tables] == [(name, 2) for name in COLUMNS]
    assert expected_digests(url, "tracks") != older
    sweep(open_result(open_storage(url)), datetime.now(UTC) + GRACE + timedelta(hours=1))
    for it in tables:
        expected = expected_digests(url, "songs" if it.table == "groups" else it.table)
        assert digests_of(READERS[table_format](it), it.table) == expected
    assert verify_generations(url).damage == ()


@pytest.mark.parametrize("table_format", FORMATS)
def test_groups_that_were_removed_and_made_again_are_published_again(lake: str, table_format: str) -> None:
    groups = make_groups(lake)
    *_, first = publish_result(lake, table_format)
    storage = open_storage(lake)
    storage.delete([groups_key(1), *(stored.name for stored in groups.stored)])
    make_groups(lake)
    *_, again = publish_result(lake, table_format)
    assert READERS[table_format](again).num_rows == again.rows == first.rows
    assert [*publish_result(lake, table_format)][-1] == again


def test_publications_state_their_generation(lake: str) -> None:
    import deltalake
    from pyiceberg.table import StaticTable

    (tracks, *_) = publish_result(lake, "delta")
    table = deltalake.DeltaTable(tracks.location)
    assert table.transaction_version("midiprism") == tracks.generation == 1
    assert table.history()[0][GENERATION_PROPERTY] == 1
    (tracks, *_) = publish_result(lake, "iceberg")
    assert StaticTable.from_metadata(tracks.location).properties[GENERATION_PROPERTY] == "1"


def test_a_sweep_leaves_publications_and_removes_strays(lake: str) -> None:
    tables = [*publish_result(lake, "delta"), *publish_result(lake, "iceberg")]
    storage = open_storage(lake)
    result = open_result(storage)
    later = storage.info("midiprism.json").modified + GRACE + timedelta(hours=1)
    sweep(result, later)
    assert "tracks/tracks-000009-stray.parquet" not in {info.key for info in storage.list("tracks")}
    assert read_delta(tables[0]).num_rows == tables[0].rows
    assert read_iceberg(tables[3]).num_rows == tables[3].rows


def test_metadata_of_earlier_iceberg_tables_are_removed_after_a_while(lake: str, source: str) -> None:
    (first, *_) = publish_result(lake, "iceberg")
    put_songs(open_storage(source), {"new.mid": sample_songs(FEW)[30].data})
    split_to_storage(source, lake, options(), parts())
    storage = open_storage(lake)
    manifest = open_result(storage).newest_manifest()
    table = TableSource("tracks", storage, parse_storage_url(lake), manifest)
    second = publish_iceberg(table, grace=timedelta(seconds=-5))
    assert read_iceberg(second).num_rows == second.rows
    assert not Path(first.location.removeprefix("file://")).exists()


def test_an_earlier_generation_does_not_replace_a_later_one(lake: str, source: str) -> None:
    storage = open_storage(lake)
    early = open_result(storage).newest_manifest()
    put_songs(open_storage(source), {"new.mid": sample_songs(FEW)[30].data})
    split_to_storage(source, lake, options(), parts())
    for name, publish in FORMATS.items():
        newest = next(publish_result(lake, name))
        again = publish(TableSource("tracks", storage, parse_storage_url(lake), early))
        assert (again.generation, again.location) == (2, newest.location)


@pytest.mark.parametrize("table_format", ["delta", *nightly("iceberg")])
def test_buckets_are_published(table_format: str) -> None:
    with s3_server() as address:
        put_songs(open_storage("s3://lake/songs"), some_songs(4))
        split_to_storage("s3://lake/songs", "s3://lake/result", options(), parts())
        (tracks, *_) = publish_result("s3://lake/result", table_format)
        settings: dict[str, Any] = (
            {"storage_options": {"allow_http": "true"}}
            if table_format == "delta"
            else {"properties": {"s3.endpoint": address, "s3.region": "us-east-1"}}
        )
        found = digests_of(READERS[table_format](tracks, **settings), "tracks")
        assert found == expected_digests("s3://lake/result", "tracks")


def test_libraries_read_the_files_that_the_manifest_names(lake: str, tmp_path: Path) -> None:
    import datasets
    import duckdb
    import polars

    files = midiprism.table_files(lake, "tracks")
    rows = len(expected_digests(lake, "tracks"))
    query = "SELECT count(*) FROM read_parquet(?)"
    assert duckdb.execute(query, [files]).fetchall() == [(rows,)]
    assert polars.scan_parquet(files).select(polars.len()).collect().item() == rows
    loaded = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == rows
    assert midiprism.table_files(lake, "tracks", generation=1) == files


def test_duckdb_divides_the_tracks_by_the_folds_of_their_songs(lake: str) -> None:
    import duckdb

    make_groups(lake)
    files = {table: midiprism.table_files(lake, table) for table in ("tracks", "links", "groups")}
    training = duckdb.execute(
        """
        SELECT tracks.* FROM read_parquet($tracks) tracks
        JOIN read_parquet($links) links ON links.track_blake3 = tracks.blake3
        JOIN read_parquet($groups) groups ON groups.blake3 = links.song_blake3
        GROUP BY ALL HAVING max(groups.fold) < 8
        """,
        files,
    ).fetchall()
    folds = duckdb.execute(
        """
        SELECT links.track_blake3 AS track, max(groups.fold) AS last FROM read_parquet($links) links
        JOIN read_parquet($groups) groups ON groups.blake3 = links.song_blake3 GROUP BY ALL
        """,
        {name: files[name] for name in ("links", "groups")},
    ).fetchall()
    assert sorted(row[0] for row in training) == sorted(track for track, last in folds if last < 8)


def test_unknown_tables_generations_and_places_are_refused(lake: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'track' is no table: use one of tracks, links"):
        midiprism.table_files(lake, "track")
    with pytest.raises(UsageError, match="has no generation 7"):
        midiprism.table_files(lake, generation=7)
    memory = "memory://no-result"
    with pytest.raises(UsageError, match="holds no midiprism result"):
        [*publish_result(memory, "delta")]
