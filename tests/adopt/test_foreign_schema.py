"""Tests of recognizing the tables of another program's library."""

from pathlib import Path

import pytest

from midiprism.adopt.db.foreign_reader import ForeignLibrary
from midiprism.adopt.db.foreign_schema import ForeignColumn, ForeignSchema, ForeignTrigger
from midiprism.catalog import PostgresAddress
from midiprism.errors import CatalogError
from support.owner_library import OwnerLibrary
from support.postgres import PostgresServer

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def owner_library(postgres: PostgresServer, tmp_path: Path) -> OwnerLibrary:
    return OwnerLibrary.create(postgres, tmp_path)


def read_schema(url: str) -> ForeignSchema:
    with ForeignLibrary(PostgresAddress(url)) as library:
        return library.schema


def test_the_tables_are_recognized(owner_library: OwnerLibrary) -> None:
    shape = read_schema(owner_library.url)
    assert shape.recognised
    assert shape.schemas == {"files": "public", "track_splits": "public"}
    assert shape.qualified_name("files") == '"public"."files"'
    assert (shape.extra_columns, shape.triggers) == ((), ())


def test_columns_and_triggers_of_the_owner_are_named(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    for script in ("foreign_columns.sql", "foreign_trigger.sql"):
        postgres.psql(owner_library.url, (SUPPORT / script).read_text(encoding="utf-8"))
    postgres.psql(owner_library.url, "ALTER TABLE track_splits ADD COLUMN who TEXT NOT NULL")
    postgres.psql(owner_library.url, "ALTER TABLE files DISABLE TRIGGER files_added")
    shape = read_schema(owner_library.url)
    assert shape.recognised
    assert shape.extra_columns == (
        ForeignColumn("files", "rating", "smallint", False),
        ForeignColumn("files", "remark", "text", False),
        ForeignColumn("files", "last_heard", "timestamp with time zone", False),
        ForeignColumn("track_splits", "who", "text", True),
    )
    assert shape.triggers == (
        ForeignTrigger("files", "files_added", False),
        ForeignTrigger("files", "files_removed", True),
        ForeignTrigger("files", "files_touched", True),
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("DROP TABLE track_splits", "There is no table track_splits that this role's search path leads to."),
        ("ALTER TABLE files DROP COLUMN num_tracks", "files: the column num_tracks is missing (bigint)."),
        (
            "ALTER TABLE files ALTER COLUMN content_hash TYPE text USING encode(content_hash, 'hex')",
            "files: the column content_hash is of type text, and not bytea.",
        ),
        (
            "ALTER TABLE files ALTER COLUMN total_tracks TYPE smallint[] USING ARRAY[]::smallint[]",
            "files: the column total_tracks is of type smallint[], and not smallint or integer or bigint.",
        ),
        ("DROP INDEX idx_files_content_hash", "files: no unique index on content_hash."),
        (
            "DROP INDEX idx_files_content_hash; CREATE UNIQUE INDEX ON files (content_hash) WHERE id > 5",
            "files: no unique index on content_hash.",
        ),
        (
            "ALTER TABLE track_splits DROP CONSTRAINT uq_parent_split_pair",
            "track_splits: no unique index on parent_file_id, split_file_id.",
        ),
        (
            "ALTER TABLE files ALTER COLUMN id DROP DEFAULT",
            "files: the column id has no default: neither a sequence nor an identity.",
        ),
        (
            "ALTER TABLE files DROP total_tracks, ADD total_tracks int GENERATED ALWAYS AS (1) STORED",
            "files: the column total_tracks is a generated one, which cannot be filled.",
        ),
    ],
)
def test_each_difference_is_a_fault(
    postgres: PostgresServer, owner_library: OwnerLibrary, change: str, fault: str
) -> None:
    postgres.psql(owner_library.url, change)
    assert read_schema(owner_library.url).faults[0] == fault


def test_a_view_is_a_fault(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    postgres.psql(
        owner_library.url, "ALTER TABLE files RENAME TO all_files; CREATE VIEW files AS TABLE all_files"
    )
    assert "files is not a table." in read_schema(owner_library.url).faults


def test_types_may_differ_where_it_does_not_matter(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    postgres.psql(
        owner_library.url,
        "CREATE DOMAIN place AS varchar(500); ALTER TABLE files ALTER COLUMN filepath TYPE place;"
        "ALTER TABLE files ALTER COLUMN duration_seconds TYPE double precision;"
        "ALTER TABLE files DROP COLUMN manufacturer, DROP COLUMN folder_tags, DROP COLUMN analyzed_at;"
        "ALTER TABLE track_splits ALTER COLUMN id DROP DEFAULT;"
        "ALTER TABLE track_splits ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY",
    )
    assert read_schema(owner_library.url).faults == ()


def test_tables_are_found_where_the_search_path_leads(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    owner_library.add_song("a.mid", b"MThd")
    name = owner_library.url.rpartition("?")[0].rpartition("/")[2]
    schema = '"odd "":x {files}"'
    postgres.psql(
        owner_library.url,
        f"CREATE SCHEMA {schema}; ALTER TABLE files SET SCHEMA {schema}; "
        f"ALTER TABLE track_splits SET SCHEMA {schema}; ALTER DATABASE {name} SET search_path TO {schema}",
    )
    with ForeignLibrary(PostgresAddress(owner_library.url)) as library:
        assert library.schema.schemas["files"] == 'odd ":x {files}'
        assert library.fetch_rows("SELECT filename FROM {files}") == [("a.mid",)]
        assert library.count_already_split() == 0


def test_an_own_table_of_the_same_name_is_ignored(
    postgres: PostgresServer, owner_library: OwnerLibrary
) -> None:
    name = owner_library.url.rpartition("?")[0].rpartition("/")[2]
    postgres.psql(
        owner_library.url,
        "CREATE SCHEMA midiprism; CREATE TABLE midiprism.track_splits (parent_id bigint); "
        f"ALTER DATABASE {name} SET search_path TO midiprism, public",
    )
    assert read_schema(owner_library.url).recognised


def test_nothing_can_be_written(owner_library: OwnerLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midiprism.catalog.postgres.server.MAX_OUTAGE_SECONDS", -1)
    wanted = pytest.raises(CatalogError, match="read-only transaction")
    with ForeignLibrary(PostgresAddress(owner_library.url)) as library, wanted:
        library.fetch_rows("DELETE FROM {files} RETURNING id")


def test_unknown_tables_are_refused(postgres: PostgresServer, owner_library: OwnerLibrary) -> None:
    postgres.psql(owner_library.url, "ALTER TABLE track_splits RENAME COLUMN split_file_id TO child")
    refused = pytest.raises(CatalogError, match=r"\(track_splits.split_file_id missing\)")
    with ForeignLibrary(PostgresAddress(owner_library.url)) as library, refused:
        library.require_tables()
