"""The tables that a scan of a song fills, which grow as they need to."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_types import CHECKPOINT, EVENT, PROBLEM, SETUP_CHANGE, SOURCE_TRACK


class ScanTables(NamedTuple):
    """The rows that a scan finds; ``row_types`` describes them, and the counters say how many are in use."""

    tracks: Any
    checkpoints: Any
    conductor_events: Any
    context_events: Any
    setup: Any
    problems: Any


class RowCounts(NamedTuple):
    """The rows in use before a scan, to undo it."""

    checkpoints: Any
    conductor_events: Any
    context_events: Any
    setup: Any
    gs_resets: Any
    wasted: Any


@helper
def new_scan_tables(size: int, full_context: bool) -> Any:
    """Return empty tables, long enough for most songs of ``size`` bytes."""
    return ScanTables(
        np.empty(32, SOURCE_TRACK),
        np.empty(64 + size // 64, CHECKPOINT),
        np.empty(64 + size // 64, EVENT),
        np.empty(64 + size // 16 if full_context else 1, EVENT),
        np.empty(128 + size // 32, SETUP_CHANGE),
        np.empty(16, PROBLEM),
    )


@helper
def double_length(table: Any, rows: int) -> Any:
    """Return a table twice as long, with the first ``rows`` rows of this one."""
    longer = np.empty(2 * table.shape[0], table.dtype)
    for row in range(rows):
        longer[row] = table[row]
    return longer


@inlined
def ensure_capacity(table: Any, rows: int) -> Any:
    """Return the table, twice as long where ``rows`` fill it."""
    return table if rows < table.shape[0] else double_length(table, rows)


@helper
def with_track_capacity(tables: Any, count: int) -> Any:
    """Return the tables with room for one track more than ``count``."""
    return ScanTables(
        ensure_capacity(tables.tracks, count),
        tables.checkpoints,
        tables.conductor_events,
        tables.context_events,
        tables.setup,
        tables.problems,
    )


@inlined
def with_problems(tables: Any, problems: Any) -> Any:
    """Return the tables with another table of problems."""
    return ScanTables(
        tables.tracks,
        tables.checkpoints,
        tables.conductor_events,
        tables.context_events,
        tables.setup,
        problems,
    )


@inlined
def with_double_length(tables: Any, used: Any) -> Any:
    """Return the tables with twice the room for what a scan finds; ``used`` are RowCounts."""
    return ScanTables(
        tables.tracks,
        double_length(tables.checkpoints, used.checkpoints),
        double_length(tables.conductor_events, used.conductor_events),
        double_length(tables.context_events, used.context_events),
        double_length(tables.setup, used.setup),
        tables.problems,
    )


@inlined
def row_counts(counters: Any) -> Any:
    """Return how much of the tables is in use."""
    return RowCounts(
        counters.checkpoints,
        counters.conductor_events,
        counters.context_events,
        counters.setup,
        counters.gs_resets,
        counters.wasted,
    )


@inlined
def restore_row_counts(counters: Any, used: Any) -> None:
    """Take back what was added to the tables since ``row_counts``."""
    counters.checkpoints = used.checkpoints
    counters.conductor_events = used.conductor_events
    counters.context_events = used.context_events
    counters.setup = used.setup
    counters.gs_resets = used.gs_resets
    counters.wasted = used.wasted
