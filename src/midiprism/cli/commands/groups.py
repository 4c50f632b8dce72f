"""``midiprism groups``: groups and folds of the songs of a result in object storage."""

from typing import Annotated

import typer

from midiprism.cli import exit_codes
from midiprism.cli.interrupt import interruptible
from midiprism.cli.options import SummaryOptions
from midiprism.cli.render.generation_text import show_file_progress
from midiprism.cli.render.terminal import make_console, pluralize, print_json


def groups(
    url: Annotated[str, typer.Argument(metavar="URL", help="URL of a result in object storage.")],
    output: SummaryOptions,
) -> int:
    """Make the groups and folds of the songs of a result in object storage, and find their keys.

    They are those of the newest generation: the same command makes them again after each run.
    """
    from midiprism.generations.errors import GenerationStoppedError
    from midiprism.generations.groups.make import make_groups

    with (
        interruptible("Stopping; a second signal stops at once.") as stop,
        show_file_progress(quiet=output.quiet) as on_file,
    ):
        try:
            made = make_groups(url, stop, on_file)
        except GenerationStoppedError:
            return stop.exit_code
    if not output.quiet:
        counts = f"{pluralize(made.songs, 'song')} in {pluralize(made.groups, 'group')}"
        text = f"Generation {made.generation}: {counts}."
        make_console(stderr=output.as_json).print(text, markup=False, highlight=False)
    if output.as_json:
        facts = {name: getattr(made, name) for name in ("generation", "songs", "groups")}
        print_json({**facts, "files": len(made.stored)})
    return exit_codes.DONE
