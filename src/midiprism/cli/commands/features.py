"""``midiprism features``: compute facts and fingerprints of tracks that were split without them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.interrupt import StopRequest
from midiprism.cli.option_values import parse_auto_int
from midiprism.cli.options import CatalogOptions, OutArgument, SummaryOptions
from midiprism.cli.render.similar_text import announce_similarity_compiling
from midiprism.cli.render.terminal import make_console, pluralize, print_json, printable_path
from midiprism.cli.result_location import ResultLocation, locate
from midiprism.cli.shell import compile_display, exit_code, session

if TYPE_CHECKING:
    from midiprism.pipeline.complete_facts import FactsProgress
    from midiprism.results.facts import FactCounts
    from midiprism.similarity.types import FingerprintProgress
    from midiprism.similarity.update import Updated

_MAX_THREADS = 1_000


def features(
    out: OutArgument,
    catalog: CatalogOptions,
    output: SummaryOptions,
    workers: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Threads that read and compute, with a process each for facts, or auto: one per processor.",
        ),
    ] = "auto",
    no_fingerprints: Annotated[
        bool, typer.Option("--no-fingerprints", help="Make no fingerprints, only facts.")
    ] = False,
) -> int:
    """Compute what tracks and songs lack: facts such as key, tempo and role, and fingerprints.

    A split computes facts itself, unless it was told --no-facts; this command is for results of such runs and
    of older versions. Fingerprints are for the searches by example of similar, and for duplicates --similar;
    once they are there, runs keep them up to date. It reads the tracks of the result, not the songs.
    Interrupted, it continues where it ended. The exit code is 1 if a track cannot be read.
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
    prints = None
    if not no_fingerprints and not stop():
        stop, prints = _make_fingerprints(result, threads, quiet=output.quiet)
    lost = max(counts.tracks_lost, prints.lost if prints else 0)
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        for line in _summary(counts, prints):
            console.print(line)
        if lost:
            console.print(
                f"{pluralize(lost, 'track')} cannot be read. To restore what is lost:\n"
                f"  midiprism verify {result.quoted} --repair"
            )
    if output.as_json:
        made = {} if prints is None else {"fingerprints": prints.added, "fingerprints_lost": prints.lost}
        print_json(asdict(counts) | made | {"out": printable_path(result.folder)})
    return exit_code(stop, stopped=stop(), ok=not lost and (prints is None or prints.whole))


def _make_fingerprints(
    result: ResultLocation, threads: int | None, *, quiet: bool
) -> "tuple[StopRequest, Updated]":
    from midiprism.catalog.reader import open_reader
    from midiprism.results.result_dir import catalog_address
    from midiprism.similarity.update import update_fingerprints

    announce_similarity_compiling(quiet=quiet)
    with (
        open_reader(catalog_address(result.folder, result.database)) as reader,
        session("Stopping; a second signal stops at once.", _format_progress, quiet=quiet) as (
            stop,
            listener,
        ),
    ):
        updated = update_fingerprints(
            result.folder, reader, threads, stop=stop, on_progress=listener or (lambda _: None)
        )
    return stop, updated


def _summary(counts: "FactCounts", prints: "Updated | None") -> Iterator[str]:
    if counts.tracks or counts.songs:
        tracks, songs = pluralize(counts.tracks, "track"), pluralize(counts.songs, "song")
        yield f"Computed the facts of {tracks} and {songs}."
    if prints is not None and prints.added:
        yield f"Made the fingerprints of {pluralize(prints.added, 'track')}."
    if prints is not None and not prints.whole:
        yield "The fingerprints are not complete: the same command continues."
    elif not (counts.tracks or counts.songs or (prints is not None and prints.added)):
        yield "Nothing to do: all tracks have " + (
            "their facts." if prints is None else "facts and fingerprints."
        )


def _format_progress(progress: "FactsProgress | FingerprintProgress") -> str:
    return f"{progress.seen:,} of {pluralize(progress.total, 'track')}"
