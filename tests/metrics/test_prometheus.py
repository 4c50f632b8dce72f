"""Tests of serving metrics to Prometheus."""

import http.client
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client.parser import text_string_to_metric_families

from midiprism.metrics.errors import MetricsServerError
from midiprism.metrics.prometheus import KnownHosts, serve_metrics
from midiprism.metrics.server import ClientLimits
from midiprism.metrics.snapshot import DeviceIo, RunSample, StageTime

SAMPLE = RunSample(
    elapsed_seconds=12.5,
    songs=1_000,
    tracks=5_000,
    stages={"store": StageTime(3.0, 1.0)},
    core_busy_seconds=(4.0, 5.0),
    devices={'sd"a\n': DeviceIo(1.0, 2.0, 3, 4, 5, 6)},
    connections={"idle": 52, "active": 2},
    songs_total=2_000,
)


def scrape(port: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the values that Prometheus reads, by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        families = text_string_to_metric_families(reply.read().decode())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }


@pytest.fixture
def port() -> Iterator[int]:
    with serve_metrics(lambda: SAMPLE, 0) as port:
        yield port


def test_metrics_are_those_of_the_latest_sample(port: int) -> None:
    metrics = scrape(port)
    assert metrics["midiprism_songs_total", frozenset()] == 1_000
    assert metrics["midiprism_songs_expected", frozenset()] == 2_000
    assert metrics["midiprism_run_seconds", frozenset()] == 12.5
    assert metrics["midiprism_stage_seconds_total", frozenset({("stage", "store")})] == 3
    assert metrics["midiprism_stage_waited_seconds_total", frozenset({("stage", "store")})] == 1
    assert metrics["midiprism_core_busy_seconds_total", frozenset({("core", "1")})] == 5
    assert metrics["midiprism_catalog_connections", frozenset({("state", "idle")})] == 52


def test_slow_clients_keep_nobody_from_being_served() -> None:
    limits = ClientLimits(clients=4, seconds=60.0)
    with serve_metrics(lambda: SAMPLE, 0, limits=limits) as port, ExitStack() as stack:
        threads = threading.active_count()
        clients = []
        for _ in range(40):
            clients.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)))
            clients[-1].sendall(b"GET /metrics HTTP/1.1\r\n")
        assert scrape(port)
        assert clients[0].recv(1) == b"", "the oldest connections are closed"
        deadline = time.monotonic() + 30
        while threading.active_count() > threads + limits.clients and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= threads + limits.clients


def test_a_client_that_says_nothing_is_disconnected() -> None:
    limits = ClientLimits(seconds=0.05)
    with (
        serve_metrics(lambda: SAMPLE, 0, limits=limits) as port,
        socket.create_connection(("127.0.0.1", port), 30) as client,
    ):
        assert client.recv(1) == b""


def test_labels_may_contain_any_text(port: int) -> None:
    labels = frozenset({("device", 'sd"a\n'), ("direction", "write")})
    assert scrape(port)["midiprism_device_bytes_total", labels] == 6


def test_there_are_no_metrics_before_the_first_sample() -> None:
    with serve_metrics(lambda: None, 0) as port:
        assert scrape(port) == {}


def test_metrics_are_served_on_loopback_until_the_block_ends() -> None:
    with serve_metrics(lambda: SAMPLE, 0) as port:
        assert scrape(port)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
        pass


def test_a_port_in_use_is_an_error() -> None:
    with (
        serve_metrics(lambda: SAMPLE, 0) as port,
        pytest.raises(MetricsServerError, match="Choose another port"),
        serve_metrics(lambda: SAMPLE, port),
    ):
        pass


def test_an_address_of_another_machine_is_an_error() -> None:
    with (
        pytest.raises(MetricsServerError, match=r"192\.0\.2\.1"),
        serve_metrics(lambda: SAMPLE, 0, "192.0.2.1"),
    ):
        pass


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9000", 200),
        ("127.0.0.1", 200),
        ("[::1]:9000", 200),
        ("rebound.example", 403),
        ("rebound.example:9000", 403),
        ("127.0.0.1.rebound.example", 403),
        ("localhost@rebound.example", 403),
        ("192.0.2.1", 403),
        ("", 403),
    ],
)
def test_only_requests_that_name_a_known_host_are_answered(port: int, host: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert answer.status == status
    assert (b"midiprism_songs" in body) == (status == 200)


@pytest.mark.parametrize(
    ("address", "host", "known"),
    [
        ("192.0.2.1", "192.0.2.1:9000", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("node7", "node7", True),
        ("2001:db8::1", "[2001:db8::1]:9000", True),
        ("0.0.0.0", "192.0.2.1", True),
        ("::", "[2001:db8::1]", True),
        ("0.0.0.0", "trainbox.lan", True),
        ("0.0.0.0", "trainbox", True),
        ("0.0.0.0", "rebound.example", False),
        ("127.0.0.1", "trainbox.lan", False),
    ],
)
def test_the_address_that_is_served_is_known(address: str, host: str, known: bool) -> None:
    assert (host in KnownHosts(address, "trainbox.lan")) == known
