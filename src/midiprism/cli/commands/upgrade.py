"""``midiprism catalog upgrade``: a catalogue's tables brought up to this version."""

from contextlib import ExitStack
from typing import Annotated

import typer

from midiprism.cli.database import DatabaseOption, SchemaOption, resolve_database
from midiprism.cli.relocated import follow_relocation
from midiprism.errors import UsageError


def upgrade(
    out: Annotated[
        str | None,
        typer.Argument(metavar="[OUT]", help="A result that has its catalogue in its own folder."),
    ] = None,
    database: DatabaseOption = None,
    schema: SchemaOption = None,
) -> None:
    """Bring the tables of a catalogue up to this version, in one transaction."""
    from midiprism.catalog import Address, upgrade_catalog
    from midiprism.results.lock import lock_exclusive
    from midiprism.results.result_dir import catalog_address, require_result

    if out is not None:
        out = follow_relocation(out)
    address: Address | None = resolve_database(database, schema, out)
    with ExitStack() as stack:
        if out is not None:
            require_result(out)
            address = catalog_address(out, resolve_database(database, schema, out))
            stack.enter_context(lock_exclusive(out))
        if address is None:
            raise UsageError("Name the result, or with --database the catalogue.")
        before, now = upgrade_catalog(address)
    typer.echo(f"{address}: version {before}, " + ("up to date." if before == now else f"now {now}."))
