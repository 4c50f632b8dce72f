"""Open a catalog: a SQLite file or a schema in PostgreSQL."""

from collections.abc import Callable, Sequence

from midiprism.catalog.address import Address, PostgresAddress
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.commit_hook import CommitHook
from midiprism.catalog.errors import translate_errors
from midiprism.catalog.leasing import LEASE_SECONDS
from midiprism.catalog.migrate import upgrade, version_of
from midiprism.catalog.sqlite.catalog import SqliteCatalog
from midiprism.catalog.sqlite.file import open_for_upgrade, open_for_writing
from midiprism.catalog.sqlite.read_only import open_for_reading
from midiprism.errors import CatalogError


def require_driver(address: Address | None) -> None:
    """Raise MissingPackageError if what a catalog at this address needs is not installed."""
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres.server import import_psycopg

        import_psycopg()


def open_catalog(
    address: Address, hooks: Sequence[CommitHook] = (), lease_seconds: float = LEASE_SECONDS
) -> Catalog:
    """Open a catalog for writing, and make it where there is none.

    Args:
        address: of the catalog.
        hooks: take part in each commit.
        lease_seconds: how long a lease lasts unless it is renewed.

    Raises:
        CatalogError: it is not one, is of another version, or cannot be written.
    """
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres.catalog import PostgresCatalog

        return PostgresCatalog.open(address, writable=True, hooks=hooks, lease_seconds=lease_seconds)
    return SqliteCatalog(address, open_for_writing(address), hooks)


def open_read_only(address: Address) -> Catalog:
    """Open a catalog that exists, for reading only.

    Raises:
        CatalogError: there is none, it is not a catalog, or it is of another version.
    """
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres.catalog import PostgresCatalog

        return PostgresCatalog.open(address, writable=False)
    return SqliteCatalog(address, open_for_reading(address))


def open_worker_catalog(
    address: PostgresAddress,
    stop: Callable[[], bool],
    hooks: Sequence[CommitHook] = (),
) -> Catalog:
    """Open a catalog that is known to be there, to commit to it, and wait for a server that is away.

    Args:
        address: of the catalog.
        stop: once true, a server that is away is not waited for.
        hooks: take part in each commit.
    """
    from midiprism.catalog.postgres.catalog import PostgresCatalog

    return PostgresCatalog.open_when_available(address, stop, hooks)


def catalog_exists(address: PostgresAddress) -> bool:
    """Return whether a database can be reached and holds a catalog of any version."""
    from midiprism.catalog.postgres.server import connect

    name = str(address)
    try:
        with connect(address) as connection, translate_errors(name):
            version_of(connection, address.schema, name)
    except CatalogError:
        return False
    return True


def upgrade_catalog(address: Address) -> tuple[str, str]:
    """Upgrade a catalog to the version of this program. Return the version before and the current one.

    Raises:
        CatalogError: it is not one, is newer, or cannot be written. Nothing was changed.
    """
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres.server import connect

        connection, schema = connect(address), address.schema
    else:
        connection, schema = open_for_upgrade(address), None
    with connection, translate_errors(str(address)), connection.begin():
        return upgrade(connection, schema, str(address))
