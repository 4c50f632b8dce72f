"""The tables that a scan of a song fills, which grow as they need to."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.jit import helper, inlined
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

    ``ports`` is the table of ports, and ``port_count`` how many are told apart.
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
        np.empty(16, PROBLEM),
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


@helper
def with_track_capacity(tables: Any, count: int, port_count: int) -> Any:
    """Return the tables with room for one track more than ``count``."""
    return ScanTables(
        ensure_capacity(tables.tracks, count),
        tables.checkpoints,
        tables.conductor_events,
        tables.context_events,
        tables.setup,
        tables.texts,
        tables.ports,
        ensure_capacity(tables.port_uses, count * port_count),
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
        tables.texts,
        tables.ports,
        tables.port_uses,
        problems,
    )


@inlined
def has_too_many_events(counters: Any) -> bool:
    """Return whether a scan has found more events of a kind than there may be."""
    return bool(max(counters.conductor_events, counters.context_events, counters.setup) > counters.max_events)


@inlined
def with_room_for_scan(tables: Any, used: Any, counters: Any) -> Any:
    """Return the tables with those twice as long that a scan has filled; ``used`` are the rows before it."""
    checkpoints, conductor_events = tables.checkpoints, tables.conductor_events
    context_events, setup, texts = tables.context_events, tables.setup, tables.texts
    most = counters.max_events + 1
    others_have_room = True
    if counters.conductor_events == conductor_events.shape[0]:
        conductor_events = double_length(conductor_events, used.conductor_events, most)
        others_have_room = False
    if counters.context_events == context_events.shape[0]:
        context_events = double_length(context_events, used.context_events, most)
        others_have_room = False
    if counters.setup == setup.shape[0]:
        setup = double_length(setup, used.setup, most)
        others_have_room = False
    if counters.texts == texts.shape[0]:
        texts = double_length(texts, used.texts, most)
        others_have_room = False
    if others_have_room:
        checkpoints = double_length(checkpoints, used.checkpoints, NO_LIMIT)
    return ScanTables(
        tables.tracks,
        checkpoints,
        conductor_events,
        context_events,
        setup,
        texts,
        tables.ports,
        tables.port_uses,
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
