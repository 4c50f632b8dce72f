"""``midiprism relocate``: move a result to another folder, for example on another drive."""

from typing import Annotated

import typer

from midiprism.cli.database import resolve_database
from midiprism.cli.options import CatalogOptions, DryRunOption, OutArgument, SummaryOptions, parse_path
from midiprism.cli.render.relocate_text import format_progress, relocation_lines
from midiprism.cli.render.terminal import make_console, print_json, print_message
from midiprism.cli.result_location import follow_relocation
from midiprism.cli.shell import exit_code, session


def relocate(
    out: OutArgument,
    new: Annotated[
        str,
        typer.Argument(
            metavar="NEW", parser=parse_path, help="New folder of the result. It must be new or empty."
        ),
    ],
    catalog: CatalogOptions,
    output: SummaryOptions,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="Remove what midiprism wrote in OUT once everything in NEW is checked and flushed.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
) -> int:
    """Move a result to another folder, for example on another drive. No run may be active.

    It is renamed where possible, else copied, with each file checked by its digest. If it is interrupted, the
    same command continues. After a copy, other commands still find the result by its old folder.
    """
    from midiprism.relocate.relocate import relocate_result

    database = resolve_database(catalog, follow_relocation(out, quiet=True))
    with session(
        "Stopping after the current files; a second signal stops at once.",
        format_progress,
        quiet=output.quiet,
    ) as (stop, listener):
        relocation = relocate_result(
            out, new, database=database, remove=remove, dry_run=dry_run, stop=stop, listener=listener
        )
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        for line in relocation_lines(relocation, new, database, remove=remove):
            console.print(line)
    if output.as_json:
        print_json(relocation.as_dict())
    if relocation.stopped:
        print_message("Stopped before the end; the same command continues.")
    return exit_code(stop, stopped=relocation.stopped, ok=True)
