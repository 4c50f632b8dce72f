"""Tests that the sample library of another program agrees with its rows and its description."""

from pathlib import Path

import psycopg
import pytest
from blake3 import blake3

import midiprism
from support.exact_timing import exact_notes
from support.foreign_library import ForeignSampleLibrary, build_foreign_library
from support.midi_parser import parse_song
from support.postgres import PostgresServer

SONGS = 60
LINKS = """
SELECT link.parent_file_id, link.track_number, link.split_file_id, song.filepath, split.filepath
FROM track_splits AS link
JOIN files AS song ON song.id = link.parent_file_id
JOIN files AS split ON split.id = link.split_file_id
"""


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


def library_with_links(
    url: str, folder: Path, **options: float
) -> tuple[ForeignSampleLibrary, list[tuple[int, int, int, str, str]]]:
    """Return a library, and each row of ``track_splits`` with the paths of its files."""
    library = build_foreign_library(url, folder, song_count=SONGS, **options)  # type: ignore[arg-type]
    with psycopg.connect(url) as connection:
        return library, connection.execute(LINKS).fetchall()


def is_mistimed(song: str, split: str, track: int) -> bool:
    ours, theirs = parse_song(Path(split).read_bytes()), parse_song(Path(song).read_bytes())
    return exact_notes(ours, 0) != exact_notes(theirs, track)


def test_every_row_has_its_file(url: str, tmp_path: Path) -> None:
    library_with_links(url, tmp_path)
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT filepath, content_hash, file_size_bytes FROM files").fetchall()
    on_disk = {str(path) for path in tmp_path.rglob("*.mid")}
    assert {path for path, _, _ in rows} == on_disk
    for path, digest, size in rows:
        data = Path(path).read_bytes()
        assert (blake3(data).digest(), len(data)) == (digest, size)
    assert len(on_disk) > SONGS


def test_the_share_of_songs_with_links_is_as_requested(url: str, tmp_path: Path) -> None:
    library, links = library_with_links(url, tmp_path, processed_share=0.372)
    songs_with_links = {link[0] for link in links}
    assert len(songs_with_links) == round(len(library.song_ids) * 0.372)
    assert songs_with_links <= library.processed_song_ids < set(library.song_ids)


def test_a_track_has_a_row_or_was_dropped_as_a_duplicate(url: str, tmp_path: Path) -> None:
    library, links = library_with_links(url, tmp_path)
    kept = {(link[0], link[1]) for link in links}
    assert library.unlinked_tracks
    assert not kept & library.unlinked_tracks
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT id, filepath FROM files WHERE id = ANY(%s)", [[*library.processed_song_ids]]
        )
        playing = {
            (song, track.track_number)
            for song, path in rows
            for track in midiprism.split(Path(path).read_bytes(), by="track").tracks
        }
    assert kept | library.unlinked_tracks == playing


def test_without_the_bug_every_track_is_on_time(url: str, tmp_path: Path) -> None:
    library, links = library_with_links(url, tmp_path)
    assert library.mistimed_file_ids == set()
    assert not any(is_mistimed(song, split, track) for _, track, _, song, split in links)


def test_with_the_bug_exactly_the_listed_tracks_are_late(url: str, tmp_path: Path) -> None:
    library, links = library_with_links(url, tmp_path, buggy_share=0.5)
    late = {identity for _, track, identity, song, split in links if is_mistimed(song, split, track)}
    assert late == library.mistimed_file_ids
    assert 0 < len(late) < len(links)


def test_the_owner_may_have_columns_and_triggers(postgres: PostgresServer, url: str, tmp_path: Path) -> None:
    _, links = library_with_links(url, tmp_path, extra_columns=True, triggers=True)
    counted = "SELECT array_agg(files ORDER BY is_split) FROM file_counts"
    total = int(postgres.psql(url, "SELECT count(*) FROM files WHERE NOT is_multi_track"))
    assert postgres.psql(url, counted) == f"{{{total},{len(links)}}}\n"
    postgres.psql(
        url,
        "INSERT INTO files (filename, filepath, original_filename, content_hash, file_size_bytes) "
        "VALUES ('a', 'a', 'a', 'a', 1), ('b', 'b', 'b', 'b', 1); DELETE FROM files WHERE filename = 'a'",
    )
    assert postgres.psql(url, counted) == f"{{{total + 1},{len(links)}}}\n"
    assert postgres.psql(url, "SELECT rating FROM files WHERE filename = 'b'") == "0\n"
    touched = "UPDATE files SET rating = 5 WHERE filename = 'b' RETURNING updated_at > created_at"
    assert postgres.psql(url, touched) == "t\n"
