"""Tests of the table of the metric grid."""

import pytest

from midiprism.features.kernel.grid import GRID_SHIFT, LEVEL_MASK, SWING_BIT, fill_grid


def level_of(tick: int, quarter: int) -> int:
    """Return the level of a tick as the definition has it."""
    halves = [2 * depth for depth in range(6) if (tick << depth) % quarter == 0]
    thirds = [2 * depth + 1 for depth in range(6) if (3 * tick << depth) % (2 * quarter) == 0]
    return (halves or thirds or [12])[0]


def grids_of(tick: int, quarter: int) -> list[bool]:
    """Return for each grid whether a tick is less than one tick away from it."""
    rests = [(tick * steps % quarter, steps) for steps in (1, 2, 4, 8, 3)]
    return [rest < steps or quarter - rest < steps for rest, steps in rests]


@pytest.mark.parametrize("quarter", [1, 2, 3, 5, 7, 24, 96, 100, 120, 481])
def test_each_tick_has_its_level_its_grids_and_whether_it_is_swung(quarter: int) -> None:
    table = [0] * (2 * quarter)
    fill_grid(table, quarter)
    for tick, flags in enumerate(table):
        assert flags & LEVEL_MASK == level_of(tick, quarter)
        assert [bool(flags >> GRID_SHIFT + index & 1) for index in range(5)] == grids_of(tick, quarter)
        assert bool(flags & SWING_BIT) == (0.45 * quarter < tick % quarter < 0.72 * quarter)
