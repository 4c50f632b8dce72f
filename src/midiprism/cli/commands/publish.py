"""``midiprism publish``: tables for other programs over a result in object storage."""

from enum import StrEnum
from typing import Annotated

import typer

from midiprism.cli import exit_codes
from midiprism.cli.options import SummaryOptions
from midiprism.cli.render.terminal import escape_unprintable, make_console, pluralize, print_json


class TableFormat(StrEnum):
    delta = "delta"
    iceberg = "iceberg"


def publish(
    url: Annotated[str, typer.Argument(metavar="URL", help="URL of a result in object storage.")],
    output: SummaryOptions,
    table_format: Annotated[
        TableFormat, typer.Option("--as", metavar="delta|iceberg", help="Format of the tables.")
    ],
) -> int:
    """Publish the tracks, links and songs of a result in object storage as tables for other programs.

    The tables name the files of the newest generation, and its groups, if `midiprism groups` has made them.
    The same command brings them up to date.
    """
    from midiprism.generations.layout import GROUPS
    from midiprism.generations.publication.publish import publish_result

    published = [*publish_result(url, table_format)]
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        for table in published:
            console.print(
                f"{escape_unprintable(table.location)}: generation {table.generation}, "
                f"{pluralize(table.files, 'file')}, {pluralize(table.rows, 'row')}"
            )
        if all(table.table != GROUPS for table in published):
            console.print("Without groups of songs: `midiprism groups` makes those of this generation.")
    if output.as_json:
        print_json({"format": str(table_format), "tables": [table._asdict() for table in published]})
    return exit_codes.DONE
