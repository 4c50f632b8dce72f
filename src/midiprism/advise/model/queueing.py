"""Closed queueing networks: customers circulate between stations, each of which serves several at once.

This is the exact solution for stations whose rate depends on the number of customers in them, by convolution
(J. P. Buzen, "Computational algorithms for closed queueing networks with exponential servers", 1973). Mean
value analysis gives the same result (M. Reiser and S. S. Lavenberg, "Mean-value analysis of closed multichain
queuing networks", 1980; E. D. Lazowska et al., "Quantitative System Performance", 1984), but is slower for
stations with many servers.
"""

import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

MAX_CUSTOMERS = 32
"""More customers than this are treated as groups: of 96 workers, three count as one customer."""

_MIN_SECONDS = 1e-7
"""Least time of a round, so that free service does not give an infinite rate."""


class Station(NamedTuple):
    """A place where customers are served.

    Attributes:
        demand: seconds of service in one round.
        servers: how many customers are served at once, not necessarily a whole number; None for no limit.
    """

    demand: float
    servers: float | None


class ThroughputCurve:
    """Rounds per second by the number of customers, linear between whole numbers.

    Args:
        throughputs: rounds per second for 0, 1, 2, ... groups of customers.
        scale: customers in a group.
    """

    def __init__(self, throughputs: Sequence[float], scale: float) -> None:
        self._throughputs = throughputs
        self._scale = scale

    def at(self, customers: float) -> float:
        """Return the rounds per second of ``customers``, at most those that the curve covers."""
        position = min(customers / self._scale, len(self._throughputs) - 1)
        index = int(position)
        low = self._throughputs[index]
        high = self._throughputs[min(index + 1, len(self._throughputs) - 1)]
        return self._scale * (low + (high - low) * (position - index))

    def with_delay(self, customers: float, delay: float) -> float:
        """Return the rounds per second if each customer also spends ``delay`` seconds a round elsewhere.

        At most as many customers as the curve covers are in the network at once.
        """
        values = self._throughputs
        total = customers / self._scale
        low, high = 0, len(values) - 1
        if high + values[high] * delay <= total:
            return self._scale * values[high]
        while high - low > 1:
            middle = (low + high) // 2
            if middle + values[middle] * delay <= total:
                low = middle
            else:
                high = middle
        slope = values[high] - values[low]
        fraction = (total - low - values[low] * delay) / (1 + slope * delay)
        return self._scale * (values[low] + slope * fraction)


def solve_network(stations: Sequence[Station], delay: float, customers: int) -> ThroughputCurve:
    """Return the throughput for 0, 1, 2, ... customers.

    The result is the geometric mean of the exact solution for exponential service times, and of the bound for
    customers that never meet, as with constant times. Real service times are between the two.

    Args:
        stations: where customers queue.
        delay: seconds that each customer spends per round without queueing.
        customers: how many there are at most.
    """
    scale = max(1.0, customers / MAX_CUSTOMERS)
    groups = min(customers, MAX_CUSTOMERS)
    queues = []
    for demand, servers in stations:
        if servers is None or servers >= customers:
            delay += demand
        elif demand > 0:
            queues.append(Station(demand, servers / scale))
    delay += _MIN_SECONDS
    total = delay + sum(queue.demand for queue in queues)
    least_seconds = max((queue.demand / queue.servers for queue in queues if queue.servers), default=0.0)
    constants = [1.0]
    for number in range(1, groups + 1):
        constants.append(constants[-1] * delay / total / number)
    for demand, servers in queues:
        factors = [1.0]
        for number in range(1, groups + 1):
            factors.append(factors[-1] * demand / total / min(number, servers or number))
        reversed_factors = factors[::-1]
        constants = [
            sum(map(mul, constants, reversed_factors[groups - number :])) for number in range(groups + 1)
        ]
    throughputs = [0.0]
    for number in range(1, groups + 1):
        exponential = constants[number - 1] / constants[number] / total
        throughputs.append(math.sqrt(exponential / max(total / number, least_seconds)))
    return ThroughputCurve(throughputs, scale)
