"""``midiprism split``: songs into tracks."""

import json
import os
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.interrupt import interruptible
from midiprism.cli.terminal import complain

if TYPE_CHECKING:
    from midiprism.run import Summary


class By(StrEnum):
    auto = "auto"
    track = "track"
    channel = "channel"
    program = "program"


class Context(StrEnum):
    conductor = "conductor"
    full = "full"


def split(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Folders, searched with all below, and files.")
    ],
    out: Annotated[
        str,
        typer.Option("-o", "--out", metavar="OUT", help="Folder of the result; made where there is none."),
    ],
    by: Annotated[
        By | None,
        typer.Option(help="What becomes a file of its own.  [default: as OUT was made, else auto]"),
    ] = None,
    context: Annotated[
        Context | None,
        typer.Option(
            help="What each file gets of its song: tempo and signatures, or also what other tracks set on "
            "its channels.  [default: as OUT was made, else conductor]"
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Look at the first N songs only, in the folders' order."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and split, and write nothing.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary; errors only.")] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Name every song that failed, as far as they are remembered (100)."),
    ] = False,
) -> None:
    """Split songs into one MIDI file per playing track, stored once, with a catalogue.

    Songs are files ending in .mid .midi .kar .rmi or .smf, in any case. What is known from an earlier run is
    skipped, so a run that was cut off is continued by running it again.
    """
    from midiprism.library import open_folders
    from midiprism.run import Settings, split_library

    library = open_folders(sources, os.fsencode(out))
    settings = Settings(None if by is None else by.value, None if context is None else context.value)

    def compiling() -> None:
        if not quiet:
            typer.echo("Compiling the splitter, once after each installation: up to a minute ...", err=True)

    with ExitStack() as stack:
        stop = stack.enter_context(
            interruptible("Stopping after the song in hand; Ctrl-C again stops at once.")
        )
        listener = None
        if not quiet:
            from midiprism.cli.progress import shown

            listener = stack.enter_context(shown())
        summary = split_library(
            library,
            out,
            settings,
            limit=limit,
            dry_run=dry_run,
            stop=stop,
            compiling=compiling,
            listener=listener,
        )
    _tell(summary, out, sources, as_json=as_json, quiet=quiet, verbose=verbose)
    if summary.state == "interrupted":
        raise typer.Exit(130)
    raise typer.Exit(1 if summary.failed else 0)


def _tell(
    summary: "Summary", out: str, sources: list[str], *, as_json: bool, quiet: bool, verbose: bool
) -> None:
    from midiprism.cli.report import failures, report

    if not quiet:
        report(summary, out, sources, verbose=verbose, stderr=as_json)
    elif summary.failed:
        for line in failures(summary, everything=verbose):
            complain(line)
    if as_json:
        facts = {
            "state": summary.state,
            "dry_run": summary.dry_run,
            "by": summary.by,
            "context": summary.context,
            **summary.totals(),
            "catalog": None if summary.dry_run else summary.catalog,
            "run_id": summary.run_id,
        }
        typer.echo(json.dumps(facts))
