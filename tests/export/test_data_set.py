"""Tests of data sets that are exported: what a query finds, as tables that agree with each other."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from midiprism.errors import InUseError, StoreError, UsageError
from midiprism.export.data_set import DataSetExport, export_data_set
from midiprism.export.errors import NothingFoundError
from midiprism.export.export import export_tracks
from midiprism.export.path_template import PathTemplate
from midiprism.results.lock import lock_exclusive
from midiprism.search.parse_query import parse_query
from midiprism.stores.parquet.schema import LINK_COLUMNS, SONG_COLUMNS, TRACK_COLUMNS
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.runs import make_settings, run_split

pytestmark = pytest.mark.usefixtures("catalog_backend")

LONG = PIANO + "long"  # enough notes to group songs
SONGS = {
    "a.mid": fake_song(PIANO, BASS, BASS),
    "b.mid": fake_song(BASS, DRUMS),
    "copies/a (2).mid": fake_song(LONG, BASS),
    "other/Tomorrow.mid": fake_song(LONG, DRUMS + "x"),
    "none.mid": fake_song(),
}
TABLES = ("tracks", "links", "songs")
GROUPS = ("song_group", "first_fold", "last_fold", "similar_track_group")


@pytest.fixture(params=["files", "parquet"])
def out(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a result with a store of each kind."""
    out = tmp_path / "out"
    settings = make_settings(store=request.param, workers=0, database=catalog_access.postgres_address(out))
    assert run_split(write_files(tmp_path / "songs", SONGS), out, settings).state == "done"
    return out


