"""A library that another program keeps in PostgreSQL, taken over."""

import json
import shutil
from pathlib import Path

import psycopg
import pytest

from midiprism.catalog import PostgresAddress
from midiprism.errors import CatalogError, UsageError
from midiprism.library import Found
from midiprism.library.listed import ListedLibrary
from midiprism.library.pathmap import path_map
from midiprism.run import Settings
from midiprism.run.settings import Adoption
from support.adopted import ONE_ENDED, adopt, expected, links, require_owners_checks, theirs, undo
from support.fake import PIANO, song, write
from support.foreign import Foreign, build
from support.postgres import Server
from support.runs import run

SONGS = 60


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.new_database()


@pytest.fixture
def library(url: str, tmp_path: Path) -> Foreign:
    return build(url, tmp_path, songs=SONGS, columns=True, triggers=True)


def begun(url: str) -> set[int]:
    return {link[0] for link in links(url)}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_rest_is_split_and_nothing_else_changes(
    postgres: Server, url: str, library: Foreign, tmp_path: Path, workers: int
) -> None:
    before, old, done = theirs(postgres, url, counts=False), links(url), begun(url)
    summary = adopt(url, tmp_path / "out", workers=workers)
    left = set(library.parents) - done
    assert (summary.state, summary.failed) == ("done", False)
    assert summary.outcomes == {"adopted": len(done), "split": len(left)}
    assert summary.parents_seen == summary.parents_total == len(library.parents)
    assert before <= theirs(postgres, url, counts=False)
    assert links(url) == old | expected(url, left)
    require_owners_checks(postgres, url)
    counted = "SELECT files FROM file_counts WHERE is_split"
    assert postgres.psql(url, counted) == postgres.psql(
        url, "SELECT count(*) FROM files WHERE is_multi_track"
    )


def test_a_split_has_the_facts_that_its_owner_asks_for(url: str, library: Foreign, tmp_path: Path) -> None:
    adopt(url, tmp_path / "out")
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


def test_a_second_run_does_nothing(postgres: Server, url: str, library: Foreign, tmp_path: Path) -> None:
    adopt(url, tmp_path / "out")
    before = theirs(postgres, url)
    again = adopt(url, tmp_path / "out")
    assert (again.state, again.wrote_nothing, again.run_id) == ("done", True, None)
    assert again.parents_skipped == again.parents_seen == len(library.parents)
    assert theirs(postgres, url) == before


@pytest.mark.parametrize("workers", [0, 2])
def test_undo_restores_what_was_there(
    postgres: Server, url: str, library: Foreign, tmp_path: Path, workers: int
) -> None:
    before = theirs(postgres, url)
    summary = adopt(url, tmp_path / "out", workers=workers)
    assert summary.run_id is not None
    undone = undo(url, summary.run_id)
    assert theirs(postgres, url) == before
    assert (undone.songs, undone.tracks) == (len(library.parents), summary.tracks_new)
    assert (undone.kept, undone.restored, undone.not_restored) == (0, 0, 0)
    tables = ("parents", "parent_paths", "track_splits", "tracks", "added_files", "added_links")
    assert [postgres.psql(url, f"SELECT count(*) FROM midiprism.{table}") for table in tables] == ["0\n"] * 6
    again = adopt(url, tmp_path / "out")
    assert again.outcomes == summary.outcomes
    require_owners_checks(postgres, url)


def test_undo_keeps_what_others_use(postgres: Server, url: str, library: Foreign, tmp_path: Path) -> None:
    first = adopt(url, tmp_path / "out", batch_parents=5)
    postgres.psql(
        url,
        "CREATE TABLE favourites (file_id BIGINT REFERENCES files ON DELETE CASCADE);"
        "INSERT INTO favourites SELECT file_id FROM midiprism.added_files ORDER BY 1 LIMIT 3",
    )
    assert first.run_id is not None
    undone = undo(url, first.run_id)
    assert undone.kept == 3
    assert postgres.psql(url, "SELECT count(*) FROM favourites f JOIN files ON id = file_id") == "3\n"
    with pytest.raises(UsageError, match="undone already"):
        undo(url, first.run_id)
    with pytest.raises(UsageError, match="no run 99"):
        undo(url, 99)


