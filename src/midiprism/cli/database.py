"""Which catalogue a command is about: the options ``--database`` and ``--schema``, and the environment."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.terminal import clean, quoted
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress

VARIABLE = "MIDIPRISM_DATABASE_URL"
OTHERS_VARIABLE = "DATABASE_URL"
_SCHEMES = ("postgresql://", "postgres://")

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="The catalogue is in PostgreSQL: postgresql://USER@HOST/DATABASE, without a password.  "
        f"[default: ${VARIABLE}, else a file in OUT]",
    ),
]
Schema = Annotated[
    str | None,
    typer.Option("--schema", metavar="NAME", help="Schema of our tables there.  [default: midiprism]"),
]


def resolved(
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
    from midiprism.catalog import SCHEMA, PostgresAddress, has_password

    if url is not None:
        if has_password(url):
            raise UsageError(
                "A password on the command line can be read by everybody on this machine: put it into "
                f"~/.pgpass or a service file, or the whole address into {VARIABLE}."
            )
        return PostgresAddress(url, schema or SCHEMA)
    if out is not None and _is_in_folder(out):
        if schema is not None:
            raise UsageError(f"The catalogue of {out} is in that folder: leave --schema out.")
        return None
    named = os.environ.get(VARIABLE)
    if named:
        return PostgresAddress(named, schema or SCHEMA)
    bare = os.environ.get(OTHERS_VARIABLE, "")
    if bare.startswith(_SCHEMES):
        from midiprism.catalog import holds_catalog

        address = PostgresAddress(bare, schema or SCHEMA)
        if adopt or holds_catalog(address):
            return address
    if schema is not None:
        raise UsageError("--schema goes with --database.")
    return None


def named(out: str, database: "PostgresAddress | None") -> str:
    """A result as a command takes it: its folder, and where its catalogue is if that is not in there."""
    return quoted(out) + ("" if database is None else f" {clean(database.options)}")


def _is_in_folder(out: str) -> bool:
    """Whether ``out`` holds a result that has its catalogue in itself."""
    from midiprism.run.result import catalog_path

    return os.path.lexists(catalog_path(out))
