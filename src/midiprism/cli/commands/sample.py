"""``midiprism sample``: songs to try everything with."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from midiprism.cli.render.terminal import format_size, make_console, pluralize, printable_path, shell_quote
from midiprism.errors import StoreError, UsageError


def sample(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="Folder of the songs; made where there is none.")
    ],
    songs: Annotated[int, typer.Option(min=1, metavar="N", help="How many songs.")] = 100,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed gives the same songs.")] = 0,
    duplicates: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of tracks that repeat one of another song.")
    ] = 0.49,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as one JSON object, the last line of the output."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary; errors only.")] = False,
) -> None:
    """Write sample songs: several tracks each, with names in several encodings, sizes like real libraries."""
    from midiprism.sample import write_songs

    screen = make_console(stderr=True)
    started = time.perf_counter()
    with ExitStack() as stack:
        progress = None
        if screen.is_terminal and not quiet:
            from rich.progress import Progress

            bar = stack.enter_context(Progress(console=screen, transient=True))
            task = bar.add_task("writing songs", total=songs)

            def progress(done: int) -> None:
                bar.update(task, completed=done)

        try:
            summary = write_songs(Path(folder), songs, seed=seed, duplicates=duplicates, progress=progress)
        except ValueError as error:
            raise UsageError(str(error)) from error
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error
    seconds = time.perf_counter() - started
    if not quiet:
        out = make_console(stderr=as_json)
        out.print(
            f"Wrote {pluralize(summary.songs, 'song')} ({format_size(summary.size_bytes)}) in {printable_path(folder)}."
        )
        out.print("Next:")
        out.print(f"  midiprism split {shell_quote(folder)} -o split")
    if as_json:
        facts = {"songs": summary.songs, "bytes": summary.size_bytes, "seconds": round(seconds, 3)}
        typer.echo(json.dumps(facts))
