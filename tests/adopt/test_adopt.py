"""Tests of adopting a library that another program keeps in PostgreSQL."""

import json
import shutil
from pathlib import Path

import psycopg
import pytest

from midiprism.adopt.adoption import open_adopted_library
from midiprism.adopt.errors import AlreadyUndoneError, UnknownRunError
from midiprism.adopt.options import Adoption
from midiprism.catalog import PostgresAddress, VerifyScope
from midiprism.errors import AdoptionMismatchError, CommitHooksMismatchError
from midiprism.integrity.verify import verify_result
from midiprism.results.status import read_status
from midiprism.sources import SongRef
from midiprism.sources.path_list import PathListSource
from midiprism.sources.path_map import parse_path_map
from support.adoption_runs import (
    DANGLING_LINKS_SQL,
    assert_owner_checks,
    dump_owner_schema,
    expected_links,
    read_links,
    run_adoption,
    undo,
)
from support.fake_songs import PIANO, fake_song, write_files
from support.foreign_library import ForeignSampleLibrary, build_foreign_library
from support.postgres import PostgresServer
from support.runs import make_settings, run_split

SONGS = 60


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def library(url: str, tmp_path: Path) -> ForeignSampleLibrary:
    return build_foreign_library(url, tmp_path, song_count=SONGS, extra_columns=True, triggers=True)


def linked_song_ids(url: str) -> set[int]:
    return {link[0] for link in read_links(url)}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_rest_is_split_and_nothing_else_changes(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path, workers: int
) -> None:
    before, old, done = (
        dump_owner_schema(postgres, url, include_counts=False),
        read_links(url),
        linked_song_ids(url),
    )
    summary = run_adoption(url, tmp_path / "out", workers=workers)
    left = set(library.song_ids) - done
    assert (summary.state, summary.has_failures) == ("done", False)
    assert summary.outcomes == {"adopted": len(done), "split": len(left)}
    assert summary.songs_seen == summary.songs_total == len(library.song_ids)
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    assert read_links(url) == old | expected_links(url, left)
    assert_owner_checks(postgres, url)
    counted = "SELECT files FROM file_counts WHERE is_split"
    assert postgres.psql(url, counted) == postgres.psql(
        url, "SELECT count(*) FROM files WHERE is_multi_track"
    )


