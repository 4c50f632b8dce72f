"""The version of a catalogue's tables, and bringing them up to this program's."""

from importlib import resources
from typing import Any

from sqlalchemy import Connection, inspect, select, text

from midiprism.catalog.schema import alembic_version, metadata, properties
from midiprism.errors import CatalogError

CURRENT_VERSION = "0002"
"""The version that this program reads and writes."""

_LEGACY_VERSIONS = {"2": "0001"}
"""Versions of catalogues that were made before migrations were, and what they are now called."""


class NoCatalogError(CatalogError):
    """A database that holds no catalogue of midiprism."""


def create_tables(connection: Connection) -> None:
    """Make the tables of a new catalogue, in the newest version."""
    metadata.create_all(connection)
    alembic_version.create(connection)
    connection.execute(alembic_version.insert().values(version_num=CURRENT_VERSION))


def is_empty(connection: Connection, schema: str | None) -> bool:
    """Whether there are no tables yet."""
    return not inspect(connection).get_table_names(schema=schema)


def version_of(connection: Connection, schema: str | None, name: str) -> str:
    """The version of a catalogue's tables.

    Raises:
        NoCatalogError: it is not one.
    """
    there = inspect(connection)
    if there.has_table(alembic_version.name, schema=schema):
        found: str | None = connection.scalar(select(alembic_version.c.version_num))
        if found is not None:
            return found
    elif there.has_table(properties.name, schema=schema):
        before = connection.scalar(select(properties.c.value).where(properties.c.key == "schema_version"))
        return _LEGACY_VERSIONS.get(str(before), f"before {before}")
    raise NoCatalogError(f"{name} is not a catalogue of midiprism.")


def require_current_version(
    connection: Connection, schema: str | None, name: str, upgrade_arguments: str
) -> None:
    """Refuse a catalogue of another version.

    Raises:
        CatalogError: it is older or newer than this program, or no catalogue.
    """
    version = version_of(connection, schema, name)
    if version == CURRENT_VERSION:
        return
    if version in known_versions():
        raise CatalogError(
            f"{name} was made by an earlier midiprism: `midiprism catalog upgrade{upgrade_arguments}` brings it up to date."
        )
    raise CatalogError(
        f"{name} is a catalogue of version {version}, and this midiprism knows versions up to {CURRENT_VERSION}: "
        "use the midiprism that made it, or install a newer one."
    )


def known_versions() -> list[str]:
    """All versions, the oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def upgrade(connection: Connection, schema: str | None, name: str) -> tuple[str, str]:
    """Bring the tables up to this version, inside the transaction that is open; from which to which.

    Raises:
        CatalogError: it is newer than this program, or no catalogue.
    """
    from alembic import command

    before = version_of(connection, schema, name)
    if before not in known_versions():
        require_current_version(connection, schema, name, "")
    if not inspect(connection).has_table(alembic_version.name, schema=schema):
        alembic_version.create(connection)
        connection.execute(alembic_version.insert().values(version_num=before))
    if schema is not None:
        connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, CURRENT_VERSION


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    place = str(resources.files("midiprism.catalog") / "migrations")
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
