"""``midiprism sweep``: remove what nothing names in a result in object storage."""

from typing import Annotated

import typer

from midiprism.cli import exit_codes
from midiprism.cli.options import SummaryOptions
from midiprism.cli.render.terminal import format_size, make_console, pluralize, print_json


def sweep(
    url: Annotated[str, typer.Argument(metavar="URL", help="URL of the result.")],
    output: SummaryOptions,
    forgotten: Annotated[
        bool,
        typer.Option(
            "--forgotten",
            help="Remove at once what only earlier generations have, such as songs that were forgotten. "
            "Programs that read an earlier generation fail then.",
        ),
    ] = False,
) -> int:
    """Remove what killed processes left in a result in object storage.

    Each run does so at its end. Nothing is removed that a manifest or the record of an open generation names,
    or that is younger than 24 hours and may be named yet.
    """
    from midiprism.generations.result import open_result
    from midiprism.generations.sweep import sweep as sweep_result
    from midiprism.objects import open_storage, require_conditions

    storage = open_storage(url)
    result = open_result(storage)
    swept = sweep_result(result, require_conditions(storage), forgotten=forgotten)
    if not output.quiet:
        text = f"{pluralize(swept.objects, 'object')} with {format_size(swept.size)} removed."
        make_console(stderr=output.as_json).print(text, markup=False, highlight=False)
    if output.as_json:
        print_json({"objects": swept.objects, "bytes": swept.size})
    return exit_codes.DONE
