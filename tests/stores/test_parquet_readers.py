"""Tests of reading a result in Parquet with the usual libraries for data sets."""

import io
from pathlib import Path
from typing import Any

import mido
import pytest

from midiprism.stores.parquet.schema import ParquetLink, ParquetSong, ParquetTrack, rows_to_columns
from midiprism.stores.parquet.shard_set import ParquetShards
from support.fake_songs import BASS, PIANO, fake_song, write_files
from support.parquet_rows import minimal_row, sample_rows
from support.runs import make_settings, run_split


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a result of several shards, one of them with columns without values."""
    root = tmp_path_factory.mktemp("result")
    tracks, links, songs = sample_rows()
    shards = ParquetShards(root, {"by": "auto"})
    shards.write_tracks("1-1", rows_to_columns(tracks[:150]))
    shards.write_tracks("1-2", rows_to_columns(tracks[150:]))
    shards.write_tracks("2-1", rows_to_columns([minimal_row(b"nothing is known")]))
    shards.write_links("1-1", rows_to_columns(links[:100]))
    shards.write_links("1-2", rows_to_columns(links[100:]))
    shards.write_songs_table([rows_to_columns(songs)], "7")
    return root


def expected_tracks() -> list[dict[str, Any]]:
    rows = [*sample_rows()[0], minimal_row(b"nothing is known")]
    return [{**row._asdict(), "blake3": row.blake3.hex()} for row in rows]


def expected_links() -> list[dict[str, Any]]:
    return [
        {**row._asdict(), "song_blake3": row.song_blake3.hex(), "track_blake3": row.track_blake3.hex()}
        for row in sample_rows()[1]
    ]


def expected_songs() -> list[dict[str, Any]]:
    return [{**row._asdict(), "blake3": row.blake3.hex()} for row in sample_rows()[2]]


EXPECTED = {"tracks": expected_tracks, "links": expected_links, "songs": expected_songs}
FIELDS = {"tracks": ParquetTrack._fields, "links": ParquetLink._fields, "songs": ParquetSong._fields}
KINDS = tuple(EXPECTED)


@pytest.mark.parametrize("kind", KINDS)
def test_pyarrow_reads_every_table(result: Path, kind: str) -> None:
    import pyarrow.dataset

    table = pyarrow.dataset.dataset(result / kind, format="parquet").to_table()
    assert tuple(table.column_names) == FIELDS[kind]
    assert table.to_pylist() == EXPECTED[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_duckdb_reads_every_table(result: Path, kind: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {', '.join(FIELDS[kind])} FROM '{result}/{kind}/*.parquet'")
        rows = [dict(zip(FIELDS[kind], row, strict=True)) for row in found.fetchall()]
    key = sorted(FIELDS[kind])
    assert sorted(rows, key=lambda row: repr([row[name] for name in key])) == sorted(
        EXPECTED[kind](), key=lambda row: repr([row[name] for name in key])
    )


def test_duckdb_divides_tracks_by_the_songs_they_came_from(result: Path) -> None:
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute(
            f"""
            SELECT tracks.music, min(songs.fold) FROM '{result}/tracks/*.parquet' tracks
            JOIN '{result}/links/*.parquet' links ON links.track_blake3 = tracks.blake3
            JOIN '{result}/songs/*.parquet' songs ON songs.blake3 = links.song_blake3
            WHERE tracks.family = 'Bass' AND tracks.tempo BETWEEN 60 AND 180
            GROUP BY tracks.blake3, tracks.music HAVING count(DISTINCT songs.fold) = 1
            """
        ).fetchall()
    wanted = {row.music for row in sample_rows()[0] if row.family == "Bass" and 60 <= (row.tempo or 0) <= 180}
    assert {music for music, _ in found} <= wanted
    assert len({fold for _, fold in found}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_polars_reads_every_table(result: Path, kind: str) -> None:
    import polars

    frame = polars.scan_parquet(result / kind / "*.parquet").collect()
    assert tuple(frame.columns) == FIELDS[kind]
    assert frame.to_dicts() == EXPECTED[kind]()


def test_polars_finds_one_track(result: Path) -> None:
    import polars

    row = sample_rows()[0][33]
    found = polars.scan_parquet(result / "tracks" / "*.parquet").filter(
        polars.col("blake3") == row.blake3.hex()
    )
    assert found.select("music").collect().item() == row.music


def offline_datasets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the package ``datasets``, which asks no server and writes below the folder only."""
    monkeypatch.setenv("HF_HOME", str(folder / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    return datasets


@pytest.mark.parametrize("kind", KINDS)
def test_datasets_reads_every_table(
    result: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = offline_datasets(tmp_path, monkeypatch)
    files = str(result / kind / "*.parquet")
    loaded = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache")
    )
    assert tuple(loaded.column_names) == FIELDS[kind]
    assert sorted(loaded, key=repr) == sorted(EXPECTED[kind](), key=repr)
    streamed = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
    assert sorted(streamed, key=repr) == sorted(EXPECTED[kind](), key=repr)


def test_datasets_opens_a_result_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = offline_datasets(tmp_path, monkeypatch)
    songs = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS)}
    out = tmp_path / "out"
    assert (
        run_split(write_files(tmp_path / "songs", songs), out, make_settings(store="parquet")).state == "done"
    )
    cache = str(tmp_path / "cache")
    assert datasets.get_dataset_config_names(str(out)) == ["tracks", "links", "songs"]
    tracks = datasets.load_dataset(str(out), split="train", cache_dir=cache)
    assert tuple(tracks.column_names) == FIELDS["tracks"]
    assert len(tracks) == 2
    assert len(datasets.load_dataset(str(out), "links", split="train", cache_dir=cache)) == 3
    streamed = datasets.load_dataset(str(out), "songs", split="train", streaming=True)
    assert sorted(song["path"] for song in streamed) == ["a.mid", "b.mid"]


def test_datasets_sees_that_a_result_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = offline_datasets(tmp_path, monkeypatch)
    folder, out = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), tmp_path / "out"
    for count in (1, 2):
        run_split(folder, out, make_settings(store="parquet"))
        for name in ("tracks", "links", "songs"):
            loaded = datasets.load_dataset(str(out), name, split="train", cache_dir=str(tmp_path / "cache"))
            assert len(loaded) == count
        write_files(folder, {"b.mid": fake_song(BASS)})


def test_datasets_says_that_track_files_are_no_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = offline_datasets(tmp_path, monkeypatch)
    out = tmp_path / "out"
    run_split(write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)}), out)
    with pytest.raises(FileNotFoundError, match="data files found in"):
        datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))


def test_music_is_a_whole_midi_file(result: Path) -> None:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(
        result / "tracks" / "tracks-1-1-0.parquet", columns=["music", "note_count"]
    )
    for music, notes in zip(*(column.to_pylist() for column in table.columns), strict=True):
        messages = mido.MidiFile(file=io.BytesIO(music), charset="latin-1").tracks[0]
        assert sum(message.type == "note_on" and message.velocity > 0 for message in messages) == notes


def test_a_filter_reads_only_the_row_groups_that_may_match(result: Path) -> None:
    import pyarrow.parquet

    metadata = pyarrow.parquet.read_metadata(result / "tracks" / "tracks-1-1-0.parquet")
    group = metadata.row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert columns["note_count"].statistics.has_min_max
    assert columns["note_count"].has_offset_index
    assert columns["note_count"].has_column_index
    assert columns["music"].statistics is None