def test_undo_leaves_to_a_later_run_what_it_uses(postgres: Server, url: str, tmp_path: Path) -> None:
    build(url, tmp_path, songs=SONGS, share=0.0, triggers=True)
    before = theirs(postgres, url)
    first = adopt(url, tmp_path / "out", limit=SONGS // 3)
    second = adopt(url, tmp_path / "out")
    assert second.outcomes["split"] > 0
    assert first.run_id is not None
    assert second.run_id is not None
    assert undo(url, first.run_id).kept > 0
    assert postgres.psql(url, "SELECT DISTINCT run_id FROM midiprism.added_files") == f"{second.run_id}\n"
    assert postgres.psql(url, ONE_ENDED) == "0\n"
    undo(url, second.run_id)
    assert theirs(postgres, url) == before


def test_what_is_lacking_is_completed(postgres: Server, url: str, library: Foreign, tmp_path: Path) -> None:
    old, before = links(url), theirs(postgres, url, counts=False)
    assert library.dropped
    adopt(url, tmp_path / "out")
    summary = adopt(url, tmp_path / "out", existing="complete")
    assert summary.outcomes == {"split": len({link[0] for link in old})}
    assert summary.parents_seen == len(library.parents)
    assert before <= theirs(postgres, url, counts=False)
    pairs = {(parent, digest) for parent, digest, *_ in links(url)}
    assert pairs == {(parent, digest) for parent, digest, *_ in old | expected(url, set(library.parents))}
    assert adopt(url, tmp_path / "out", existing="complete").wrote_nothing
    undo(url, summary.run_id or 0)
    assert {link for link in links(url) if link[0] in {link[0] for link in old}} == old


def test_completing_in_the_first_run_is_the_same(
    postgres: Server, url: str, library: Foreign, tmp_path: Path
) -> None:
    before, old = theirs(postgres, url), links(url)
    summary = adopt(url, tmp_path / "out", existing="complete", workers=2)
    assert summary.outcomes == {"split": len(library.parents)}
    pairs = {(parent, digest) for parent, digest, *_ in links(url)}
    assert pairs == {(parent, digest) for parent, digest, *_ in old | expected(url, set(library.parents))}
    undo(url, summary.run_id or 0)
    assert theirs(postgres, url) == before


def test_wrong_rows_are_replaced_and_come_back(postgres: Server, url: str, tmp_path: Path) -> None:
    library = build(url, tmp_path, songs=SONGS, buggy=0.5, columns=True)
    before, old = theirs(postgres, url), links(url)
    adopt(url, tmp_path / "out")
    between = theirs(postgres, url)
    summary = adopt(url, tmp_path / "out", existing="replace")
    right = expected(url, set(library.parents))
    pairs = {(parent, digest) for parent, digest, *_ in links(url)}
    assert pairs == {(parent, digest) for parent, digest, *_ in right}
    wrong = {digest for _, digest, *_ in old} - {digest for _, digest, *_ in right}
    assert wrong
    gone = "SELECT count(*) FROM midiprism.replaced_rows WHERE table_name = 'files'"
    assert postgres.psql(url, gone) == f"{len(wrong)}\n"
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT content_hash FROM public.files")
        assert not wrong & {bytes(digest) for (digest,) in rows}
    undone = undo(url, summary.run_id or 0)
    assert (undone.not_restored, undone.restored > len(wrong)) == (0, True)
    assert theirs(postgres, url) == between
    undo(url, 1)
    assert theirs(postgres, url) == before


def test_a_library_that_has_moved(postgres: Server, url: str, library: Foreign, tmp_path: Path) -> None:
    before = theirs(postgres, url, counts=False)
    moved = tmp_path / "disk" / "songs"
    shutil.copytree(library.songs, moved)
    shutil.move(library.songs, tmp_path / "gone")
    rules = (f"{library.songs}={moved}", f"{tmp_path}/archive={tmp_path}/disk")
    summary = adopt(url, tmp_path / "disk" / "out", rules=rules)
    assert (summary.state, summary.failed) == ("done", False)
    assert before <= theirs(postgres, url, counts=False)
    with psycopg.connect(url) as connection:
        ours = "SELECT filepath FROM public.files JOIN midiprism.added_files ON file_id = id"
        paths = [path for (path,) in connection.execute(ours)]
    assert paths
    assert all(path.startswith(f"{tmp_path}/archive/out/tracks/") for path in paths)
    named = postgres.psql(url, "SELECT min(song) FROM midiprism.parent_paths").strip()
    assert (library.songs.parent / "gone" / f"{named}.mid").exists()
    assert adopt(url, tmp_path / "disk" / "out", rules=rules).wrote_nothing


def test_names_lie_below_the_folder_that_all_are_in() -> None:
    listed = ListedLibrary(list, int, path_map(["/old/a=/new/x"]), b"/old/")
    for recorded, here, name in (
        (b"/old/a/b/c.mid", b"/new/x/b/c.mid", b"b/c.mid"),
        (b"/old/d/c.mid", b"/old/d/c.mid", b"d/c.mid"),
    ):
        found = listed.found(recorded)
        assert isinstance(found, Found)
        assert (found.path, found.path[found.root_length :]) == (here, name)
    assert listed.found(b"c.mid") is None


def test_a_song_that_is_gone_fails_and_is_tried_again(url: str, library: Foreign, tmp_path: Path) -> None:
    left = set(library.parents) - begun(url)
    with psycopg.connect(url) as connection:
        one = connection.execute("SELECT filepath FROM files WHERE id = %s", [min(left)]).fetchone()
    assert one is not None
    path = Path(one[0])
    data = path.read_bytes()
    path.unlink()
    summary = adopt(url, tmp_path / "out")
    assert (summary.state, summary.outcomes["unreadable"]) == ("done", 1)
    path.write_bytes(data)
    assert adopt(url, tmp_path / "out").outcomes == {"split": 1}


def test_a_song_that_is_gone_and_was_split_does_no_harm(url: str, library: Foreign, tmp_path: Path) -> None:
    with psycopg.connect(url) as connection:
        one = connection.execute("SELECT filepath FROM files WHERE id = %s", [min(begun(url))]).fetchone()
    assert one is not None
    Path(one[0]).unlink()
    assert not adopt(url, tmp_path / "out").failed
    assert adopt(url, tmp_path / "out").wrote_nothing


def test_a_song_that_is_not_as_recorded_fails(
    postgres: Server, url: str, library: Foreign, tmp_path: Path
) -> None:
    left = min(set(library.parents) - begun(url))
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT filepath FROM files WHERE id = ANY(%s)", [[left, max(library.parents)]]
        )
        one, other = (Path(path) for (path,) in rows)
    one.write_bytes(other.read_bytes() + b"more")
    summary = adopt(url, tmp_path / "out")
    assert [(failure.path, failure.code) for failure in summary.failures] == [(bytes(one), "changed")]
    assert left not in begun(url)


def test_a_result_keeps_to_how_it_was_begun(
    url: str, postgres: Server, library: Foreign, tmp_path: Path
) -> None:
    adopt(url, tmp_path / "out")
    marker = json.loads((tmp_path / "out" / "midiprism.json").read_text())
    assert marker["adopted"] is True
    own = write(tmp_path / "own", {"a.mid": song(PIANO)})
    with pytest.raises(UsageError, match="--adopt"):
        run(own, tmp_path / "out", Settings(workers=0, database=PostgresAddress(url)))
    with pytest.raises(CatalogError, match="--adopt"):
        run(own, tmp_path / "other", Settings(workers=0, database=PostgresAddress(url)))
    plain = PostgresAddress(url, "plain")
    run(own, tmp_path / "plain", Settings(workers=0, database=plain))
    asked = Settings(workers=0, database=plain, adoption=Adoption())
    with pytest.raises(UsageError, match="without --adopt"):
        run(own, tmp_path / "plain", asked)
    with pytest.raises(CatalogError, match="without --adopt"):
        run(own, tmp_path / "another", asked)
    assert postgres.psql(url, "SELECT count(*) FROM plain.parents") == "1\n"
