"""The place of an onset on the metric grid, from a table of all ticks of two quarter notes.

The table spares divisions: each entry has the metric level of GigaMIDI's NOMML in its lowest bits, and a bit
for each grid that has the tick.
"""

from typing import Any

from midiprism.smf.kernel.jit import borrowing_helper

LEVEL_MASK = 15
GRID_SHIFT = 4
GRID_COUNT = 5
SWING_BIT = 1 << (GRID_SHIFT + GRID_COUNT)
_DEPTHS = 6
_NO_LEVEL = 12
_SWING_FROM, _SWING_TO = 0.45, 0.72
"""The second of two swung eighths begins between these parts of a quarter note."""


@borrowing_helper
def _set_level(grid: Any, ticks: int, parts: int, level: int) -> None:
    """Set the level of those ticks that are whole multiples of ``ticks`` divided by ``parts``."""
    for part in range(parts):
        if part * ticks % parts == 0:
            grid[part * ticks // parts] = level


@borrowing_helper
def _set_levels(grid: Any, ticks: int) -> None:
    """Set the level of all ticks of two quarter notes: even for halves of a quarter note, odd for thirds.

    A tick has the coarsest level that it is on, and that of halves before that of thirds.

    Source: Lee and others, The GigaMIDI dataset with features for expressive music performance detection,
    2025.
    """
    for tick in range(ticks):
        grid[tick] = _NO_LEVEL
    for depth in range(_DEPTHS - 1, -1, -1):
        _set_level(grid, ticks, 3 << depth, 2 * depth + 1)
    for depth in range(_DEPTHS - 1, -1, -1):
        _set_level(grid, ticks, 2 << depth, 2 * depth)


@borrowing_helper
def _mark_grid(grid: Any, quarter: int, steps: int, bit: int) -> None:
    """Set a bit of the ticks less than one away from a multiple of a quarter note divided by ``steps``."""
    for step in range(2 * steps):
        tick, rest = step * quarter // steps, step * quarter % steps
        grid[tick] |= bit
        if rest > 0 and tick + 1 < 2 * quarter:
            grid[tick + 1] |= bit


@borrowing_helper
def fill_grid(grid: Any, quarter: int) -> None:
    """Fill the table for a resolution."""
    _set_levels(grid, 2 * quarter)
    for index in range(GRID_COUNT):
        _mark_grid(grid, quarter, 3 if index == GRID_COUNT - 1 else 1 << index, 1 << (GRID_SHIFT + index))
    for tick in range(quarter):
        if _SWING_FROM * quarter < tick < _SWING_TO * quarter:
            grid[tick] |= SWING_BIT
            grid[tick + quarter] |= SWING_BIT
