"""``--metrics-port``: the figures of a run for Prometheus while it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.render.terminal import escape_unprintable

if TYPE_CHECKING:
    from midiprism.metrics.snapshot import RunSample
    from midiprism.pipeline.progress import RunListener, RunProgress

LOOPBACK = "127.0.0.1"

MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65_535,
        metavar="PORT",
        help="Serve the figures of the run for Prometheus at this port. 0: any that is free.",
    ),
]
MetricsAddressOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="With --metrics-port: where to serve them. Anybody who can reach it can read them.",
    ),
]


@contextmanager
def serve_metrics(port: int, address: str, *, quiet: bool) -> Iterator["RunListener"]:
    """Gives a listener whose figures are served.

    Raises:
        UsageError: nothing can be served there.
    """
    from midiprism.metrics.prometheus import serve_metrics

    latest: list[RunProgress] = []

    def listen(progress: "RunProgress") -> None:
        latest[:] = [progress]

    def sample() -> "RunSample | None":
        return latest[0].window.last if latest and latest[0].window else None

    with serve_metrics(sample, port, address) as chosen:
        if not quiet:
            typer.echo(f"Metrics at http://{escape_unprintable(address)}:{chosen}/metrics", err=True)
        yield listen
