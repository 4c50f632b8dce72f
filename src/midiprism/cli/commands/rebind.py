"""``midiprism catalog rebind``: make a new folder for a result whose folder is lost."""

from typing import Annotated

import typer

from midiprism.cli.database import resolve_database
from midiprism.cli.options import CatalogOptions, QuietOption, parse_path
from midiprism.cli.render.terminal import printable_path
from midiprism.cli.result_location import quote_result
from midiprism.errors import UsageError


def rebind(
    new: Annotated[
        str,
        typer.Argument(metavar="NEW", parser=parse_path, help="New folder of the result: new or empty."),
    ],
    catalog: CatalogOptions,
    quiet: QuietOption = False,
) -> None:
    """Make a new folder for a result whose catalog is in PostgreSQL and whose folder is lost.

    The folder has no tracks at first: `midiprism verify --repair` makes them again from the songs. Nothing is
    done while the old folder is still there.
    """
    from midiprism.results.rebind import rebind_result

    address = resolve_database(catalog)
    if address is None:
        raise UsageError("Name the catalog with --database.")
    rebind_result(new, address)
    if not quiet:
        typer.echo(
            f"{printable_path(new)} is the folder of the result of {address}. To make its tracks again:"
        )
        typer.echo(f"  midiprism verify {quote_result(new, address)} --repair")
