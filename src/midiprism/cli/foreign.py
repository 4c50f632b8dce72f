"""What commands about another program's library share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import VARIABLE, resolved
from midiprism.cli.terminal import clean
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import PostgresAddress

PathMaps = Annotated[
    list[str] | None,
    typer.Option(
        "--path-map",
        metavar="OLD=NEW",
        help="Paths in the database that begin with the folder OLD are below NEW now. May be repeated.",
    ),
]


def required(url: str | None, schema: str | None) -> "PostgresAddress":
    """The database that a command is about.

    Raises:
        UsageError: none is named.
    """
    address = resolved(url, schema, adopt=True)
    if address is None:
        raise UsageError(f"Name the library's database: --database URL, or {VARIABLE}.")
    return address


def figure(name: str, number: int, meaning: str) -> str:
    """A line of a page: a number with what it is."""
    return f"  {clean(name):<14} {number:>10,}  {meaning}".rstrip()


def options(url: str | None, schema: str | None, path_maps: Sequence[str] | None) -> list[str]:
    """The options of a command that goes on with the same library; the environment says the rest."""
    given = [] if url is None else ["--database", url]
    given += [] if schema is None else ["--schema", schema]
    for rule in path_maps or ():
        given += ["--path-map", rule]
    return given
