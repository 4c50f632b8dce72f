"""Tests of rows that another program's tables take, refuse, or cannot hold."""

from pathlib import Path
from random import Random
from string import ascii_letters

import psycopg
import pytest

import midiprism
from midiprism.adopt.db.column_limits import ColumnLimit, read_column_limits
from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.errors import CatalogError
from midiprism.pipeline import RerunPolicy
from support.adoption_runs import (
    assert_owner_checks,
    dump_owner_schema,
    expected_links,
    read_links,
    run_adoption,
    undo,
)
from support.foreign_library import ForeignSampleLibrary, build_foreign_library
from support.midi_writer import note, song, tempo, track, track_name
from support.postgres import PostgresServer, ServerError

LONG = 10_000_000
"""Length in ticks; at one tick per quarter note it has more seconds than NUMERIC(7, 3) can hold."""


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


def titled_song(title: bytes, *pitches: int, end: int = 960, division: int = 480) -> bytes:
    """Return a song with a conductor and a source track per pitch, of which the first has a name."""
    tracks = [track([(0, track_name(title)), *note(0, pitches[0], 0, 480)], end=end)]
    tracks += [track(note(1, pitch, 0, 480), end=end) for pitch in pitches[1:]]
    return song(track([(0, tempo(500_000))]), *tracks, division=division)


def unsplit_library(url: str, folder: Path, **songs: bytes) -> ForeignSampleLibrary:
    """Return a library of these songs, none of which is split."""
    (folder / "songs").mkdir()
    for title, data in songs.items():
        (folder / "songs" / f"{title}.mid").write_bytes(data)
    return build_foreign_library(url, folder, song_count=0, processed_share=0.0)


def recorded_problems(postgres: PostgresServer, url: str) -> list[str]:
    """Return the problems of all songs, in the order of their paths."""
    return postgres.psql(
        url,
        "SELECT p ->> 'code' || ' ' || (p ->> 'message') FROM midiprism.songs s "
        "JOIN midiprism.song_paths ON song_id = s.id, json_array_elements(s.problems) p ORDER BY path",
    ).splitlines()


