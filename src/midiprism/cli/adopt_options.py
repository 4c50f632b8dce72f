"""What commands about another program's library share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import DATABASE_URL_VARIABLE, resolve_database
from midiprism.cli.render.terminal import escape_unprintable
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress

PathMapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--path-map",
        metavar="OLD=NEW",
        help="Paths in the database that begin with the folder OLD are below NEW now. May be repeated.",
    ),
]


def require_database(url: str | None, schema: str | None) -> "PostgresAddress":
    """The database that a command is about.

    Raises:
        UsageError: none is named.
    """
    address = resolve_database(url, schema, adopt=True)
    if address is None:
        raise UsageError(f"Name the library's database: --database URL, or {DATABASE_URL_VARIABLE}.")
    return address


def format_count(name: str, number: int, meaning: str) -> str:
    """A line of a page: a number with what it is."""
    return f"  {escape_unprintable(name):<14} {number:>10,}  {meaning}".rstrip()


def library_options(url: str | None, schema: str | None, path_maps: Sequence[str] | None) -> list[str]:
    """The options of a command that goes on with the same library; the environment says the rest."""
    given = [] if url is None else ["--database", url]
    given += [] if schema is None else ["--schema", schema]
    for rule in path_maps or ():
        given += ["--path-map", rule]
    return given
