"""``midiprism sample``: write sample songs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from midiprism.cli.options import SummaryOptions, parse_path
from midiprism.cli.render.terminal import (
    format_size,
    make_console,
    pluralize,
    print_json,
    printable_path,
    shell_quote,
)
from midiprism.errors import StoreError, UsageError


def sample(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="DIR", parser=parse_path, help="Folder of the songs. It is made if it does not exist."
        ),
    ],
    output: SummaryOptions,
    songs: Annotated[int, typer.Option(min=1, metavar="N", help="Number of songs.")] = 100,
    seed: Annotated[
        int, typer.Option(min=0, max=2**64 - 1, metavar="S", help="The same seed gives the same songs.")
    ] = 0,
    duplicates: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of tracks that repeat a track of another song.")
    ] = 0.49,
) -> None:
    """Write sample songs: several tracks each, names in several encodings, sizes like real libraries."""
    from midiprism.sample import write_songs

    started = time.perf_counter()
    path = Path(folder).absolute()  # a missing current folder is an error of its own
    with _song_progress(songs, quiet=output.quiet) as progress:
        try:
            summary = write_songs(path, songs, seed=seed, duplicates=duplicates, progress=progress)
        except ValueError as error:
            raise UsageError(str(error)) from error
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error
    seconds = time.perf_counter() - started
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        size = format_size(summary.size_bytes)
        console.print(f"Wrote {pluralize(summary.songs, 'song')} ({size}) in {printable_path(folder)}.")
        console.print("Next:")
        console.print(f"  midiprism split {shell_quote(folder)} -o split")
    if output.as_json:
        print_json({"songs": summary.songs, "bytes": summary.size_bytes, "seconds": round(seconds, 3)})


@contextmanager
def _song_progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Give a listener that draws a bar on a terminal; None elsewhere."""
    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("writing songs", total=total)

        def update(written: int) -> None:
            bar.update(task, completed=written)

        yield update