def export(out: Path, to: Path, query: str = "", **options: Any) -> DataSetExport:
    database = catalog_access.postgres_address(out)
    return export_data_set(str(out), str(to), parse_query(query), database=database, **options)


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    files = sorted((folder / table).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def state(folder: Path) -> str:
    marker: dict[str, str] = json.loads((folder / "midiprism.json").read_text())
    return marker["data_set"]


def test_a_data_set_has_the_tracks_that_a_query_finds_with_their_links_and_songs(
    out: Path, tmp_path: Path
) -> None:
    done = export(out, tmp_path / "to", "family:bass")
    tracks, links, songs = (rows(tmp_path / "to", table) for table in TABLES)
    assert (done.tracks, done.links, done.songs) == (1, 4, 3) == (len(tracks), len(links), len(songs))
    assert [track["music"] for track in tracks] == [BASS.encode()]
    assert {link["track_blake3"] for link in links} == {tracks[0]["blake3"]}
    assert {link["song_blake3"] for link in links} == {song["blake3"] for song in songs}
    paths = {song["blake3"]: song["path"] for song in songs}
    assert [(paths[link["song_blake3"]], link["position"]) for link in links] == [
        ("a.mid", 1),
        ("a.mid", 2),
        ("b.mid", 0),
        ("copies/a (2).mid", 1),
    ]
    assert state(tmp_path / "to") == "whole"


def test_all_of_a_result_is_a_data_set_whose_tables_are_those_of_the_store(out: Path, tmp_path: Path) -> None:
    export(out, tmp_path / "to")
    tracks, links, songs = (rows(tmp_path / "to", table) for table in TABLES)
    names = [column.name for column in TRACK_COLUMNS]
    assert list(tracks[0]) == [*names[:-1], *GROUPS, "music"]
    assert list(links[0]) == [column.name for column in LINK_COLUMNS]
    assert list(songs[0]) == [column.name for column in SONG_COLUMNS]
    if (out / "links").exists():
        kept = [{name: track[name] for name in names} for track in tracks]
        assert sorted(kept, key=repr) == sorted(rows(out, "tracks"), key=repr)
        assert sorted(links, key=repr) == sorted(rows(out, "links"), key=repr)
        with_tracks = [song for song in rows(out, "songs") if song["track_count"]]
        assert sorted(songs, key=repr) == sorted(with_tracks, key=repr)


def test_folds_are_those_of_all_songs_of_a_track_in_the_data_set(out: Path, tmp_path: Path) -> None:
    export(out, tmp_path / "to", "bass,drums")
    export(out, tmp_path / "everything")
    songs = {song["blake3"]: song for song in rows(tmp_path / "everything", "songs")}
    chosen = rows(tmp_path / "to", "songs")
    assert all(song == songs[song["blake3"]] for song in chosen), "groups do not depend on the query"
    for track in rows(tmp_path / "to", "tracks"):
        links = [link for link in rows(tmp_path / "to", "links") if link["track_blake3"] == track["blake3"]]
        folds = {songs[link["song_blake3"]]["fold"] for link in links}
        groups = {songs[link["song_blake3"]]["song_group"] for link in links}
        assert (track["first_fold"], track["last_fold"]) == (min(folds), max(folds))
        assert track["song_group"] == (groups.pop() if len(groups) == 1 else None)


def test_the_order_is_that_of_the_query_and_a_limit_takes_the_first(out: Path, tmp_path: Path) -> None:
    export(out, tmp_path / "to", "sort:notes-", limit=3)
    counts = [track["note_count"] for track in rows(tmp_path / "to", "tracks")]
    assert counts == sorted(counts, reverse=True)
    assert len(rows(tmp_path / "to", "links")) == 3


def test_columns_are_described_and_files_state_the_query(out: Path, tmp_path: Path) -> None:
    export(out, tmp_path / "to", "family:bass")
    schema = pq.read_schema(next((tmp_path / "to" / "tracks").iterdir()))
    assert all(field.metadata[b"description"] for field in schema)
    assert schema.metadata[b"midiprism.query"] == b"family:bass"
    card = (tmp_path / "to" / "README.md").read_text()
    assert "\n    family:bass\n" in card
    assert "| links | 4 |" in card


def test_a_dry_run_counts_and_writes_nothing(out: Path, tmp_path: Path) -> None:
    done = export(out, tmp_path / "to", "family:bass", dry_run=True)
    assert (done.tracks, done.links, done.songs) == (1, 4, 3)
    assert not (tmp_path / "to").exists()


def test_a_query_that_finds_nothing_makes_no_data_set(out: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match=r"No track in .* matches notes:999\.\."):
        export(out, tmp_path / "to", "notes:999..")
    assert not (tmp_path / "to").exists()


def test_other_folders_are_refused_and_left_alone(out: Path, tmp_path: Path) -> None:
    database = catalog_access.postgres_address(out)
    export_tracks(str(out), str(tmp_path / "tree"), PathTemplate("song"), parse_query(""), database=database)
    write_files(tmp_path / "mine", {"thesis.txt": b""})
    export(out, tmp_path / "done")
    for folder, message in {
        "tree": "holds an exported tree",
        "mine": "holds other files, such as thesis.txt",
        "done": "holds a data set",
        "out": "lies in the result",
        "out/inner": "lies in the result",
        "mine/thesis.txt": "is not a folder",
    }.items():
        with pytest.raises(UsageError, match=message):
            export(out, tmp_path / folder)
    with pytest.raises(UsageError, match="holds a data set: choose another folder for files"):
        export_tracks(
            str(out), str(tmp_path / "done"), PathTemplate("song"), parse_query(""), database=database
        )


def test_a_card_that_was_there_first_keeps_what_a_person_wrote(out: Path, tmp_path: Path) -> None:
    export(out, tmp_path / "first")
    card = (tmp_path / "first" / "README.md").read_text().replace("license: unknown", "license: mit")
    write_files(tmp_path / "to", {"README.md": card.encode(), ".gitattributes": b""})
    export(out, tmp_path / "to", "family:bass")
    assert "license: mit" in (tmp_path / "to" / "README.md").read_text()
    assert "| tracks | 1 |" in (tmp_path / "to" / "README.md").read_text()


def test_a_lost_track_is_an_error_and_the_next_export_begins_again(out: Path, tmp_path: Path) -> None:
    shutil.move(out / "tracks", tmp_path / "kept")
    with pytest.raises(StoreError):
        export(out, tmp_path / "to")
    assert state(tmp_path / "to") == "unfinished"
    write_files(tmp_path / "to" / "tracks", {"tracks-00000-0.parquet": b"cut off"})
    shutil.move(tmp_path / "kept", out / "tracks")
    assert export(out, tmp_path / "to", "family:bass").tracks == 1 == len(rows(tmp_path / "to", "tracks"))
    assert state(tmp_path / "to") == "whole"


def test_a_changed_track_file_is_an_error(out: Path, tmp_path: Path) -> None:
    for path in (out / "tracks").rglob("*.*"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match=r"damaged|cannot be read|Parquet"):
        export(out, tmp_path / "to")


def test_an_export_that_is_stopped_counts_as_unfinished(out: Path, tmp_path: Path) -> None:
    asked = iter([False] * 12 + [True] * 100)
    assert export(out, tmp_path / "to", stop=lambda: next(asked)).stopped
    assert not (tmp_path / "to").exists() or state(tmp_path / "to") == "unfinished"
    assert not export(out, tmp_path / "to").stopped


def test_one_export_at_a_time_writes_to_a_folder(out: Path, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    with lock_exclusive(str(tmp_path / "to")), pytest.raises(InUseError):
        export(out, tmp_path / "to")
