"""``midiprism work``: a worker for a result in object storage."""

from typing import Annotated

import typer

from midiprism.cli.commands.split_options import AllowFailedOption, PricesOption
from midiprism.cli.commands.split_storage import run_or_stop
from midiprism.cli.option_values import parse_auto_int
from midiprism.cli.options import SummaryOptions

_MAX_WORKERS = 1_000


def work(
    url: Annotated[str, typer.Argument(metavar="URL", help="URL of the result.")],
    output: SummaryOptions,
    source: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="URL of the songs, as the run that began names it. Nothing else is read, whatever the "
            "result says.",
        ),
    ],
    workers: Annotated[
        str,
        typer.Option(metavar="N|auto", help="Number of worker processes. auto: one per processor."),
    ] = "auto",
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Wait so long for a run to begin.  [default: 0]",
            show_default=False,
        ),
    ] = 0.0,
    prices: PricesOption = None,
    allow_failed_songs: AllowFailedOption = False,
) -> int:
    """Do open tasks of a run into object storage until it is committed.

    Any number of these commands may run, on any machines, and be killed at any time.
    """
    from midiprism.generations.work import work_on

    count = parse_auto_int("--workers", workers, 0, _MAX_WORKERS)
    return run_or_stop(
        count,
        output,
        lambda parts: work_on(url, source, parts, wait_seconds=wait),
        prices,
        allow_failed_songs=allow_failed_songs,
    )
