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
def _metric_level(tick: int, quarter: int) -> int:
    """Return the level of a tick: even for halves of a quarter note, odd for thirds, 12 for none.

    Source: Lee and others, The GigaMIDI dataset with features for expressive music performance detection,
    2025.
    """
    for depth in range(_DEPTHS):
        if (tick << depth) % quarter == 0:
            return 2 * depth
    for depth in range(_DEPTHS):
        if (3 * tick << depth) % (2 * quarter) == 0:
            return 2 * depth + 1
    return _NO_LEVEL


@borrowing_helper
def _is_on_grid(tick: int, steps: int, quarter: int) -> bool:
    """Return whether a tick is less than one away from a multiple of a quarter note divided by ``steps``."""
    rest = tick * steps % quarter
    return rest < steps or quarter - rest < steps


@borrowing_helper
def fill_grid(grid: Any, quarter: int) -> None:
    """Fill the table for a resolution."""
    for tick in range(2 * quarter):
        flags = _metric_level(tick, quarter)
        for index in range(GRID_COUNT):
            steps = 3 if index == GRID_COUNT - 1 else 1 << index
            if _is_on_grid(tick, steps, quarter):
                flags |= 1 << (GRID_SHIFT + index)
        if _SWING_FROM * quarter < tick % quarter < _SWING_TO * quarter:
            flags |= SWING_BIT
        grid[tick] = flags
