"""``midiprism catalog upgrade``: bring the tables of a catalog up to this version."""

from contextlib import ExitStack
from typing import Annotated

import typer

from midiprism.cli.database import resolve_database
from midiprism.cli.options import CatalogOptions, QuietOption, parse_path
from midiprism.cli.result_location import locate
from midiprism.errors import UsageError


def upgrade(
    catalog: CatalogOptions,
    out: Annotated[
        str | None,
        typer.Argument(
            metavar="[OUT]", parser=parse_path, help="A result that has its catalog in its own folder."
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Bring the tables of a catalog up to this version, in one transaction."""
    from midiprism.catalog import Address, upgrade_catalog
    from midiprism.results.lock import lock_exclusive
    from midiprism.results.result_dir import catalog_address, require_result

    address: Address | None
    with ExitStack() as stack:
        if out is None:
            address = resolve_database(catalog)
        else:
            result = locate(out, catalog, quiet=quiet)
            require_result(result.folder)
            address = catalog_address(result.folder, result.database)
            stack.enter_context(lock_exclusive(result.folder))
        if address is None:
            raise UsageError("Name the result, or the catalog with --database.")
        old_version, version = upgrade_catalog(address)
    state = "up to date" if old_version == version else f"now {version}"
    if not quiet:
        typer.echo(f"{address}: version {old_version}, {state}.")
