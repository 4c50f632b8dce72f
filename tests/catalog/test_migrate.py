"""Tests of versions of a catalog: an older one is upgraded with all rows, a newer one is refused."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, inspect, text

from midiprism.catalog import (
    CURRENT_VERSION,
    Address,
    BatchRecord,
    PostgresAddress,
    find_tracks,
    migrate,
    open_catalog,
    open_read_only,
    upgrade_catalog,
)
from midiprism.catalog.errors import NewerCatalogError, OlderBuildError, OutdatedCatalogError
from midiprism.catalog.migrations.versions import v0003_facts, v0004_similar
from midiprism.catalog.postgres.server import connect
from midiprism.catalog.schema import metadata
from midiprism.errors import CatalogError
from support import catalog_access
from support.records import link_record, song_record, track_record

pytestmark = pytest.mark.usefixtures("catalog_backend")

NEXT_VERSION = "9001"
NEXT_MIGRATION = f'''
import sqlalchemy as sa
from alembic import op

revision = "{NEXT_VERSION}"
down_revision = "{CURRENT_VERSION}"


def upgrade() -> None:
    op.add_column("tracks", sa.Column("mood", sa.String))
    op.create_table("moods", sa.Column("name", sa.String, primary_key=True))
'''
"""A made-up version that follows the current one."""


@pytest.fixture
def address(tmp_path: Path) -> Address:
    return catalog_access.catalog_address(tmp_path)


@pytest.fixture
def next_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Turn this program into one of the next version, once the context is entered."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS_FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v9001_moods.py").write_text(NEXT_MIGRATION)
    with monkeypatch.context() as patch:
        yield patch


def become_next_program(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patch.setattr(migrate, "MIGRATIONS_FOLDER", str(tmp_path / "migrations"))
    patch.setattr(migrate, "CURRENT_VERSION", NEXT_VERSION)


def open_connection(address: Address) -> Connection:
    """Return a connection to a database that need not hold a catalog."""
    if isinstance(address, PostgresAddress):
        return connect(address)
    return create_engine(f"sqlite:///{address}", poolclass=NullPool).connect()


def schema_of(address: Address) -> str | None:
    return address.schema if isinstance(address, PostgresAddress) else None


def execute(address: Address, *statements: str) -> None:
    """Run statements in the schema of the catalog, which is made."""
    with open_connection(address) as connection, connection.begin():
        if isinstance(address, PostgresAddress):
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{address.schema}"'))
            connection.execute(text(f'SET LOCAL search_path TO "{address.schema}"'))
        for statement in statements:
            connection.execute(text(statement))


def table_columns(address: Address) -> dict[str, Any]:
    """Return the tables with their columns and indexes, in a fixed order."""
    schema = schema_of(address)
    with open_connection(address) as connection:
        inspector = inspect(connection)
        return {
            name: (
                {column["name"]: str(column["type"]) for column in inspector.get_columns(name, schema)},
                sorted(str(index["name"]) for index in inspector.get_indexes(name, schema)),
            )
            for name in inspector.get_table_names(schema)
        }


def differences_from_schema(address: Address) -> list[Any]:
    """Return the differences that Alembic sees between the tables and ``catalog.schema``."""
    with open_connection(address) as connection, connection.begin():
        if isinstance(address, PostgresAddress):
            connection.execute(text(f'SET LOCAL search_path TO "{address.schema}"'))
        options = {
            "compare_type": True,
            "compare_server_default": True,
            # Alembic compares no index on expressions.
            "include_object": lambda _object, name, *_rest: name != "song_paths_path",
        }
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return [it for it in found if "comment" not in str(it[0]) and "comment" not in str(it[0][0])]


def make_catalog_with_a_song(address: Address) -> None:
    song = song_record(b"/a.mid", bytes(32), link_record(track_record()))
    with open_catalog(address) as catalog:
        run_id = catalog.begin_run({}, "2026-01-01")
        catalog.commit(run_id, [BatchRecord.from_songs([song])], "2026-01-01")


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_a_new_catalog_has_the_tables_of_the_schema(address: Address) -> None:
    open_catalog(address).close()
    assert differences_from_schema(address) == []
    assert upgrade_catalog(address) == (CURRENT_VERSION, CURRENT_VERSION), "an upgrade does nothing"


def test_an_older_catalog_keeps_its_rows_and_works_after_the_upgrade(
    tmp_path: Path, address: Address, next_program: pytest.MonkeyPatch
) -> None:
    make_catalog_with_a_song(address)
    become_next_program(next_program, tmp_path)
    for opening in (open_catalog, open_read_only):
        with pytest.raises(OutdatedCatalogError, match="midiprism catalog upgrade"):
            opening(address)
    assert upgrade_catalog(address) == (CURRENT_VERSION, NEXT_VERSION)
    assert upgrade_catalog(address) == (NEXT_VERSION, NEXT_VERSION), "a second upgrade does nothing"
    tables = table_columns(address)
    assert "moods" in tables
    assert "mood" in tables["tracks"][0]
    with open_catalog(address) as catalog:
        (row,) = find_tracks(catalog.connection)
        assert (row.song_path, row.link.name, row.track.digest) == (b"/a.mid", "Lead", bytes(32))
        assert catalog.known_paths(b"", 9) == {b"/a.mid": (10, 20)}
        assert catalog.begin_run({}, "2026-01-02") == 2


def test_an_upgrade_that_fails_changes_nothing(
    tmp_path: Path, address: Address, next_program: pytest.MonkeyPatch
) -> None:
    make_catalog_with_a_song(address)
    execute(address, "CREATE TABLE moods (mine TEXT)")
    before = table_columns(address)
    become_next_program(next_program, tmp_path)
    with pytest.raises(CatalogError, match="moods"):
        upgrade_catalog(address)
    assert table_columns(address) == before


def test_a_newer_catalog_is_refused_and_left_alone(tmp_path: Path, address: Address) -> None:
    open_catalog(address).close()
    catalog_access.execute(tmp_path, "UPDATE alembic_version SET version_num = '999'")
    before = table_columns(address)
    for opening in (open_catalog, open_read_only, upgrade_catalog):
        with pytest.raises(
            NewerCatalogError, match=f"version 999, and this midiprism knows versions up to {CURRENT_VERSION}"
        ):
            opening(address)
    assert table_columns(address) == before


@pytest.mark.parametrize("version", ["0001", "0002", None])
def test_a_catalog_of_an_older_build_is_refused_and_left_alone(address: Address, version: str | None) -> None:
    execute(address, "CREATE TABLE parents (id INTEGER)", "CREATE TABLE properties (key TEXT, value TEXT)")
    if version is not None:
        execute(
            address,
            "CREATE TABLE alembic_version (version_num TEXT)",
            f"INSERT INTO alembic_version VALUES ('{version}')",
        )
    before = table_columns(address)
    for opening in (open_catalog, open_read_only, upgrade_catalog):
        with pytest.raises(OlderBuildError, match="was made by an older build; split again"):
            opening(address)
    assert table_columns(address) == before


def test_a_catalog_without_the_tables_of_removed_rows_is_refused(address: Address) -> None:
    with open_catalog(address):
        pass
    execute(address, "DROP TABLE removed_songs")
    for opening in (open_catalog, open_read_only, upgrade_catalog):
        with pytest.raises(OlderBuildError, match="was made by an older build; split again"):
            opening(address)


def test_a_database_without_a_catalog_is_not_upgraded(address: Address) -> None:
    execute(address, "CREATE TABLE diary (day TEXT)")
    before = table_columns(address)
    with pytest.raises(CatalogError, match="not a catalog"):
        upgrade_catalog(address)
    assert table_columns(address) == before


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_a_catalog_of_the_first_version_is_upgraded_to_the_tables_of_today(address: Address) -> None:
    with open_catalog(address):
        pass
    execute(address, "DROP INDEX tracks_facts", "DROP INDEX songs_facts")
    for table, names in v0003_facts.COLUMNS.items():
        for changed in (table, f"removed_{table}"):
            execute(address, *(f"ALTER TABLE {changed} DROP COLUMN {name}" for name in names))
    for table, name in v0004_similar.COLUMNS.items():
        for changed in (table, f"removed_{table}"):
            execute(address, f"ALTER TABLE {changed} DROP COLUMN {name}")
    execute(
        address,
        "ALTER TABLE batches DROP COLUMN changed_songs",
        "ALTER TABLE batches DROP COLUMN changed_tracks",
        "UPDATE alembic_version SET version_num = '0001'",
    )
    for opening in (open_catalog, open_read_only):
        with pytest.raises(OutdatedCatalogError):
            opening(address)
    assert upgrade_catalog(address) == ("0001", CURRENT_VERSION)
    assert differences_from_schema(address) == []


def test_the_last_version_is_the_current_one() -> None:
    versions = migrate.known_versions()
    assert versions == sorted(versions)
    assert versions[-1] == CURRENT_VERSION
