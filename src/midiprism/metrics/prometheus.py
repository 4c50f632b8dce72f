"""Serve the metrics of a run to Prometheus.

A request must name a host that the server is known by. So a page in a browser on this machine cannot read the
metrics by a name of its own that leads here.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from midiprism.metrics.errors import MetricsServerError
from midiprism.metrics.server import ClientLimits, WsgiApp, start_server
from midiprism.metrics.snapshot import RunSample

LatestSample = Callable[[], RunSample | None]

_HOST = re.compile(r"(\[[0-9a-f:.%a-z]+\]|[^\[\]:]+)(?::[0-9]{1,5})?")
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class RunCollector(Collector):
    """Metrics of the latest sample. Names and units follow https://prometheus.io/docs/practices/naming/."""

    def __init__(self, latest: LatestSample) -> None:
        self._latest = latest

    def describe(self) -> Iterator[Metric]:
        """Return nothing; otherwise the registry would collect before there is a sample."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the present metrics; none before the first sample."""
        sample = self._latest()
        if sample is None:
            return
        yield from _counters(sample)
        yield from _gauges(sample)
        yield from _times(sample)
        yield from _devices(sample)


def _counters(sample: RunSample) -> Iterator[Metric]:
    for name, description, value in (
        ("songs", "Songs that workers have finished.", sample.songs),
        ("songs_committed", "Songs that this run committed to the catalog.", sample.songs_committed),
        ("songs_skipped", "Songs that were up to date.", sample.songs_skipped),
        ("tracks", "Tracks stored, new or not.", sample.tracks),
        ("tracks_new", "Tracks that were not in the store yet.", sample.tracks_new),
        ("commits", "Transactions that recorded batches.", sample.commits),
        ("rows", "Rows written by these transactions.", sample.rows),
        ("flushes", "Calls that made files durable.", sample.flushes),
    ):
        yield CounterMetricFamily(f"midiprism_{name}", description, value)


def _gauges(sample: RunSample) -> Iterator[Metric]:
    for name, description, value in (
        ("run_seconds", "Time since the run began.", sample.elapsed_seconds),
        ("memory_bytes", "Memory of the processes of the run.", sample.memory_bytes),
        ("workers", "Worker processes.", sample.workers),
        ("batch_size", "Most songs of a batch.", sample.batch_size),
        ("batches_in_flight", "Batches handed out and not committed.", sample.in_flight),
        ("batches_in_flight_limit", "Most batches that may be in flight.", sample.in_flight_limit),
        ("batches_queued", "Batches in flight that no worker has begun.", sample.batches_queued),
        ("batches_collected", "Batches in flight that wait for their commit.", sample.batches_collected),
        ("catalog_round_trip_seconds", "Time until the catalog's server answers.", sample.round_trip),
    ):
        yield GaugeMetricFamily(f"midiprism_{name}", description, value)
    if sample.songs_total is not None:
        yield GaugeMetricFamily("midiprism_songs_expected", "Songs to expect in all.", sample.songs_total)
    connections = GaugeMetricFamily(
        "midiprism_catalog_connections", "Connections to the catalog's database.", labels=["state"]
    )
    for state, number in sample.connections.items():
        connections.add_metric([state], number)
    yield connections


def _times(sample: RunSample) -> Iterator[Metric]:
    spent = CounterMetricFamily(
        "midiprism_stage_seconds", "Time of a stage in all processes.", labels=["stage"]
    )
    waited = CounterMetricFamily(
        "midiprism_stage_waited_seconds",
        "Part of that time spent waiting for anything but a processor.",
        labels=["stage"],
    )
    for name, stage in sample.stages.items():
        spent.add_metric([name], stage.seconds)
        waited.add_metric([name], stage.waited)
    yield spent
    yield waited
    cpu = CounterMetricFamily("midiprism_cpu_seconds", "Processor time of the run.", labels=["process"])
    for process, used in (
        ("workers", sample.worker_cpu),
        ("coordinator", sample.coordinator_cpu),
        ("metering", sample.metering_cpu),
    ):
        cpu.add_metric([process], used)
    yield cpu
    yield CounterMetricFamily("midiprism_worker_idle_seconds", "Time that workers had no batch.", sample.idle)
    yield CounterMetricFamily(
        "midiprism_worker_queued_seconds", "Time that workers were ready and had no processor.", sample.queued
    )
    cores = CounterMetricFamily(
        "midiprism_core_busy_seconds", "Busy time of a processor, all programs.", labels=["core"]
    )
    for number, busy in enumerate(sample.core_busy_seconds):
        cores.add_metric([str(number)], busy)
    yield cores


