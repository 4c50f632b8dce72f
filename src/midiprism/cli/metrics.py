"""``--metrics-port``: the figures of a run for Prometheus while it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.terminal import clean

if TYPE_CHECKING:
    from midiprism.meter.sample import Sample
    from midiprism.run.progress import Listener, Progress

LOOPBACK = "127.0.0.1"

MetricsPort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65_535,
        metavar="PORT",
        help="Serve the figures of the run for Prometheus at this port. 0: any that is free.",
    ),
]
MetricsAddress = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="With --metrics-port: where to serve them. Anybody who can reach it can read them.",
    ),
]


@contextmanager
def serving(port: int, address: str, *, quiet: bool) -> Iterator["Listener"]:
    """Gives a listener whose figures are served.

    Raises:
        UsageError: nothing can be served there.
    """
    from midiprism.meter.prometheus import served

    latest: list[Progress] = []

    def listen(progress: "Progress") -> None:
        latest[:] = [progress]

    def sample() -> "Sample | None":
        return latest[0].window.last if latest and latest[0].window else None

    with served(sample, port, address) as chosen:
        if not quiet:
            typer.echo(f"Metrics at http://{clean(address)}:{chosen}/metrics", err=True)
        yield listen
