"""A closed network of queues: customers go round between stations, each of which serves so many at once.

The exact solution for stations whose rate depends on how many are there, by convolution (J. P. Buzen,
"Computational algorithms for closed queueing networks with exponential servers", 1973). Mean value analysis
gives the same (M. Reiser and S. S. Lavenberg, "Mean-value analysis of closed multichain queuing networks",
1980; E. D. Lazowska et al., "Quantitative System Performance", 1984), and is slower where widths are large.
"""

import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

MAX_CUSTOMERS = 32
"""Of more customers than these, groups are taken for one: 3 workers for one customer, say, of 96."""

_MIN_SECONDS = 1e-7
"""A round takes at least that, so that what costs nothing is not infinitely fast."""


class Station(NamedTuple):
    """Where customers are served.

    Attributes:
        demand: seconds of service that one round takes.
        width: how many are served at once, which need not be whole; None for as many as come.
    """

    demand: float
    servers: float | None


class ThroughputCurve:
    """Rounds a second, by how many customers there are; between whole numbers it is straight."""

    def __init__(self, throughputs: Sequence[float], scale: float) -> None:
        self._throughputs = throughputs
        self._scale = scale

    def at(self, customers: float) -> float:
        """Rounds a second of so many customers, or of all where these are more."""
        place = min(customers / self._scale, len(self._throughputs) - 1)
        low = int(place)
        high = min(low + 1, len(self._throughputs) - 1)
        one, other = self._throughputs[low], self._throughputs[high]
        return self._scale * (one + (other - one) * (place - low))

    def with_delay(self, customers: float, delay: float) -> float:
        """Rounds a second where each of so many customers spends ``delay`` seconds a round elsewhere, and no
        more of them come in at once than the curve knows."""
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
        rise = values[high] - values[low]
        share = (total - low - values[low] * delay) / (1 + rise * delay)
        return self._scale * (values[low] + rise * share)


def solve_network(stations: Sequence[Station], delay: float, customers: int) -> ThroughputCurve:
    """Throughput of 0, 1, 2 ... customers, who also spend ``delay`` seconds a round where nobody waits.

    It is the geometric mean of the exact solution for service times at random, and of what could be if
    customers never met, as where all times are alike: real times are between the two.
    """
    scale = max(1.0, customers / MAX_CUSTOMERS)
    most = min(customers, MAX_CUSTOMERS)
    queues = []
    for demand, width in stations:
        if width is None or width >= customers:
            delay += demand
        elif demand > 0:
            queues.append((demand, width / scale))
    delay += _MIN_SECONDS
    total = delay + sum(demand for demand, _ in queues)
    least = max((demand / width for demand, width in queues), default=0.0)
    constants = [1.0]
    for number in range(1, most + 1):
        constants.append(constants[-1] * delay / total / number)
    for demand, width in queues:
        factors = [1.0]
        for number in range(1, most + 1):
            factors.append(factors[-1] * demand / total / min(number, width))
        turned = factors[::-1]
        constants = [sum(map(mul, constants, turned[most - number :])) for number in range(most + 1)]
    throughputs = [0.0]
    for number in range(1, most + 1):
        random = constants[number - 1] / constants[number] / total
        throughputs.append(math.sqrt(random / max(total / number, least)))
    return ThroughputCurve(throughputs, scale)
