"""Serve the metrics of a run for Prometheus: ``--metrics-port`` and ``--metrics-address``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.render.terminal import escape_unprintable

if TYPE_CHECKING:
    from midiprism.metrics.snapshot import RunSample
    from midiprism.pipeline.progress import RunListener, RunProgress

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """Options that serve the metrics of a run."""

    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            metavar="PORT",
            help="Serve the metrics of the run for Prometheus at this port. 0: any free port.",
        ),
    ] = None
    metrics_address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="With --metrics-port: the address to serve at. Everybody who can reach it can read them.",
        ),
    ] = LOOPBACK


@contextmanager
def serve_metrics(port: int, address: str, *, quiet: bool) -> Iterator["RunListener"]:
    """Give a listener whose latest progress is served.

    Raises:
        UsageError: the port or address cannot be used.
    """
    from midiprism.metrics.prometheus import serve_metrics

    latest: RunProgress | None = None

    def listen(progress: "RunProgress") -> None:
        nonlocal latest
        latest = progress

    def latest_sample() -> "RunSample | None":
        return latest.window.last if latest is not None and latest.window else None

    with serve_metrics(latest_sample, port, address) as served_port:
        if not quiet:
            typer.echo(f"Metrics at http://{escape_unprintable(address)}:{served_port}/metrics", err=True)
        yield listen
