"""Which catalogue a command is about: the options ``--database`` and ``--schema``, and the environment."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.render.terminal import escape_unprintable, shell_quote
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress

DATABASE_URL_VARIABLE = "MIDIPRISM_DATABASE_URL"
GENERIC_DATABASE_URL_VARIABLE = "DATABASE_URL"
_SCHEMES = ("postgresql://", "postgres://")

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="The catalogue is in PostgreSQL: postgresql://USER@HOST/DATABASE, without a password.  "
        f"[default: ${DATABASE_URL_VARIABLE}, else a file in OUT]",
    ),
]
SchemaOption = Annotated[
    str | None,
    typer.Option("--schema", metavar="NAME", help="Schema of our tables there.  [default: midiprism]"),
]


def resolve_database(
    url: str | None, schema: str | None, out: str | None = None, *, adopt: bool = False
) -> "PostgresAddress | None":
    """Where the catalogue is, if it is in PostgreSQL; None for a file in ``out``.

    What the environment says does not hold for a result whose catalogue is in its own folder, and the
    variable that other programs read too only for a database that holds a catalogue of ours already.

    Args:
        adopt: the database need not hold one yet.

    Raises:
        UsageError: the address has a password, or is none.
    """
    from midiprism.catalog import DEFAULT_SCHEMA, PostgresAddress, has_password

    if url is not None:
        if has_password(url):
            raise UsageError(
                "A password on the command line can be read by everybody on this machine: put it into "
                f"~/.pgpass or a service file, or the whole address into {DATABASE_URL_VARIABLE}."
            )
        return PostgresAddress(url, schema or DEFAULT_SCHEMA)
    if out is not None and _has_own_catalog(out):
        if schema is not None:
            raise UsageError(f"The catalogue of {out} is in that folder: leave --schema out.")
        return None
    named = os.environ.get(DATABASE_URL_VARIABLE)
    if named:
        return PostgresAddress(named, schema or DEFAULT_SCHEMA)
    bare = os.environ.get(GENERIC_DATABASE_URL_VARIABLE, "")
    if bare.startswith(_SCHEMES):
        from midiprism.catalog import catalog_exists

        address = PostgresAddress(bare, schema or DEFAULT_SCHEMA)
        if adopt or catalog_exists(address):
            return address
    if schema is not None:
        raise UsageError("--schema goes with --database.")
    return None


def quote_result(out: str, database: "PostgresAddress | None") -> str:
    """A result as a command takes it: its folder, and where its catalogue is if that is not in there."""
    return shell_quote(out) + ("" if database is None else f" {escape_unprintable(database.cli_options)}")


def _has_own_catalog(out: str) -> bool:
    """Whether ``out`` holds a result that has its catalogue in itself."""
    from midiprism.results.result_dir import catalog_path

    return os.path.lexists(catalog_path(out))