def test_two_identical_tracks_are_one_foreign_link_and_two_own_links(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    same = track([(0, track_name(b"Twin")), *note(0, 60, 0, 480)])
    found = unsplit_library(
        url, tmp_path, a=song(track([(0, tempo(500_000))]), same, track(note(1, 50, 0, 9)), same)
    )
    run_adoption(url, tmp_path / "out")
    assert {link[2:4] for link in read_links(url)} == {(1, "Twin"), (2, None)}
    assert read_links(url) == expected_links(url, set(found.song_ids))
    assert postgres.psql(url, "SELECT count(*) FROM midiprism.links") == "3\n"


def test_a_track_whose_content_has_a_row_is_linked_to_it(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    data = titled_song(b"Lead", 60, 61)
    split = midiprism.split(data).tracks[0].data
    found = unsplit_library(url, tmp_path, a=data, b=split)
    before = dump_owner_schema(postgres, url)
    run_adoption(url, tmp_path / "out")
    assert before <= dump_owner_schema(postgres, url)
    assert read_links(url) == expected_links(url, set(found.song_ids))
    own = "SELECT filepath FROM track_splits l JOIN files f ON f.id = split_file_id WHERE track_name = 'Lead'"
    assert (
        postgres.psql(url, own.replace("track_splits", "public.track_splits")) == f"{tmp_path}/songs/b.mid\n"
    )


def test_a_song_fails_if_another_content_has_the_path_of_its_track(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    found = unsplit_library(url, tmp_path, a=titled_song(b"Taken", 60, 61), b=titled_song(b"Free", 62, 63))
    run_adoption(url, tmp_path / "out")
    taken = postgres.psql(url, "SELECT min(filepath) FROM files WHERE filepath LIKE '%/Taken-%'").strip()
    undo(url, 1)
    postgres.psql(
        url,
        "INSERT INTO files (filename, filepath, original_filename, content_hash, file_size_bytes) "
        f"VALUES ('x', '{taken}', 'x', 'other', 1)",
    )
    before = dump_owner_schema(postgres, url)
    summary = run_adoption(url, tmp_path / "out")
    assert summary.outcomes == {"failed": 1, "split": 1}
    (failure,) = summary.failures
    assert (Path(failure.path.decode()).name, failure.code) == ("a.mid", "path_taken")
    assert taken in failure.message
    assert before <= dump_owner_schema(postgres, url)
    assert read_links(url) == expected_links(url, {found.song_ids[1]})
    postgres.psql(url, "DELETE FROM files WHERE filename = 'x'")
    assert run_adoption(url, tmp_path / "out", rerun_policy=RerunPolicy(retry_failed=True)).outcomes == {
        "split": 1
    }
    assert read_links(url) == expected_links(url, set(found.song_ids))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_song_fails_if_a_trigger_refuses_its_row(
    postgres: PostgresServer, url: str, tmp_path: Path, workers: int
) -> None:
    found = unsplit_library(
        url,
        tmp_path,
        a=titled_song(b"Bad", 60, 61),
        b=titled_song(b"Good", 62, 63),
        c=titled_song(b"Fine", 64, 65),
    )
    postgres.psql(
        url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.filename LIKE 'Bad-%' THEN RAISE EXCEPTION 'No such names here'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refusing BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    summary = run_adoption(url, tmp_path / "out", workers=workers)
    assert (summary.state, summary.outcomes) == ("done", {"failed": 1, "split": 2})
    assert [(failure.code, "No such names" in failure.message) for failure in summary.failures] == [
        ("refused", True)
    ]
    assert read_links(url) == expected_links(url, set(found.song_ids[1:]))
    require = "SELECT count(*) FROM files WHERE is_multi_track AND parent_file_id = "
    assert postgres.psql(url, f"{require}{found.song_ids[0]}") == "0\n"


def test_a_name_with_nul_is_null_and_reported(postgres: PostgresServer, url: str, tmp_path: Path) -> None:
    unsplit_library(url, tmp_path, a=titled_song(b"Le\0ad", 60, 61))
    summary = run_adoption(url, tmp_path / "out")
    assert (summary.outcomes, summary.values_nulled) == ({"split": 1}, 1)
    assert {link[3] for link in read_links(url)} == {None}
    (problem,) = recorded_problems(postgres, url)
    assert problem.startswith("value_nulled track_splits.track_name cannot hold ")
    assert_owner_checks(postgres, url)


@pytest.mark.parametrize("workers", [0, 2])
def test_numbers_out_of_range_are_null_and_reported(
    postgres: PostgresServer, url: str, tmp_path: Path, workers: int
) -> None:
    found = unsplit_library(
        url, tmp_path, a=titled_song(b"Long", 60, 61, end=LONG, division=1), b=titled_song(b"Short", 62, 63)
    )
    postgres.psql(
        url,
        "ALTER TABLE files ALTER duration_seconds TYPE NUMERIC(7, 3) USING 0;"
        "ALTER TABLE track_splits ALTER track_name TYPE VARCHAR(4)",
    )
    summary = run_adoption(url, tmp_path / "out", workers=workers)
    assert (summary.outcomes, summary.values_nulled) == ({"split": 2}, 3)
    found_problems = recorded_problems(postgres, url)
    assert [problem.split()[1] for problem in found_problems] == [
        "files.duration_seconds",
        "files.duration_seconds",
        "track_splits.track_name",
    ]
    nulls = "SELECT parent_file_id, count(*) FROM files WHERE is_multi_track AND duration_seconds IS NULL"
    assert postgres.psql(url, f"{nulls} GROUP BY 1") == f"{found.song_ids[0]}|2\n"
    assert {link[3] for link in read_links(url)} == {"Long", None}
    assert_owner_checks(postgres, url)


def test_a_division_in_frames_gives_no_ticks_per_quarter_note(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    unsplit_library(url, tmp_path, a=titled_song(b"Film", 60, 61, division=0xE728))
    assert run_adoption(url, tmp_path / "out").values_nulled == 0
    own = "SELECT DISTINCT ticks_per_quarter_note IS NULL FROM files WHERE is_multi_track"
    assert postgres.psql(url, own) == "t\n"


def test_a_song_fails_if_an_index_cannot_hold_the_path_of_its_track(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    found = unsplit_library(
        url, tmp_path, a=titled_song(b"Long" * 40, 60, 61), b=titled_song(b"Short", 62, 63)
    )
    # PostgreSQL compresses what repeats itself; an entry may have 2,704 bytes.
    folder = "/" + "".join(Random(1).choices(ascii_letters, k=2_560))
    postgres.psql(url, f"UPDATE files SET filepath = replace(filepath, '{tmp_path}', '{folder}')")
    summary = run_adoption(url, tmp_path / "out", rules=(f"{folder}={tmp_path}",))
    assert (summary.state, summary.outcomes) == ("done", {"failed": 1, "split": 1})
    assert [(failure.code, "index" in failure.message) for failure in summary.failures] == [("refused", True)]
    assert {link[0] for link in read_links(url)} == {found.song_ids[1]}


def test_a_constraint_that_refuses_all_rows_changes_nothing(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    unsplit_library(url, tmp_path, a=titled_song(b"Lead", 60, 61))
    before = dump_owner_schema(postgres, url)
    postgres.psql(url, "ALTER TABLE files ADD CONSTRAINT closed CHECK (id < 2) NOT VALID")
    assert run_adoption(url, tmp_path / "out").outcomes == {"failed": 1}
    postgres.psql(url, "ALTER TABLE files DROP CONSTRAINT closed")
    assert dump_owner_schema(postgres, url) == before


RIGHTS = """
DO $$ BEGIN CREATE ROLE librarian; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT SELECT, INSERT, DELETE ON files, track_splits TO librarian;
GRANT USAGE ON files_id_seq, track_splits_id_seq TO librarian;
DO $$ BEGIN EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO librarian', current_database()); END $$;
"""


def test_a_role_needs_no_more_privileges_than_documented(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    """The role owns neither table, and may not change a row."""
    build_foreign_library(url, tmp_path, song_count=20, buggy_share=0.5)
    postgres.psql(url, RIGHTS)
    before = dump_owner_schema(postgres, url)
    librarian = f"{url}&options=-c%20role%3Dlibrarian"
    first = run_adoption(librarian, tmp_path / "out")
    assert (first.state, first.has_failures) == ("done", False)
    second = run_adoption(librarian, tmp_path / "out", existing="replace")
    assert (second.state, second.has_failures) == ("done", False)
    assert_owner_checks(postgres, url)
    assert undo(librarian, second.run_id or 0).foreign_rows_restored > 0
    undo(librarian, first.run_id or 0)
    assert dump_owner_schema(postgres, url) == before
    postgres.psql(url, "DROP SCHEMA midiprism CASCADE; DROP OWNED BY librarian")


def test_foreign_tables_are_found_behind_an_own_schema_named_like_the_role(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    """The role has the name of midiprism's schema, so its search path begins with that schema."""
    found = unsplit_library(url, tmp_path, a=titled_song(b"Lead", 60, 61))
    assert postgres.psql(url, "SELECT current_user") == "midiprism\n"
    open_catalog(PostgresAddress(url)).close()
    postgres.psql(url, "CREATE TABLE midiprism.track_splits (song_id bigint)")
    assert postgres.psql(url, "SELECT count(*) FROM track_splits WHERE song_id = 1") == "0\n"
    run_adoption(url, tmp_path / "out")
    assert read_links(url) == expected_links(url, set(found.song_ids))
    with pytest.raises(ServerError):
        postgres.psql(url, "SELECT parent_file_id FROM track_splits")


def test_a_column_holds_values_of_its_type(postgres: PostgresServer, url: str) -> None:
    postgres.psql(
        url, "CREATE TABLE t (a SMALLINT, b INT, c BIGINT, d NUMERIC(5, 2), e VARCHAR(3), f TEXT, g NUMERIC)"
    )
    catalog = open_catalog(PostgresAddress(url))
    with catalog:
        fits = catalog.run_in_transaction(lambda: read_column_limits(catalog.connection, "public.t"))
    held: dict[str, list[tuple[object, bool]]] = {
        "a": [(32_767, True), (32_768, False), (-32_768, True), (-32_769, False), (None, True)],
        "b": [(2**31 - 1, True), (2**31, False)],
        "c": [(2**63 - 1, True), (2**63, False)],
        "d": [(999.99, True), (999.994, True), (999.996, False), (-999.99, True), (1000, False)],
        "e": [("abc", True), ("abcd", False), ("äöü", True)],
        "f": [("x" * 10_000, True), ("\N{REPLACEMENT CHARACTER}", False)],
        "g": [(10**40, True)],
    }
    for column, values in held.items():
        assert [(value, fits[column].can_hold(value)) for value, _ in values] == values


def test_a_numeric_may_have_a_negative_scale() -> None:
    assert ColumnLimit("numeric", (3 << 16 | 0x7FE) + 4).can_hold(99_900)
    assert not ColumnLimit("numeric", (3 << 16 | 0x7FE) + 4).can_hold(100_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP TABLE track_splits", "no table track_splits"),
        ("ALTER TABLE files DROP COLUMN content_hash", "content_hash is missing"),
        ("ALTER TABLE files ALTER num_tracks TYPE TEXT", "num_tracks is of type text"),
    ],
)
def test_unknown_tables_are_refused_with_the_reason(
    postgres: PostgresServer, url: str, tmp_path: Path, change: str, message: str
) -> None:
    unsplit_library(url, tmp_path, a=titled_song(b"Lead", 60, 61))
    postgres.psql(url, f"{change} CASCADE" if change.startswith("DROP") else change)
    with pytest.raises(CatalogError, match=message):
        run_adoption(url, tmp_path / "out")


def test_the_owner_keeps_a_library_in_a_schema_of_their_own(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    found = unsplit_library(url, tmp_path, a=titled_song(b"Lead", 60, 61))
    postgres.psql(
        url,
        'CREATE SCHEMA "My Songs"; ALTER TABLE files SET SCHEMA "My Songs";'
        'ALTER TABLE track_splits SET SCHEMA "My Songs";'
        'ALTER ROLE midiprism SET search_path = "My Songs", public',
    )
    try:
        run_adoption(url, tmp_path / "out")
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                'SELECT DISTINCT parent_file_id FROM "My Songs".track_splits'
            ).fetchall()
        assert rows == [(found.song_ids[0],)]
        undo(url, 1)
    finally:
        postgres.psql(url, "ALTER ROLE midiprism RESET search_path")
