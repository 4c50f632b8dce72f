"""Opening a catalogue wherever it is."""

from collections.abc import Callable

from midiprism.catalog.address import Address, PostgresAddress
from midiprism.catalog.bridge import Bridge
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.errors import translated
from midiprism.catalog.migrate import upgrade, version_of
from midiprism.catalog.sqlite import SqliteCatalog
from midiprism.catalog.sqlite_file import open_for_reading, open_for_upgrade, open_for_writing
from midiprism.errors import CatalogError


def open_catalog(address: Address) -> Catalog:
    """Open a catalogue for writing, making it where there is none.

    Raises:
        CatalogError: it is not one, is of another version, or cannot be written.
    """
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres import PostgresCatalog

        return PostgresCatalog.open(address, writing=True)
    return SqliteCatalog(address, open_for_writing(address))


def read_catalog(address: Address) -> Catalog:
    """Open a catalogue that exists, only to read it.

    Raises:
        CatalogError: there is none, it is not a catalogue, or it is of another version.
    """
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres import PostgresCatalog

        return PostgresCatalog.open(address, writing=False)
    return SqliteCatalog(address, open_for_reading(address))


def worker_catalog(
    address: PostgresAddress, stop: Callable[[], bool], bridge: Bridge | None = None
) -> Catalog:
    """Open a catalogue that is known to be there, to commit to it; a server that is away is waited for.

    Args:
        stop: once true, it is not.
        bridge: to a library that was taken over.
    """
    from midiprism.catalog.postgres import PostgresCatalog

    catalog = PostgresCatalog.waiting(address, stop)
    catalog.bridge = bridge
    return catalog


def holds_catalog(address: PostgresAddress) -> bool:
    """Whether a database that may be anybody's can be reached, and holds a catalogue of whatever version."""
    from midiprism.catalog.postgres_server import connected

    name = str(address)
    try:
        with connected(address) as connection, translated(name):
            version_of(connection, address.schema, name)
    except CatalogError:
        return False
    return True


def upgrade_catalog(address: Address) -> tuple[str, str]:
    """Bring a catalogue's tables up to this program's version; from which to which.

    Raises:
        CatalogError: it is not one, is newer, or cannot be written. Nothing was changed.
    """
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres_server import connected

        connection, schema = connected(address), address.schema
    else:
        connection, schema = open_for_upgrade(address), None
    with connection, translated(str(address)), connection.begin():
        return upgrade(connection, schema, str(address))
