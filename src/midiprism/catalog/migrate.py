"""The version of a catalog's tables, and the upgrade of older tables to the version of this program."""

from importlib import resources
from typing import Any

from sqlalchemy import Connection, inspect, select, text

from midiprism.catalog.errors import NewerCatalogError, NoCatalogError, OlderBuildError, OutdatedCatalogError
from midiprism.catalog.schema import (
    alembic_version,
    metadata,
    removed_songs,
    set_index_conditions,
    songs,
)
from midiprism.catalog.version import CURRENT_VERSION as CURRENT_VERSION

MIGRATIONS_FOLDER = str(resources.files("midiprism.catalog") / "migrations")
"""Folder of Alembic's scripts, one for each version."""

_OLDER_BUILD_TABLE = "parents"
"""A table of catalogs that were made before songs had their name."""


def create_tables(connection: Connection) -> None:
    """Create the tables of a new catalog, in the newest version."""
    set_index_conditions(connection.dialect.name)
    metadata.create_all(connection, checkfirst=False)
    alembic_version.create(connection)
    connection.execute(alembic_version.insert().values(version_num=CURRENT_VERSION))


def is_empty(connection: Connection, schema: str | None) -> bool:
    """Return whether there are no tables yet."""
    return not inspect(connection).get_table_names(schema=schema)


def version_of(connection: Connection, schema: str | None, name: str) -> str:
    """Return the version of a catalog's tables.

    Raises:
        NoCatalogError: the tables are not those of a catalog.
        OlderBuildError: they are those of a catalog that an older build made.
    """
    tables = inspect(connection).get_table_names(schema=schema)
    if _OLDER_BUILD_TABLE in tables and songs.name not in tables:
        raise OlderBuildError(name)
    if alembic_version.name in tables and songs.name in tables and removed_songs.name not in tables:
        raise OlderBuildError(name)
    if alembic_version.name in tables:
        version: str | None = connection.scalar(select(alembic_version.c.version_num))
        if version is not None:
            return version
    raise NoCatalogError(f"{name} is not a catalog of midiprism.")


def require_current_version(connection: Connection, schema: str | None, name: str) -> None:
    """Refuse a catalog of another version.

    Raises:
        OutdatedCatalogError: its version is older than this program's and can be upgraded.
        NewerCatalogError: its version is newer than this program's.
        OlderBuildError: an older build made it, and it cannot be upgraded.
        NoCatalogError: it is not a catalog.
    """
    version = version_of(connection, schema, name)
    if version == CURRENT_VERSION:
        return
    if version in known_versions():
        raise OutdatedCatalogError(name, version, CURRENT_VERSION)
    raise NewerCatalogError(name, version, CURRENT_VERSION)


def known_versions() -> list[str]:
    """Return all versions, the oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_alembic_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def upgrade(connection: Connection, schema: str | None, name: str) -> tuple[str, str]:
    """Upgrade the tables to the current version, inside the transaction that is open.

    Returns:
        The version before, and the current version.

    Raises:
        NewerCatalogError: the version is newer than this program's.
        OlderBuildError: an older build made the catalog, and it cannot be upgraded.
        NoCatalogError: it is not a catalog.
    """
    from alembic import command

    before = version_of(connection, schema, name)
    if before not in known_versions():
        raise NewerCatalogError(name, before, CURRENT_VERSION)
    if schema is not None:
        connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
    config = _alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, CURRENT_VERSION


def _alembic_config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", MIGRATIONS_FOLDER.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
