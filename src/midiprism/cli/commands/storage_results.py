"""Show and check results in object storage, for ``midiprism status`` and ``midiprism verify``."""

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import typer

from midiprism.cli import exit_codes
from midiprism.cli.commands.split_options import EngineChoice, EngineOptions
from midiprism.cli.interrupt import interruptible
from midiprism.cli.options import SummaryOptions
from midiprism.cli.render.check_progress import show_check_progress
from midiprism.cli.render.generation_text import (
    damage_lines,
    failed_song_line,
    status_lines,
    status_to_json,
    verification_to_json,
)
from midiprism.cli.render.terminal import make_console, print_json, print_message
from midiprism.cli.streams import while_read
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.generations.status import GenerationStatus


def require_unused(**options: object) -> None:
    """Refuse options that only local results have.

    Raises:
        UsageError: one is given.
    """
    for name, value in options.items():
        if value:
            raise UsageError(
                f"--{name.replace('_', '-')} is not for results in object storage: leave it out."
            )


def show_status(url: str, *, failed: bool, as_json: bool, quiet: bool) -> int:
    """Print the state of a result, or the songs that failed, and return the exit code."""
    from midiprism.generations.status import read_generation_status

    status = read_generation_status(url)
    if failed:
        _print_failed(status, as_json=as_json, quiet=quiet)
    elif as_json:
        print_json(status_to_json(status))
    else:
        console = make_console()
        for line in status_lines(status):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return exit_codes.DONE


def _print_failed(status: "GenerationStatus", *, as_json: bool, quiet: bool) -> None:
    from midiprism.generations.status import failed_songs

    any_listed = False
    for song in while_read(failed_songs(status)):
        any_listed = True
        if as_json:
            print_json(song._asdict())
        else:
            typer.echo(failed_song_line(song))
    if not (any_listed or as_json or quiet):
        print_message("No song failed.")


def verify_storage(url: str, output: SummaryOptions, options: EngineOptions, workers: int | None) -> int:
    """Check a result, print what is damaged, and return the exit code.

    Args:
        url: of the result.
        output: how to print.
        options: options that choose the engine.
        workers: worker processes of each machine; None for one per processor.
    """
    from midiprism.generations import engine
    from midiprism.generations.engines import ENGINES
    from midiprism.generations.errors import GenerationStoppedError
    from midiprism.generations.splitting import Machine
    from midiprism.generations.verify import verify_generations
    from midiprism.pipeline.resource_defaults import cpus

    options.require_ray()
    name = options.engine or EngineChoice.local
    with ExitStack() as stack:
        stop = stack.enter_context(interruptible("Stopping; a second signal stops at once."))
        display = stack.enter_context(show_check_progress(quiet=output.quiet))
        machine = Machine(cpus() if workers is None else workers, stop=stop, on_songs=display.add_files)
        chosen = ENGINES[name](engine.EngineOptions(machine, workers, options.address))
        stack.enter_context(closing(chosen))
        try:
            verification = verify_generations(
                url, machine, chosen, display.show, adapt_workers=workers is None
            )
        except GenerationStoppedError:
            return stop.exit_code
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        for line in damage_lines(verification):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if output.as_json:
        print_json(verification_to_json(verification))
    return exit_codes.FAILED if verification.damage else exit_codes.DONE
