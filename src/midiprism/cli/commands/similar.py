"""``midiprism similar``: find the tracks that have the music of an example."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.options import CatalogOptions, QuietOption, ReadableOutArgument
from midiprism.cli.render.search_text import announce_index
from midiprism.cli.render.similar_text import (
    announce_similarity_compiling,
    print_similar,
    similar_to_json,
)
from midiprism.cli.render.terminal import pluralize, print_json, print_message
from midiprism.cli.result_location import locate
from midiprism.cli.shell import session
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.similarity.types import FingerprintProgress

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 10_000


def similar(
    out: ReadableOutArgument,
    example: Annotated[
        str,
        typer.Argument(
            metavar="EXAMPLE",
            help="The first digits of the BLAKE3 of a track, a MIDI file, or at least 8 notes such as "
            '"E E F G G F E D".',
        ),
    ],
    catalog: CatalogOptions,
    exact: Annotated[
        bool, typer.Option("--exact", help="Only places with exactly the intervals of the example.")
    ] = False,
    rhythm: Annotated[
        bool, typer.Option("--rhythm", help="Compare the rhythm alone. This reads all tracks.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=_MAX_LIMIT, metavar="N", help="List the best N tracks.")
    ] = _DEFAULT_LIMIT,
    min_score: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SCORE", help="Leave out tracks with a lower score.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per line and track.")] = False,
    quiet: QuietOption = False,
) -> int:
    """Find the tracks that have the music of an example, in any key and tempo, the best first.

    A score of 1 says that all notes of the example are there, in its order and rhythm. The first search makes
    the fingerprints of all tracks, which takes a while in a large result.
    """
    from midiprism.search.find import open_search
    from midiprism.similarity.by_example import open_finder

    if exact and rhythm:
        raise UsageError("--exact and --rhythm exclude each other.")
    result = locate(out, catalog, quiet=quiet, only_reads=True)
    announce_similarity_compiling(quiet=quiet)
    with open_search(result.folder, result.database, lambda: announce_index(quiet=quiet)) as search:
        with session("Stopping.", _format_progress, quiet=quiet) as (stop, listener):
            finder = open_finder(
                result.folder, search.reader, stop=stop, on_progress=listener or (lambda _: None)
            )
            if stop():
                return stop.exit_code
        rule: Any = "exact" if exact else "rhythm" if rhythm else "notes"
        found = finder.find(finder.examples(example), limit, rule=rule, min_score=min_score)
        rows = search.first_rows([track.id for track in found])
    listed = [(track, rows[track.id]) for track in found if track.id in rows]
    if as_json:
        for track, row in listed:
            print_json(similar_to_json(track, row))
    elif listed:
        print_similar(listed)
    elif not quiet:
        print_message("No track has this music.", level="info")
    return 0


def _format_progress(progress: "FingerprintProgress") -> str:
    return f"{progress.seen:,} of {pluralize(progress.total, 'track')}"
