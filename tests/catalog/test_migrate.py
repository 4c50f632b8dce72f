"""Versions of a catalogue: old ones are brought up to date with all they hold, newer ones are refused."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from midiprism.catalog import (
    CURRENT_VERSION,
    Address,
    PostgresAddress,
    Selection,
    find_tracks,
    open_catalog,
    open_read_only,
    upgrade_catalog,
)
from midiprism.catalog.migrate import _config, known_versions
from midiprism.catalog.postgres.server import connect
from midiprism.catalog.schema import metadata
from midiprism.catalog.sqlite.file import _engine
from midiprism.errors import CatalogError
from support import catalog_access

pytestmark = pytest.mark.usefixtures("catalog_backend")

FIRST = [
    "INSERT INTO runs VALUES (7, '2026-01-01', '2026-01-01', 'done', '{}', '{}')",
    "INSERT INTO songs VALUES (3, :digest, 10, 1, 1, 480, 960, 1.5, 'split', NULL, 1, 1, 7)",
    "INSERT INTO song_paths VALUES (:path, 3, 1, 'a', 10, 20)",
    "INSERT INTO tracks VALUES (5, :digest, 9, 'x', 32, 'Lead', 'Oboe', 'Reed', 0, 1, 5, 1, 2, 9, 1.5, 7)",
    "INSERT INTO track_splits VALUES (3, 0, 0, 0, 40, 1, 5, 'Lead', 'Violin', 'Strings')",
    "INSERT INTO batches VALUES (1, 7, 1, 1, 1, 1, 9, 4096, 0.5, '2026-01-01')",
]
"""Rows of every table, as version 0001 had them."""


@pytest.fixture
def address(tmp_path: Path) -> Address:
    return catalog_access.catalog_address(tmp_path)


def opened(place: Address) -> Connection:
    """A connection to what need not be a catalogue."""
    if isinstance(place, PostgresAddress):
        return connect(place)
    return _engine(place, "rwc", "BEGIN IMMEDIATE").connect()


def migrated(connection: Connection, place: Address, version: str) -> None:
    """Make the tables of a version by the migrations alone."""
    if isinstance(place, PostgresAddress):
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{place.schema}"'))
        connection.execute(text(f'SET LOCAL search_path TO "{place.schema}"'))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def old(place: Address, *, labelled: bool = True) -> None:
    """A catalogue of version 0001 with a song, or one from before it was called so."""
    with opened(place) as connection, connection.begin():
        migrated(connection, place, "0001")
        values = {"digest": bytes(32), "path": b"/a.mid"}
        for statement in FIRST:
            connection.execute(
                text(statement), {key: value for key, value in values.items() if f":{key}" in statement}
            )
        if not labelled:
            connection.execute(text("DROP TABLE alembic_version"))
            connection.execute(text("INSERT INTO properties VALUES ('schema_version', '2')"))


def tables(place: Address) -> dict[str, Any]:
    """Tables with their columns and indexes, in whatever order they were made."""
    schema = place.schema if isinstance(place, PostgresAddress) else None
    with opened(place) as connection:
        there = inspect(connection)
        return {
            name: (
                {
                    column["name"]: (str(column["type"]), column["nullable"])
                    for column in there.get_columns(name, schema)
                },
                sorted((index["name"], index["column_names"]) for index in there.get_indexes(name, schema)),
                there.get_pk_constraint(name, schema)["constrained_columns"],
                sorted(tuple(key["constrained_columns"]) for key in there.get_foreign_keys(name, schema)),
            )
            for name in there.get_table_names(schema)
        }


def differences(place: Address) -> list[Any]:
    """Between the tables that are there and those that this version speaks of, as Alembic sees them."""
    with opened(place) as connection, connection.begin():
        if isinstance(place, PostgresAddress):
            connection.execute(text(f'SET LOCAL search_path TO "{place.schema}"'))
        options = {"compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return [it for it in found if "comment" not in str(it[0]) and "comment" not in str(it[0][0])]


def test_the_migrations_make_what_a_new_catalogue_has(tmp_path: Path, address: Address) -> None:
    (tmp_path / "new").mkdir()
    new = catalog_access.catalog_address(tmp_path / "new")
    open_catalog(new).close()
    with opened(address) as connection, connection.begin():
        migrated(connection, address, "head")
    assert tables(address) == tables(new)
    assert differences(address) == differences(new) == []


@pytest.mark.parametrize("labelled", [True, False], ids=["0001", "before"])
def test_an_old_catalogue_keeps_all_it_holds_and_works(address: Address, labelled: bool) -> None:
    old(address, labelled=labelled)
    for opening in (open_catalog, open_read_only):
        with pytest.raises(CatalogError, match="midiprism catalog upgrade"):
            opening(address)
    assert upgrade_catalog(address) == ("0001", CURRENT_VERSION)
    with open_catalog(address) as catalog:
        (row,) = find_tracks(catalog.connection, Selection())
        assert (row.song_path, row.name, row.digest, row.duration_seconds) == (
            b"/a.mid",
            "Lead",
            bytes(32),
            1.5,
        )
        assert catalog.storage_usage() == (1, 1, 4096)
        assert catalog.known_paths(b"", 9) == {b"/a.mid": (10, 20)}
        assert catalog.begin_run({}, "2026-01-02") != 7
    assert upgrade_catalog(address) == (CURRENT_VERSION, CURRENT_VERSION), "again does nothing"
    assert differences(address) == []


def test_a_refused_catalogue_names_the_command_that_helps(tmp_path: Path, address: Address) -> None:
    old(address)
    with pytest.raises(CatalogError) as caught:
        open_catalog(address)
    where = address.cli_options if isinstance(address, PostgresAddress) else str(tmp_path)
    assert f"`midiprism catalog upgrade {where}`" in str(caught.value)


def test_a_newer_catalogue_is_refused_and_left_alone(tmp_path: Path, address: Address) -> None:
    open_catalog(address).close()
    catalog_access.execute(tmp_path, "UPDATE alembic_version SET version_num = '999'")
    before = tables(address)
    for opening in (open_catalog, open_read_only, upgrade_catalog):
        with pytest.raises(
            CatalogError, match=f"version 999, and this midiprism knows versions up to {CURRENT_VERSION}"
        ):
            opening(address)
    assert tables(address) == before


def test_what_is_no_catalogue_is_not_upgraded(address: Address) -> None:
    with opened(address) as connection, connection.begin():
        if isinstance(address, PostgresAddress):
            connection.execute(text(f'CREATE SCHEMA "{address.schema}"'))
            connection.execute(text(f'SET LOCAL search_path TO "{address.schema}"'))
        connection.execute(text("CREATE TABLE diary (day TEXT)"))
    before = tables(address)
    with pytest.raises(CatalogError, match="not a catalogue"):
        upgrade_catalog(address)
    assert tables(address) == before


def test_an_upgrade_that_fails_changes_nothing(address: Address) -> None:
    old(address)
    with opened(address) as connection, connection.begin():
        if isinstance(address, PostgresAddress):
            connection.execute(text(f'SET LOCAL search_path TO "{address.schema}"'))
        connection.execute(text("CREATE TABLE leases (mine TEXT)"))
    before = tables(address)
    with pytest.raises(CatalogError, match="leases"):
        upgrade_catalog(address)
    assert tables(address) == before


def test_every_version_has_its_place_in_the_line() -> None:
    versions = known_versions()
    assert versions == sorted(versions)
    assert versions[-1] == CURRENT_VERSION
