import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from midiprism.errors import UsageError
from midiprism.metrics.prometheus import serve_metrics
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


def answer(port: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What Prometheus would read, by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        families = text_string_to_metric_families(reply.read().decode())
        return {(it.name, frozenset(it.labels.items())): it.value for one in families for it in one.samples}


@pytest.fixture
def port() -> Iterator[int]:
    with serve_metrics(lambda: SAMPLE, 0) as port:
        yield port


def test_prometheus_reads_the_latest_sample(port: int) -> None:
    found = answer(port)
    assert found["midiprism_songs_total", frozenset()] == 1_000
    assert found["midiprism_songs_expected", frozenset()] == 2_000
    assert found["midiprism_run_seconds", frozenset()] == 12.5
    assert found["midiprism_stage_seconds_total", frozenset({("stage", "store")})] == 3
    assert found["midiprism_stage_waited_seconds_total", frozenset({("stage", "store")})] == 1
    assert found["midiprism_core_busy_seconds_total", frozenset({("core", "1")})] == 5
    assert found["midiprism_catalog_connections", frozenset({("state", "idle")})] == 52


def test_labels_of_any_text_are_read_as_they_were(port: int) -> None:
    labels = frozenset({("device", 'sd"a\n'), ("direction", "write")})
    assert answer(port)["midiprism_device_bytes_total", labels] == 6


def test_before_the_first_sample_there_is_nothing() -> None:
    with serve_metrics(lambda: None, 0) as port:
        assert answer(port) == {}


def test_it_is_served_on_loopback_only_and_no_longer_than_it_is_asked_for() -> None:
    with serve_metrics(lambda: SAMPLE, 0) as port:
        assert answer(port)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
        pass


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with (
        serve_metrics(lambda: SAMPLE, 0) as port,
        pytest.raises(UsageError, match="--metrics-port"),
        serve_metrics(lambda: SAMPLE, port),
    ):
        pass


def test_an_address_that_is_not_ours_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match=r"192\.0\.2\.1"), serve_metrics(lambda: SAMPLE, 0, "192.0.2.1"):
        pass
