"""A temporary catalog in PostgreSQL, in a schema of its own."""

import contextlib
import secrets
from collections.abc import Iterator

from sqlalchemy import text

from midiprism.catalog.address import PostgresAddress
from midiprism.catalog.errors import translate_errors
from midiprism.catalog.postgres.server import connect

SCHEMA_PREFIX = "midiprism_trial_"


@contextlib.contextmanager
def temporary_schema(url: str) -> Iterator[PostgresAddress]:
    """Create a schema in which a catalog can be created; drop it at the end with all that is in it.

    Raises:
        CatalogError: the database cannot be reached, or nothing may be created there.
    """
    address = PostgresAddress(url, SCHEMA_PREFIX + secrets.token_hex(6))
    _execute(address, f'CREATE SCHEMA "{address.schema}"')
    try:
        yield address
    finally:
        _execute(address, f'DROP SCHEMA "{address.schema}" CASCADE')


def _execute(address: PostgresAddress, statement: str) -> None:
    with (
        translate_errors(str(address)),
        contextlib.closing(connect(address)) as connection,
        connection.begin(),
    ):
        connection.execute(text(statement))
