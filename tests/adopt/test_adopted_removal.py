"""Tests of removing songs from the result of an adopted library."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from midiprism.adopt.adoption import open_adopted_library
from midiprism.adopt.options import Adoption
from midiprism.catalog import PostgresAddress, VerifyScope
from midiprism.catalog.commit_hook import CommitHook
from midiprism.errors import UsageError
from midiprism.integrity.verify import verify_result
from midiprism.removal.forget import SongChoice, forget_songs
from midiprism.removal.undo import undo_removal
from midiprism.results.removal_counts import RemovalCounts
from midiprism.results.removed_files import REMOVED_FOLDER
from support.adoption_runs import (
    assert_owner_checks,
    dump_owner_schema,
    expected_links,
    read_links,
    run_adoption,
)
from support.foreign_library import ForeignSampleLibrary, build_foreign_library
from support.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def library(url: str, tmp_path: Path) -> ForeignSampleLibrary:
    return build_foreign_library(url, tmp_path, song_count=40, triggers=True)


@contextmanager
def hook_of(url: str, out: Path) -> Iterator[CommitHook]:
    with open_adopted_library(PostgresAddress(url), Adoption(), str(out), lambda: False) as adopted:
        yield adopted.hook


def forget(url: str, out: Path, *paths: str) -> RemovalCounts:
    with hook_of(url, out) as hook:
        return forget_songs(str(out), SongChoice(paths), PostgresAddress(url), (hook,))


def songs_of_ours(url: str) -> dict[int, str]:
    """Return the paths of the songs that midiprism has split, by their ids in ``files``."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT f.id, f.filepath FROM files f JOIN midiprism.songs s ON s.digest = f.content_hash "
            "WHERE s.outcome = 'split' ORDER BY f.id"
        ).fetchall()
    return dict(rows)


def assert_sound(url: str, out: Path) -> None:
    report = verify_result(str(out), VerifyScope(), database=PostgresAddress(url))
    assert report.ok, report.as_dict()


def test_rows_that_runs_added_go_with_their_songs_and_no_others(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    before, old = dump_owner_schema(postgres, url, include_counts=False), read_links(url)
    out = tmp_path / "out"
    run_adoption(url, out)
    songs, complete = songs_of_ours(url), read_links(url)
    assert len(songs) > 3
    chosen = [*songs][:3]
    removed = forget(url, out, *(songs[song] for song in chosen))
    assert (removed.songs, removed.songs_kept, removed.reversible) == (3, 0, False)
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    assert read_links(url) == old | expected_links(url, set(songs) - set(chosen))
    assert_sound(url, out)
    assert not os.path.exists(out / REMOVED_FOLDER)
    with pytest.raises(UsageError):
        undo_removal(str(out), PostgresAddress(url))
    run_adoption(url, out)
    assert read_links(url) == complete
    assert_owner_checks(postgres, url)
    forget(url, out, *songs.values())
    assert dump_owner_schema(postgres, url, include_counts=False) == before
    assert_sound(url, out)


def test_a_song_stays_if_a_row_of_the_owner_refers_to_its_track(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_adoption(url, out)
    songs = songs_of_ours(url)
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "INSERT INTO track_splits (parent_file_id, split_file_id, track_number) "
            "SELECT %s, f.id, 99 FROM files f JOIN midiprism.foreign_files_added a ON a.file_id = f.id "
            "JOIN track_splits l ON l.split_file_id = f.id WHERE l.parent_file_id <> %s "
            "AND (SELECT count(*) FROM track_splits o WHERE o.split_file_id = f.id) = 1 "
            "ORDER BY f.id LIMIT 1 RETURNING split_file_id",
            [min(library.processed_song_ids), min(library.processed_song_ids)],
        ).fetchone()
        assert row is not None
        (owner,) = connection.execute(
            "SELECT parent_file_id FROM track_splits WHERE split_file_id = %s AND track_number <> 99", row
        ).fetchone() or (0,)
    links = read_links(url)
    removed = forget(url, out, *songs.values())
    assert (removed.songs, removed.songs_kept) == (len(songs) - 1, 1)
    assert songs_of_ours(url) == {owner: songs[owner]}
    assert read_links(url) == {link for link in links if link[0] not in songs or link[0] == owner}
    assert_sound(url, out)


def test_a_prune_removes_songs_that_the_library_does_not_list_any_more(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_adoption(url, out)
    songs = songs_of_ours(url)
    listed = len(library.song_ids)
    song = next(iter(songs))
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM files WHERE id = %s", [song])
    summary = run_adoption(url, out, prune=True)
    assert (summary.state, summary.songs_gone, summary.songs_seen) == ("done", 1, listed - 1)
    assert summary.removed is not None
    assert (summary.removed.songs, summary.removed.songs_kept) == (1, 0)
    assert_sound(url, out)
