"""Prices of requests and processors, by which use becomes dollars."""

from typing import NamedTuple

from midiprism.errors import UsageError
from midiprism.generations.usage import Usage

PRICES_READ = "September 2026"
PRICES_SOURCE = (
    "list prices of Amazon S3 Standard in us-east-1 and Google Cloud Storage Standard in one region, and of "
    "an Amazon m7g.large on demand"
)


class Prices(NamedTuple):
    """Prices in dollars, without taxes. Storage, and traffic out of a region, are not among them.

    Attributes:
        put: 1,000 objects written.
        get: 1,000 reads.
        list: 1,000 pages of listings.
        head: 1,000 questions about an object.
        core: an hour of a processor.
    """

    put: float = 0.005
    get: float = 0.0004
    list: float = 0.005
    head: float = 0.0004
    core: float = 0.0408

    def request_dollars(self, usage: Usage) -> float:
        """Return the price of requests. Removing objects costs nothing."""
        counts = usage.requests
        thousands = (
            (counts.puts, self.put),
            (counts.gets, self.get),
            (counts.lists, self.list),
            (counts.heads, self.head),
        )
        return sum(count * price for count, price in thousands) / 1_000

    def core_dollars(self, usage: Usage) -> float:
        """Return the price of processor time."""
        return usage.core_seconds / 3_600 * self.core


def parse_prices(text: str) -> Prices:
    """Return the default prices with those that a text states, such as ``put=0.005,core=0.03``.

    Raises:
        UsageError: it states something else.
    """
    stated: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            stated[name.strip()] = float(value)
        except ValueError:
            stated[name.strip()] = -1.0
    if not set(stated) <= set(Prices._fields) or not all(0 <= price < 1e6 for price in stated.values()):
        names = ", ".join(f"{name}=DOLLARS" for name in Prices._fields)
        raise UsageError(f"{text!r} states no prices: use {names}, or some of them.")
    return Prices()._replace(**stated)
