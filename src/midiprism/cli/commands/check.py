"""``midiprism catalog check``: check whether a library that another program keeps can be adopted."""

from typing import Annotated

import typer

from midiprism.cli.database import require_database
from midiprism.cli.options import CatalogOptions, PathMapOption, SummaryOptions, parse_path
from midiprism.cli.render.preflight_text import format_progress, preflight_lines
from midiprism.cli.render.terminal import make_console, print_json, shell_quote
from midiprism.cli.shell import exit_code, session


def check(
    catalog: CatalogOptions,
    output: SummaryOptions,
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            parser=parse_path,
            help="Folder of the future result: check whether it has room.",
        ),
    ] = None,
    path_map: PathMapOption = None,
) -> int:
    """Check whether midiprism can adopt a library that another program keeps in PostgreSQL.

    Nothing is written. The exit code is 0 if there is no obstacle, and 1 if there is one.
    """
    from midiprism.adopt.preflight import run_preflight
    from midiprism.sources.path_map import parse_path_map

    address, parsed_map = require_database(catalog), parse_path_map(path_map or ())
    with session("Stopping; a second signal stops at once.", format_progress, quiet=output.quiet) as (
        stop,
        listener,
    ):
        report = run_preflight(address, parsed_map, out, stop=stop, listener=listener)
    command = _split_command(catalog, path_map or [], out)
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        for line in preflight_lines(report, command):
            console.print(line)
    if output.as_json:
        print_json({**report.as_dict(), "to_go_on": command})
    return exit_code(stop, stopped=report.stopped, ok=report.ok)


def _split_command(catalog: CatalogOptions, path_map: list[str], out: str | None) -> str:
    """Return the command that adopts the library, with what was given on the command line."""
    arguments = ["midiprism", "split", "--adopt"]
    arguments += [] if catalog.database is None else ["--database", catalog.database]
    arguments += [] if catalog.schema is None else ["--schema", catalog.schema]
    for rule in path_map:
        arguments += ["--path-map", rule]
    return " ".join(map(shell_quote, [*arguments, "-o", "OUT" if out is None else out]))
