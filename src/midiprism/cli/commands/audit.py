"""``midiprism audit``: measure how well another program split the songs of its library."""

from typing import Annotated

import typer

from midiprism.cli.database import require_database
from midiprism.cli.option_values import parse_share
from midiprism.cli.options import CatalogOptions, PathMapOption, SummaryOptions, VerboseOption
from midiprism.cli.render.audit_text import audit_lines, format_progress
from midiprism.cli.render.terminal import make_console, print_json
from midiprism.cli.shell import compile_display, exit_code, session


def audit(
    catalog: CatalogOptions,
    output: SummaryOptions,
    sample: Annotated[
        str | None,
        typer.Option(metavar="PERCENT", help="Audit a share of the songs only, such as 5%."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Choose the songs of a sample; the same number, the same songs.")
    ] = 0,
    path_map: PathMapOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Compare the tracks that another program split with the songs they were made from.

    Nothing is written. It reports tracks that play at the wrong time, have lost events, are missing or
    damaged, and tracks that are not linked. The exit code is 1 if something was found.
    """
    from midiprism.adopt.audit import audit_library
    from midiprism.sources.path_map import parse_path_map

    address, parsed_map = require_database(catalog), parse_path_map(path_map or ())
    share = 1.0 if sample is None else parse_share(sample)
    with session("Stopping; a second signal stops at once.", format_progress, quiet=output.quiet) as (
        stop,
        listener,
    ):
        report = audit_library(
            address,
            parsed_map,
            sample_share=share,
            seed=seed,
            stop=stop,
            on_compile=compile_display(listener),
            listener=listener,
        )
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        for line in audit_lines(report, str(address), verbose=verbose):
            console.print(line)
    if output.as_json:
        print_json(report.as_dict())
    return exit_code(stop, stopped=report.stopped, ok=report.ok)
