"""Find the database that holds a catalog: from ``--database`` and ``--schema``, or from the environment."""

import os
from typing import TYPE_CHECKING

from midiprism.cli.options import DATABASE_URL_VARIABLE, GENERIC_DATABASE_URL_VARIABLE, CatalogOptions
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress

_SCHEMES = ("postgresql://", "postgres://")
_PASSWORD_ADVICE = (
    "Everybody on this machine can read a password on the command line: put it into ~/.pgpass or a service "
    f"file, or the whole address into {DATABASE_URL_VARIABLE}."
)


def resolve_database(
    options: CatalogOptions, out: str | None = None, *, adopt: bool = False
) -> "PostgresAddress | None":
    """Return the address of the catalog in PostgreSQL; None if it is a file in ``out``.

    The environment is ignored for a result whose catalog is in its own folder. It comes before the address
    that a result records. ``DATABASE_URL``, which other programs read too, comes last, and counts only for a
    database that holds a catalog of midiprism.

    Args:
        adopt: the database need not hold a catalog yet.

    Raises:
        UsageError: the address has a password, or is no address.
    """
    from midiprism.catalog import DEFAULT_SCHEMA, PostgresAddress

    schema = options.schema or DEFAULT_SCHEMA
    if options.database is not None:
        refuse_password(options.database)
        return PostgresAddress(options.database, schema)
    if out is not None and _has_own_catalog(out):
        if options.schema is not None:
            raise UsageError(f"The catalog of {out} is in that folder: leave --schema out.")
        return None
    url = os.environ.get(DATABASE_URL_VARIABLE)
    if url:
        return PostgresAddress(url, schema)
    recorded = None if out is None or options.schema is not None else _recorded_address(out)
    if recorded is not None:
        return recorded
    generic_url = os.environ.get(GENERIC_DATABASE_URL_VARIABLE, "")
    if generic_url.startswith(_SCHEMES):
        from midiprism.catalog import catalog_exists

        address = PostgresAddress(generic_url, schema)
        if adopt or catalog_exists(address):
            return address
    if options.schema is not None:
        raise UsageError("--schema needs --database.")
    return None


def require_database(options: CatalogOptions) -> "PostgresAddress":
    """Return the address of the database of a library to adopt.

    Raises:
        UsageError: none is named.
    """
    address = resolve_database(options, adopt=True)
    if address is None:
        raise UsageError(f"Name the library's database: --database URL, or {DATABASE_URL_VARIABLE}.")
    return address


def refuse_password(url: str) -> None:
    """Raise UsageError if an address from the command line has a password."""
    from midiprism.catalog.address import has_password, secret_parameters

    names = [name for name in secret_parameters(url) if not name.endswith("password")]
    if names:
        raise UsageError(f"The parameter {names[0]} of the address may be secret. {_PASSWORD_ADVICE}")
    if has_password(url):
        raise UsageError(_PASSWORD_ADVICE)


def _recorded_address(out: str) -> "PostgresAddress | None":
    """Return the address that the marker of a result records; None if it records none.

    A marker of another user counts for nothing: it could send the user's password to a server of theirs.
    """
    from midiprism.catalog import PostgresAddress
    from midiprism.results.result_dir import marker_facts
    from midiprism.sources import MARKER_FILE_NAME

    marker = os.path.join(out, MARKER_FILE_NAME)
    if not os.path.isfile(marker) or (hasattr(os, "geteuid") and os.stat(marker).st_uid != os.geteuid()):
        return None
    text = marker_facts(out).get("database")
    return PostgresAddress.from_text(text) if isinstance(text, str) else None


def _has_own_catalog(out: str) -> bool:
    from midiprism.results.result_dir import catalog_path

    return os.path.lexists(catalog_path(out))
