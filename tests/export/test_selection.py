"""Tests of selections, which name tracks so that other programs join them with a data set."""

import io
from pathlib import Path

import pyarrow.parquet as pq

from midiprism.export.selection import write_selection
from midiprism.search.find import open_search
from midiprism.search.parse_query import parse_query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.runs import make_settings, run_split

SONGS = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS, DRUMS)}


def selection(out: Path, query: str) -> bytes:
    with open_search(str(out)) as search:
        file = io.BytesIO()
        write_selection(search.tracks(parse_query(query)), file, query)
    return file.getvalue()


def make_result(folder: Path) -> Path:
    settings = make_settings(store="parquet", workers=0)
    assert run_split(write_files(folder / "songs", SONGS), folder / "out", settings).state == "done"
    return folder / "out"


def test_a_selection_is_a_part_of_the_table_of_links(tmp_path: Path) -> None:
    out = make_result(tmp_path)
    table = pq.read_table(io.BytesIO(selection(out, "family:bass")))
    links = pq.read_table(next((out / "links").iterdir())).to_pylist()
    names = ["track_blake3", "song_blake3", "position"]
    wanted = [{name: link[name] for name in names} for link in links if link["family"] == "Bass"]
    assert table.to_pylist() == wanted
    assert table.schema.metadata[b"midiprism.query"] == b"family:bass"
    assert all(field.metadata[b"description"] for field in table.schema)


def test_a_selection_of_nothing_has_its_columns(tmp_path: Path) -> None:
    table = pq.read_table(io.BytesIO(selection(make_result(tmp_path), "notes:9999..")))
    assert (table.num_rows, len(table.column_names)) == (0, 3)


def test_duckdb_polars_and_pyarrow_join_a_selection(tmp_path: Path) -> None:
    import duckdb
    import polars

    out, file = make_result(tmp_path), tmp_path / "selection.parquet"
    file.write_bytes(selection(out, "family:bass"))
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT music FROM '{out}/tracks/*.parquet' tracks "
            f"SEMI JOIN '{file}' chosen ON chosen.track_blake3 = tracks.blake3"
        ).fetchall()
    assert found == [(BASS.encode(),)]
    tracks = polars.scan_parquet(out / "tracks" / "*.parquet")
    chosen = polars.scan_parquet(file)
    joined = tracks.join(chosen, left_on="blake3", right_on="track_blake3", how="semi").collect()
    assert joined["music"].to_list() == [BASS.encode()]
    table = pq.read_table(out / "tracks").join(
        pq.read_table(file), "blake3", "track_blake3", join_type="left semi"
    )
    assert table["music"].to_pylist() == [BASS.encode()]