def test_an_added_row_has_the_columns_that_the_owner_needs(
    url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    run_adoption(url, tmp_path / "out")
    wanted = (
        "SELECT s.filename = regexp_replace(s.filepath, '.*/', ''), "
        "s.original_filename = p.original_filename, s.format, s.num_tracks, "
        "s.ticks_per_quarter_note = p.ticks_per_quarter_note, "
        "s.duration_ticks <= p.duration_ticks, s.duration_seconds <= p.duration_seconds + 0.001, "
        "s.total_tracks = p.num_tracks, s.collection_name = p.collection_name, "
        "s.folder_tags = p.folder_tags, l.track_number = s.track_number, s.import_batch_id IS NULL, s.rating "
        "FROM public.files s JOIN public.files p ON p.id = s.parent_file_id "
        "JOIN public.track_splits l ON l.parent_file_id = p.id AND l.split_file_id = s.id "
        "WHERE s.filepath LIKE '%/out/tracks/%'"
    )
    with psycopg.connect(url) as connection:
        rows = connection.execute(wanted).fetchall()
    assert len(rows) > SONGS
    assert set(rows) == {(True, True, 0, 1, *[True] * 8, 0)}


def test_a_second_run_does_nothing(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    run_adoption(url, tmp_path / "out")
    before = dump_owner_schema(postgres, url)
    again = run_adoption(url, tmp_path / "out")
    assert (again.state, again.nothing_new, again.run_id) == ("done", True, None)
    assert again.songs_skipped == again.songs_seen == len(library.song_ids)
    assert dump_owner_schema(postgres, url) == before


@pytest.mark.parametrize("workers", [0, 2])
def test_undo_restores_what_was_there(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path, workers: int
) -> None:
    before = dump_owner_schema(postgres, url)
    summary = run_adoption(url, tmp_path / "out", workers=workers)
    assert summary.run_id is not None
    undone = undo(url, summary.run_id)
    assert dump_owner_schema(postgres, url) == before
    assert (undone.songs, undone.tracks) == (len(library.song_ids), summary.tracks_new)
    assert (undone.foreign_rows_kept, undone.foreign_rows_restored, undone.foreign_rows_not_restored) == (
        0,
        0,
        0,
    )
    tables = ("songs", "song_paths", "links", "tracks", "foreign_files_added", "foreign_links_added")
    assert [postgres.psql(url, f"SELECT count(*) FROM midiprism.{table}") for table in tables] == ["0\n"] * 6
    again = run_adoption(url, tmp_path / "out")
    assert again.outcomes == summary.outcomes
    assert_owner_checks(postgres, url)


def test_after_undo_nothing_advises_the_run_that_was_undone(
    url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out, address = str(tmp_path / "out"), PostgresAddress(url)
    undo(url, run_adoption(url, tmp_path / "out").run_id or 0)
    status = read_status(out, database=address)
    assert [run.state for run in status.runs] == ["undone"]
    assert (status.resume_arguments, status.songs_left) == (None, None)
    assert verify_result(out, VerifyScope(), database=address).last_run_state is None


def test_undo_keeps_what_others_use(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    first = run_adoption(url, tmp_path / "out", batch_songs=5)
    postgres.psql(
        url,
        "CREATE TABLE favourites (file_id BIGINT REFERENCES files ON DELETE CASCADE);"
        "INSERT INTO favourites SELECT file_id FROM midiprism.foreign_files_added ORDER BY 1 LIMIT 3",
    )
    assert first.run_id is not None
    undone = undo(url, first.run_id)
    assert undone.foreign_rows_kept == 3
    assert postgres.psql(url, "SELECT count(*) FROM favourites f JOIN files ON id = file_id") == "3\n"
    with pytest.raises(AlreadyUndoneError, match="undone already"):
        undo(url, first.run_id)
    with pytest.raises(UnknownRunError, match="no run 99"):
        undo(url, 99)


def test_undo_leaves_rows_that_a_later_run_uses(postgres: PostgresServer, url: str, tmp_path: Path) -> None:
    build_foreign_library(url, tmp_path, song_count=SONGS, processed_share=0.0, triggers=True)
    before = dump_owner_schema(postgres, url)
    first = run_adoption(url, tmp_path / "out", limit=SONGS // 3)
    second = run_adoption(url, tmp_path / "out")
    assert second.outcomes["split"] > 0
    assert first.run_id is not None
    assert second.run_id is not None
    assert undo(url, first.run_id).foreign_rows_kept > 0
    assert (
        postgres.psql(url, "SELECT DISTINCT run_id FROM midiprism.foreign_files_added")
        == f"{second.run_id}\n"
    )
    assert postgres.psql(url, DANGLING_LINKS_SQL) == "0\n"
    undo(url, second.run_id)
    assert dump_owner_schema(postgres, url) == before


def test_missing_links_are_added_on_request(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    old, before = read_links(url), dump_owner_schema(postgres, url, include_counts=False)
    assert library.unlinked_tracks
    run_adoption(url, tmp_path / "out")
    summary = run_adoption(url, tmp_path / "out", existing="complete")
    assert summary.outcomes == {"split": len({link[0] for link in old})}
    assert summary.songs_seen == len(library.song_ids)
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    pairs = {(song, digest) for song, digest, *_ in read_links(url)}
    assert pairs == {(song, digest) for song, digest, *_ in old | expected_links(url, set(library.song_ids))}
    assert run_adoption(url, tmp_path / "out", existing="complete").nothing_new
    undo(url, summary.run_id or 0)
    assert {link for link in read_links(url) if link[0] in {link[0] for link in old}} == old


def test_missing_links_can_be_added_in_the_first_run(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    before, old = dump_owner_schema(postgres, url), read_links(url)
    summary = run_adoption(url, tmp_path / "out", existing="complete", workers=2)
    assert summary.outcomes == {"split": len(library.song_ids)}
    pairs = {(song, digest) for song, digest, *_ in read_links(url)}
    assert pairs == {(song, digest) for song, digest, *_ in old | expected_links(url, set(library.song_ids))}
    undo(url, summary.run_id or 0)
    assert dump_owner_schema(postgres, url) == before


def test_wrong_rows_are_replaced_and_restored_by_undo(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    library = build_foreign_library(url, tmp_path, song_count=SONGS, buggy_share=0.5, extra_columns=True)
    before, old = dump_owner_schema(postgres, url), read_links(url)
    run_adoption(url, tmp_path / "out")
    between = dump_owner_schema(postgres, url)
    summary = run_adoption(url, tmp_path / "out", existing="replace")
    right = expected_links(url, set(library.song_ids))
    pairs = {(song, digest) for song, digest, *_ in read_links(url)}
    assert pairs == {(song, digest) for song, digest, *_ in right}
    wrong = {digest for _, digest, *_ in old} - {digest for _, digest, *_ in right}
    assert wrong
    count_query = "SELECT count(*) FROM midiprism.foreign_rows_replaced WHERE table_name = 'files'"
    assert postgres.psql(url, count_query) == f"{len(wrong)}\n"
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT content_hash FROM public.files")
        assert not wrong & {bytes(digest) for (digest,) in rows}
    undone = undo(url, summary.run_id or 0)
    assert (undone.foreign_rows_not_restored, undone.foreign_rows_restored) == (0, summary.rows_replaced)
    assert summary.rows_replaced > len(wrong)
    assert dump_owner_schema(postgres, url) == between
    undo(url, 1)
    assert dump_owner_schema(postgres, url) == before


def test_wrong_rows_of_songs_that_were_completed_before_are_replaced(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    library = build_foreign_library(url, tmp_path, song_count=SONGS, buggy_share=0.5, extra_columns=True)
    run_adoption(url, tmp_path / "out", existing="complete")
    between = dump_owner_schema(postgres, url)
    summary = run_adoption(url, tmp_path / "out", existing="replace")
    right = expected_links(url, set(library.song_ids))
    pairs = {(song, digest) for song, digest, *_ in read_links(url)}
    assert pairs == {(song, digest) for song, digest, *_ in right}
    assert 0 < summary.songs_done < len(library.song_ids)
    assert run_adoption(url, tmp_path / "out", existing="replace").nothing_new
    undo(url, summary.run_id or 0)
    assert dump_owner_schema(postgres, url) == between


def test_a_library_that_has_moved_is_split_with_mapped_paths(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    before = dump_owner_schema(postgres, url, include_counts=False)
    moved = tmp_path / "disk" / "songs"
    shutil.copytree(library.songs_folder, moved)
    shutil.move(library.songs_folder, tmp_path / "gone")
    rules = (f"{library.songs_folder}={moved}", f"{tmp_path}/archive={tmp_path}/disk")
    summary = run_adoption(url, tmp_path / "disk" / "out", rules=rules)
    assert (summary.state, summary.has_failures) == ("done", False)
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    with psycopg.connect(url) as connection:
        ours = "SELECT filepath FROM public.files JOIN midiprism.foreign_files_added ON file_id = id"
        paths = [path for (path,) in connection.execute(ours)]
    assert paths
    assert all(path.startswith(f"{tmp_path}/archive/out/tracks/") for path in paths)
    named = postgres.psql(url, "SELECT min(song_name) FROM midiprism.song_paths").strip()
    assert (library.songs_folder.parent / "gone" / f"{named}.mid").exists()
    assert run_adoption(url, tmp_path / "disk" / "out", rules=rules).nothing_new


def test_song_names_begin_below_the_common_folder() -> None:
    listed = PathListSource(list, int, parse_path_map(["/old/a=/new/x"]), b"/old/")
    for recorded, here, name in (
        (b"/old/a/b/c.mid", b"/new/x/b/c.mid", b"b/c.mid"),
        (b"/old/d/c.mid", b"/old/d/c.mid", b"d/c.mid"),
    ):
        found = listed.song_ref_of(recorded)
        assert isinstance(found, SongRef)
        assert (found.path, found.path[found.root_length :]) == (here, name)
    assert listed.song_ref_of(b"c.mid") is None


def test_a_missing_song_fails_and_is_tried_again(
    url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    left = set(library.song_ids) - linked_song_ids(url)
    with psycopg.connect(url) as connection:
        one = connection.execute("SELECT filepath FROM files WHERE id = %s", [min(left)]).fetchone()
    assert one is not None
    path = Path(one[0])
    data = path.read_bytes()
    path.unlink()
    summary = run_adoption(url, tmp_path / "out")
    assert (summary.state, summary.outcomes["unreadable"]) == ("done", 1)
    path.write_bytes(data)
    assert run_adoption(url, tmp_path / "out").outcomes == {"split": 1}


def test_a_missing_song_that_its_owner_has_split_is_adopted(
    url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    with psycopg.connect(url) as connection:
        one = connection.execute(
            "SELECT filepath FROM files WHERE id = %s", [min(linked_song_ids(url))]
        ).fetchone()
    assert one is not None
    Path(one[0]).unlink()
    assert not run_adoption(url, tmp_path / "out").has_failures
    assert run_adoption(url, tmp_path / "out").nothing_new


def test_a_song_with_another_content_than_recorded_fails(
    postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    left = min(set(library.song_ids) - linked_song_ids(url))
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT filepath FROM files WHERE id = ANY(%s)", [[left, max(library.song_ids)]]
        )
        one, other = (Path(path) for (path,) in rows)
    one.write_bytes(other.read_bytes() + b"more")
    summary = run_adoption(url, tmp_path / "out")
    assert [(failure.path, failure.code) for failure in summary.failures] == [(bytes(one), "changed")]
    assert left not in linked_song_ids(url)


def test_a_result_is_adopted_in_every_run_or_in_none(
    url: str, postgres: PostgresServer, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    run_adoption(url, tmp_path / "out")
    marker = json.loads((tmp_path / "out" / "midiprism.json").read_text())
    assert marker["adopted"] is True
    own = write_files(tmp_path / "own", {"a.mid": fake_song(PIANO)})
    with pytest.raises(AdoptionMismatchError, match="belongs to an adopted library"):
        run_split(own, tmp_path / "out", make_settings(workers=0, database=PostgresAddress(url)))
    with pytest.raises(CommitHooksMismatchError) as raised:
        run_split(own, tmp_path / "other", make_settings(workers=0, database=PostgresAddress(url)))
    assert (set(raised.value.bound), set(raised.value.given)) == ({"adoption"}, set())
    plain = PostgresAddress(url, "plain")
    run_split(own, tmp_path / "plain", make_settings(workers=0, database=plain))
    with open_adopted_library(PostgresAddress(url), Adoption(), str(tmp_path / "plain"), bool) as adopted:
        settings = make_settings(workers=0, database=plain, hooks=(adopted.hook,))
    with pytest.raises(AdoptionMismatchError, match="made without adopting"):
        run_split(own, tmp_path / "plain", settings)
    with pytest.raises(CommitHooksMismatchError) as raised:
        run_split(own, tmp_path / "another", settings)
    assert (set(raised.value.bound), set(raised.value.given)) == (set(), {"adoption"})
    assert postgres.psql(url, "SELECT count(*) FROM plain.songs") == "1\n"
