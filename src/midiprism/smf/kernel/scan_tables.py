"""The tables that a scan of a song fills, which grow as they need to."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.row_types import (
    CHECKPOINT,
    EVENT,
    NO_LIMIT,
    PORT_USE,
    PROBLEM,
    SETUP_CHANGE,
    SOURCE_TRACK,
    TEXT_EVENT,
)
from midiprism.smf.problems import MAX_LISTED_PROBLEMS

FULL_TRACKS = 1
FULL_CHECKPOINTS = 2
FULL_CONDUCTOR_EVENTS = 4
FULL_CONTEXT_EVENTS = 8
FULL_SETUP = 16
FULL_TEXTS = 32


class ScanTables(NamedTuple):
    """The rows that a scan finds; ``row_types`` describes them, and the counters say how many are in use."""

    tracks: Any
    checkpoints: Any
    conductor_events: Any
    context_events: Any
    setup: Any
    texts: Any
    ports: Any
    port_uses: Any
    problems: Any


class RowCounts(NamedTuple):
    """The rows in use before a scan, to undo it."""

    checkpoints: Any
    conductor_events: Any
    context_events: Any
    setup: Any
    texts: Any
    ports: Any
    wasted: Any


@helper
def new_scan_tables(size: int, full_context: bool, max_events: int, ports: Any, port_count: int) -> Any:
    """Return empty tables, long enough for most songs of ``size`` bytes.

    ``ports`` is the table of ports, and ``port_count`` how many are distinguished.
    """
    most = max_events + 1
    return ScanTables(
        np.empty(32, SOURCE_TRACK),
        np.empty(64 + size // 64, CHECKPOINT),
        np.empty(min(64 + size // 64, most), EVENT),
        np.empty(min(64 + size // 16, most) if full_context else 1, EVENT),
        np.empty(min(128 + size // 32, most), SETUP_CHANGE),
        np.empty(min(32, most), TEXT_EVENT),
        ports,
        np.zeros(32 * port_count, PORT_USE),
        np.empty(MAX_LISTED_PROBLEMS, PROBLEM),
    )


@helper
def double_length(table: Any, rows: int, most: int) -> Any:
    """Return a table twice as long, with at most ``most`` rows, that has the first ``rows`` of this one."""
    longer = np.empty(min(2 * table.shape[0], most), table.dtype)
    for row in range(rows):
        longer[row] = table[row]
    return longer


@inlined
def ensure_capacity(table: Any, rows: int) -> Any:
    """Return the table, twice as long where ``rows`` fill it."""
    return table if rows < table.shape[0] else double_length(table, rows, NO_LIMIT)


@borrowing_helper
def list_full_tables(tables: Any, counters: Any) -> int:
    """Return a bit for each table that was filled by a scan which had no room."""
    full = 0
    if counters.conductor_events == tables.conductor_events.shape[0]:
        full |= FULL_CONDUCTOR_EVENTS
    if counters.context_events == tables.context_events.shape[0]:
        full |= FULL_CONTEXT_EVENTS
    if counters.setup == tables.setup.shape[0]:
        full |= FULL_SETUP
    if counters.texts == tables.texts.shape[0]:
        full |= FULL_TEXTS
    return full if full > 0 else FULL_CHECKPOINTS


@inlined
def longer_if(is_full: int, table: Any, rows: int, most: int) -> Any:
    """Return a table, twice as long if it is full."""
    return double_length(table, rows, most) if is_full else table


@helper
def with_room(tables: Any, counters: Any, port_count: int) -> Any:
    """Return the tables with those twice as long that ``counters.full_tables`` names."""
    full = counters.full_tables
    counters.full_tables = 0
    most = counters.max_events + 1
    tracks = counters.tracks
    return ScanTables(
        longer_if(full & FULL_TRACKS, tables.tracks, tracks, NO_LIMIT),
        longer_if(full & FULL_CHECKPOINTS, tables.checkpoints, counters.checkpoints, NO_LIMIT),
        longer_if(full & FULL_CONDUCTOR_EVENTS, tables.conductor_events, counters.conductor_events, most),
        longer_if(full & FULL_CONTEXT_EVENTS, tables.context_events, counters.context_events, most),
        longer_if(full & FULL_SETUP, tables.setup, counters.setup, most),
        longer_if(full & FULL_TEXTS, tables.texts, counters.texts, most),
        tables.ports,
        longer_if(full & FULL_TRACKS, tables.port_uses, tracks * port_count, NO_LIMIT),
        tables.problems,
    )


@inlined
def has_too_many_events(counters: Any) -> bool:
    """Return whether a scan has found more events of a kind than there may be."""
    return bool(max(counters.conductor_events, counters.context_events, counters.setup) > counters.max_events)


@inlined
def row_counts(counters: Any) -> Any:
    """Return how much of the tables is in use."""
    return RowCounts(
        counters.checkpoints,
        counters.conductor_events,
        counters.context_events,
        counters.setup,
        counters.texts,
        counters.ports,
        counters.wasted,
    )


@inlined
def restore_row_counts(counters: Any, used: Any) -> None:
    """Take back what was added to the tables since ``row_counts``."""
    counters.checkpoints = used.checkpoints
    counters.conductor_events = used.conductor_events
    counters.context_events = used.context_events
    counters.setup = used.setup
    counters.texts = used.texts
    counters.ports = used.ports
    counters.wasted = used.wasted