def _devices(sample: RunSample) -> Iterator[Metric]:
    busy = CounterMetricFamily(
        "midiprism_device_busy_seconds", "Time that a device was busy.", labels=["device"]
    )
    requests = CounterMetricFamily(
        "midiprism_device_requests", "Requests served by a device.", labels=["device", "direction"]
    )
    size = CounterMetricFamily(
        "midiprism_device_bytes", "Bytes read from or written to a device.", labels=["device", "direction"]
    )
    queue = CounterMetricFamily(
        "midiprism_device_queue_seconds", "Time of requests, summed over requests.", labels=["device"]
    )
    for name, device_io in sample.devices.items():
        busy.add_metric([name], device_io.busy_seconds)
        queue.add_metric([name], device_io.queue_seconds)
        for direction, request_count, byte_count in (
            ("read", device_io.reads, device_io.read_bytes),
            ("write", device_io.writes, device_io.written_bytes),
        ):
            requests.add_metric([name, direction], request_count)
            size.add_metric([name, direction], byte_count)
    yield from (busy, queue, requests, size)


class KnownHosts:
    """Names of the host by which requests may ask for the metrics.

    They are those of the loopback interface, and the address at which the metrics are served. If that means
    every interface, as ``0.0.0.0`` does, any IP address and the name of this machine will do: nobody can let
    an IP address lead here.

    Args:
        address: at which the metrics are served.
        machine_name: name of this machine.
    """

    def __init__(self, address: str, machine_name: str = "") -> None:
        host = address.casefold()
        parsed = _parse_ip(host)
        self._any_ip = address == "" or (parsed is not None and parsed.is_unspecified)
        self._names = {*_LOCAL_HOSTS, f"[{host}]" if ":" in host else host}
        if self._any_ip and machine_name:
            self._names |= {machine_name.casefold(), machine_name.casefold().partition(".")[0]}

    def __contains__(self, header: str) -> bool:
        """Return whether a ``Host`` header names a known host, with any port."""
        match = _HOST.fullmatch(header.casefold())
        if match is None:
            return False
        host = match[1]
        return host in self._names or (self._any_ip and _parse_ip(host.strip("[]")) is not None)


def for_known_hosts(app: WsgiApp, hosts: KnownHosts) -> WsgiApp:
    """Return the application for requests that name a known host; others are forbidden."""

    def answer(request: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if request.get("HTTP_HOST", "") in hosts:
            return app(request, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"This server is not known by that name.\n"]

    return answer


def _parse_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@contextmanager
def serve_metrics(
    latest: LatestSample, port: int, address: str = "127.0.0.1", limits: ClientLimits | None = None
) -> Iterator[int]:
    """Serve the latest sample at ``address`` and ``port`` (0 for any free one) in the block; yield the port.

    Slow clients take no more memory than ``limits`` say, and keep nobody from being served.

    Raises:
        MetricsServerError: nothing can be served there.
    """
    registry = CollectorRegistry()
    registry.register(RunCollector(latest))
    try:
        app = for_known_hosts(make_wsgi_app(registry), KnownHosts(address, socket.gethostname()))
        server, thread = start_server(app, port, address, limits)
    except (OSError, OverflowError) as error:
        raise MetricsServerError(address, port, str(getattr(error, "strerror", None) or error)) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
