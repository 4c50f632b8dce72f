"""``midiprism features``: compute the facts of tracks that were split without them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.option_values import parse_auto_int
from midiprism.cli.options import CatalogOptions, OutArgument, SummaryOptions
from midiprism.cli.render.terminal import make_console, pluralize, print_json, printable_path
from midiprism.cli.result_location import locate
from midiprism.cli.shell import compile_display, exit_code, session

if TYPE_CHECKING:
    from midiprism.pipeline.complete_facts import FactsProgress
    from midiprism.results.facts import FactCounts

_MAX_THREADS = 1_000


def features(
    out: OutArgument,
    catalog: CatalogOptions,
    output: SummaryOptions,
    workers: Annotated[
        str, typer.Option(metavar="N", help="Threads that read and compute, or auto: one per processor.")
    ] = "auto",
) -> int:
    """Compute the facts of tracks and songs that have none: key, tempo, meter, role and others.

    A split computes them itself, unless it was told --no-facts; this command is for results of such runs and
    of older versions. It reads the tracks of the result, not the songs. Interrupted, it continues where it
    ended. The exit code is 1 if a track cannot be read.
    """
    from midiprism.pipeline.complete_facts import complete_facts_of

    threads = parse_auto_int("--workers", workers, 1, _MAX_THREADS)
    result = locate(out, catalog, quiet=output.quiet)
    with session("Stopping; a second signal stops at once.", _format_progress, quiet=output.quiet) as (
        stop,
        listener,
    ):
        counts = complete_facts_of(
            result.folder,
            result.database,
            threads,
            stop=stop,
            on_compile=compile_display(listener),
            on_progress=listener,
        )
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        console.print(_summary(counts))
        if counts.tracks_lost:
            console.print(
                f"{pluralize(counts.tracks_lost, 'track')} cannot be read. To restore what is lost:\n"
                f"  midiprism verify {result.quoted} --repair"
            )
    if output.as_json:
        print_json(asdict(counts) | {"out": printable_path(result.folder)})
    return exit_code(stop, stopped=stop(), ok=not counts.tracks_lost)


def _summary(counts: "FactCounts") -> str:
    if counts.tracks or counts.songs:
        tracks, songs = pluralize(counts.tracks, "track"), pluralize(counts.songs, "song")
        return f"Computed the facts of {tracks} and {songs}."
    return "Nothing to do: all tracks have their facts."


def _format_progress(progress: "FactsProgress") -> str:
    return f"{progress.seen:,} of {pluralize(progress.total, 'track')}"
