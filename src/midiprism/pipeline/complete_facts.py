"""Computes the facts that a result lacks, outside of a run."""

import os
import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.facts import FactIndex
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.pipeline.compile_splitter import CompileListener, compile_facts
from midiprism.pipeline.executors import facts_for
from midiprism.results.compaction import Compactor
from midiprism.results.facts import FactCounts, FactsUpkeep
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import require_result
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.results.upkeep import update_card
from midiprism.results.writable_catalog import open_writable_catalog_of


class FactsProgress(NamedTuple):
    """Progress: the tracks that got facts of those that lacked them, after a number of seconds."""

    seen: int
    total: int
    seconds: float


def complete_facts_of(
    out: str,
    database: PostgresAddress | None = None,
    threads: int | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_compile: CompileListener = lambda _seconds: None,
    on_progress: Callable[[FactsProgress], None] | None = None,
) -> FactCounts:
    """Compute the facts that tracks and songs of the result in ``out`` lack.

    Args:
        database: where the catalog is; None for a file in the result.
        threads: that read tracks, with a process each that computes; None for one per processor.
        stop: once true, it ends after the step in hand.
        on_compile: called while something is being compiled, with the seconds so far; first with 0.
        on_progress: called after each step.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        StoreError: another process uses it, or a shard cannot be read or written.
        CatalogError: the catalog cannot be used.
    """
    require_result(out)
    started = time.perf_counter()
    with lock_exclusive(out), open_writable_catalog_of(out, database) as catalog:
        identity = require_identity(out)
        with closing(open_result_store(out, identity)) as store:
            total = FactIndex(catalog, FACTS_VERSION).count_tracks()
            if total and not compile_facts(stop, on_compile):
                return FactCounts()

            def report(counts: FactCounts) -> None:
                if on_progress is not None:
                    on_progress(FactsProgress(counts.tracks, total, time.perf_counter() - started))

            threads = threads or os.cpu_count() or 1
            with facts_for() as compute_facts:
                upkeep = FactsUpkeep(catalog, store, None, stop=stop, on_progress=report)
                counts = upkeep.complete(compute_facts, threads)
            if store.shards is not None:
                Compactor(catalog, store.shards, None).update_songs_table()
                update_card(out, identity, catalog, None, force=counts.tracks > 0)
        return counts
