"""Numbers that a worker writes and the coordinator reads at any moment, without a message."""

from collections.abc import Iterable

from midiprism.meter.clocks import CLOCKS, Clocks, Numbers

JOB, PARENT, STAGE, PARENTS, FAILED, TRACKS, WRITTEN = range(7)
"""Places of the numbers: the job in hand, the parent of it, what is being done with that; and, since the
worker began, parents come to an end, of them failed, tracks put, of them written."""

_COUNTS = 7

CLOCKS_AT = _COUNTS
"""From here on they are clocks, see ``midiprism.meter.clocks``."""

GAUGES = _COUNTS + CLOCKS

NO_PARENT = -1
"""At ``PARENT`` while it is at something that concerns several."""

IDLE, READING, SPLITTING, STORING = range(4)
"""Values at ``STAGE``. Only what a parent itself can be blamed for is timed: reading and splitting."""

COUNTED = (PARENTS, FAILED, TRACKS, WRITTEN)


Gauges = Numbers
"""A list of ``GAUGES`` integers, or shared memory that looks like one."""


def clocks(gauges: Gauges) -> Clocks:
    """The clocks among them."""
    return Clocks(gauges, CLOCKS_AT)


def counted(gauges: Gauges) -> tuple[int, ...]:
    """Parents, failed, tracks and written at this moment."""
    return tuple(gauges[place] for place in COUNTED)


def added(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The sums of several workers' counts."""
    return tuple(map(sum, zip((0,) * len(COUNTED), *counts, strict=True)))
