"""Tests of the closed network: its properties, and results of textbooks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midiprism.advise.model.queueing import MAX_CUSTOMERS, Station, ThroughputCurve, solve_network

SECONDS = st.floats(0.000_1, 1.0)
SERVERS = st.one_of(st.none(), st.floats(0.5, 8.0))


def mean_value_analysis(demands: list[float], delay: float, customers: int) -> float:
    """Return the result of Reiser and Lavenberg's recursion for stations that serve one at a time."""
    queues = [0.0] * len(demands)
    throughput = 0.0
    for number in range(1, customers + 1):
        waits = [demand * (1 + queue) for demand, queue in zip(demands, queues, strict=True)]
        throughput = number / (delay + sum(waits))
        queues = [throughput * wait for wait in waits]
    return throughput


def geometric_mean(exact: float, bound: float) -> float:
    return math.sqrt(exact * bound)


@pytest.mark.parametrize("customers", [1, 2, 5, 20])
def test_the_solution_agrees_with_mean_value_analysis(customers: int) -> None:
    demands, delay = [0.3, 0.5, 0.1], 0.8
    throughput = solve_network([Station(demand, 1) for demand in demands], delay, customers).at(customers)
    bound = min(customers / (delay + sum(demands)), 1 / max(demands))
    assert throughput == pytest.approx(geometric_mean(mean_value_analysis(demands, delay, customers), bound))


def test_machines_repaired_by_one_person() -> None:
    """With 3 machines that run for 2 h and take 1 h to repair, 1 - p0 repairs per hour are done."""
    weights = [math.perm(3, broken) * 0.5**broken for broken in range(4)]
    exact = 1 - weights[0] / sum(weights)
    assert solve_network([Station(1.0, 1)], 2.0, 3).at(3) == pytest.approx(geometric_mean(exact, 1.0))


def test_there_is_no_waiting_with_enough_servers() -> None:
    assert solve_network([Station(2.0, 4), Station(1.0, None)], 1.0, 4).at(4) == pytest.approx(1.0)


def test_half_a_server_is_half_as_fast() -> None:
    assert solve_network([Station(1.0, 0.5)], 0.0, 1).at(1) == pytest.approx(0.5)


def test_many_customers_are_grouped() -> None:
    stations = [Station(1.0, 8.0), Station(0.5, 20.0)]
    assert solve_network(stations, 3.0, 4 * MAX_CUSTOMERS).at(4 * MAX_CUSTOMERS) == pytest.approx(
        8.0, rel=0.02
    )


def test_customers_in_the_delay_are_not_in_the_network() -> None:
    halves = ThroughputCurve([0.0, 1.0, 1.5, 1.6], 1.0)
    throughput = halves.with_delay(3, 2.0)
    inside = 3 - 2.0 * throughput
    assert halves.at(inside) == pytest.approx(throughput)
    assert halves.with_delay(100, 2.0) == 1.6
    assert halves.with_delay(2, 0.0) == pytest.approx(1.5)


@given(st.lists(st.tuples(SECONDS, SERVERS), max_size=3), SECONDS, st.integers(1, 100), st.floats(1.0, 3.0))
def test_faster_or_more_servers_are_never_slower(
    stations: list[tuple[float, float | None]], delay: float, customers: int, factor: float
) -> None:
    before = solve_network([Station(*it) for it in stations], delay, customers)
    faster = solve_network(
        [Station(demand / factor, servers) for demand, servers in stations], delay, customers
    )
    more = solve_network(
        [Station(demand, servers and servers * factor) for demand, servers in stations], delay, customers
    )
    for number in (1, customers / 2, customers):
        assert 0 < before.at(number) < math.inf
        assert faster.at(number) >= before.at(number) * (1 - 1e-9)
        assert more.at(number) >= before.at(number) * (1 - 1e-9)
    assert before.at(customers) >= before.at(customers / 2) * (1 - 1e-9)
