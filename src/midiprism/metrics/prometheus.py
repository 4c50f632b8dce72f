"""The figures of a run for Prometheus, as it asks for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from midiprism.errors import UsageError
from midiprism.metrics.snapshot import RunSample

LatestSample = Callable[[], RunSample | None]


class RunCollector(Collector):
    """What the latest sample says. Names and units follow https://prometheus.io/docs/practices/naming/."""

    def __init__(self, latest: LatestSample) -> None:
        self._latest = latest

    def describe(self) -> Iterator[Metric]:
        """Nothing: else the registry would ask for figures before there are any."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The metrics at this moment; none before the first sample."""
        sample = self._latest()
        if sample is None:
            return
        yield from _counters(sample)
        yield from _gauges(sample)
        yield from _times(sample)
        yield from _devices(sample)


def _counters(sample: RunSample) -> Iterator[Metric]:
    for name, what, value in (
        ("songs", "Songs that workers came to the end of.", sample.songs),
        ("songs_committed", "Songs that are in the catalogue by this run.", sample.songs_committed),
        ("songs_skipped", "Songs that needed nothing.", sample.songs_skipped),
        ("tracks", "Tracks put.", sample.tracks),
        ("tracks_new", "Tracks that were not there yet.", sample.tracks_new),
        ("commits", "Transactions that recorded batches.", sample.commits),
        ("rows", "Rows that they wrote.", sample.rows),
        ("flushes", "Calls that made files durable.", sample.flushes),
    ):
        yield CounterMetricFamily(f"midiprism_{name}", what, value)


def _gauges(sample: RunSample) -> Iterator[Metric]:
    for name, what, value in (
        ("run_seconds", "Since the run began.", sample.elapsed_seconds),
        ("memory_bytes", "Taken by the processes of the run.", sample.memory_bytes),
        ("workers", "Processes that split.", sample.workers),
        ("batch_size", "Most songs of a batch.", sample.batch_size),
        ("batches_in_flight", "Handed out and not committed.", sample.in_flight),
        ("batches_in_flight_limit", "Most of them that there may be.", sample.in_flight_limit),
        ("batches_queued", "Of them, those that no worker has begun.", sample.batches_queued),
        ("batches_collected", "Of them, those that wait for their commit.", sample.batches_collected),
        ("catalogue_round_trip_seconds", "Until the catalogue's server answers.", sample.round_trip),
    ):
        yield GaugeMetricFamily(f"midiprism_{name}", what, value)
    if sample.songs_total is not None:
        yield GaugeMetricFamily("midiprism_songs_expected", "Songs that there will be.", sample.songs_total)
    connections = GaugeMetricFamily(
        "midiprism_catalogue_connections", "To the catalogue's database.", labels=["state"]
    )
    for state, number in sample.connections.items():
        connections.add_metric([state], number)
    yield connections


def _times(sample: RunSample) -> Iterator[Metric]:
    spent = CounterMetricFamily(
        "midiprism_stage_seconds", "Time of a stage, all processes.", labels=["stage"]
    )
    waited = CounterMetricFamily(
        "midiprism_stage_waited_seconds", "Of that, waiting for no processor.", labels=["stage"]
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
    yield CounterMetricFamily("midiprism_worker_idle_seconds", "Workers without a batch.", sample.idle)
    yield CounterMetricFamily(
        "midiprism_worker_queued_seconds", "Workers ready without a processor.", sample.queued
    )
    cores = CounterMetricFamily("midiprism_core_busy_seconds", "Whoever used it.", labels=["core"])
    for number, busy in enumerate(sample.core_busy_seconds):
        cores.add_metric([str(number)], busy)
    yield cores


def _devices(sample: RunSample) -> Iterator[Metric]:
    busy = CounterMetricFamily("midiprism_device_busy_seconds", "It had something to do.", labels=["device"])
    requests = CounterMetricFamily("midiprism_device_requests", "Served.", labels=["device", "direction"])
    octets = CounterMetricFamily("midiprism_device_bytes", "Moved.", labels=["device", "direction"])
    queue = CounterMetricFamily("midiprism_device_queue_seconds", "Of requests, added up.", labels=["device"])
    for name, traffic in sample.devices.items():
        busy.add_metric([name], traffic.busy_seconds)
        queue.add_metric([name], traffic.queue_seconds)
        for direction, number, size in (
            ("read", traffic.reads, traffic.read_bytes),
            ("write", traffic.writes, traffic.written_bytes),
        ):
            requests.add_metric([name, direction], number)
            octets.add_metric([name, direction], size)
    yield from (busy, queue, requests, octets)


@contextmanager
def serve_metrics(latest: LatestSample, port: int, address: str = "127.0.0.1") -> Iterator[int]:
    """Answer Prometheus at ``address`` and ``port``, 0 for any; gives the port.

    Raises:
        UsageError: nothing can be served there.
    """
    registry = CollectorRegistry()
    registry.register(RunCollector(latest))
    try:
        server, thread = start_http_server(port, address, registry)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Metrics cannot be served at {address} port {port}: {reason}. Choose another --metrics-port."
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
