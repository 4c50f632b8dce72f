"""The run in one process: plan a batch, work on it, make it durable, commit it, and so on to the end."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from midiprism.catalog import Catalog
from midiprism.library import Library
from midiprism.run.plan import Batch, Memory, Plan
from midiprism.run.progress import Counting, Listener, Progress
from midiprism.run.rehearsal import Rehearsal
from midiprism.run.result import catalog_path, opened, read_identity
from midiprism.run.settings import Identity, Settings
from midiprism.run.splitter import LazySplitter, Splitter
from midiprism.run.summary import Summary
from midiprism.run.worker import Worker
from midiprism.store import FileStore, NullStore, Store

_REPORT_SECONDS = 0.1


def split_library(
    library: Library,
    out: str,
    settings: Settings,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    splitter: Splitter | None = None,
    stop: Callable[[], bool] = lambda: False,
    compiling: Callable[[], None] = lambda: None,
    listener: Listener | None = None,
) -> Summary:
    """Split what a library holds into the result in ``out``, and say what was done.

    Args:
        library: where parents come from.
        out: the folder of the result; made where there is none.
        settings: what a split is, limits, sizes of batches.
        limit: look at the first so many parents only.
        dry_run: read and split, and write nothing.
        splitter: bytes of a parent to its splits; None for ``midiprism.split`` with the settings.
        stop: once true, what is in hand is finished and committed; the summary says ``interrupted``.
        compiling: called once if the splitter has to be compiled first, which takes seconds.
        listener: is told how far the run is, at most ten times a second.

    Raises:
        UsageError: ``out`` cannot be this run's result.
        StoreError: ``out`` is held by another run, or cannot be written; what was committed is kept.
        CatalogError: the catalogue cannot be used; what was committed is kept.
    """
    with contextlib.ExitStack() as stack:
        identity, memory, store = stack.enter_context(
            _rehearsed(out, settings) if dry_run else _opened(out, settings)
        )
        # Relative to nothing: a summary outlives a change of the working folder.
        summary = Summary(os.path.abspath(catalog_path(out)), dry_run, identity.by, identity.context)
        counting = stack.enter_context(Counting(library, limit)) if listener else None
        plan = Plan(library, memory, settings, limit=limit, notice=summary.notice, stop=stop)
        lazy = LazySplitter(identity, settings.limits, compiling)
        worker = Worker(
            library,
            store,
            splitter or lazy,
            settings.limits.input_bytes,
            stop,
            tick=lambda: None,
        )
        run = _Run(plan, worker, memory, store, summary, counting, listener, lazy)
        worker.tick = run.report
        run.go(identity)
        return summary


class _Run:
    """The loop, and what it needs to tell how far it is."""

    def __init__(
        self,
        plan: Plan,
        worker: Worker,
        memory: Memory,
        store: Store,
        summary: Summary,
        counting: Counting | None,
        listener: Listener | None,
        lazy: LazySplitter,
    ) -> None:
        self._lazy = lazy
        self._plan = plan
        self._worker = worker
        self._memory = memory
        self._store = store
        self._summary = summary
        self._counting = counting
        self._listener = listener
        self._started = time.perf_counter()
        self._reported = 0.0

    def go(self, identity: Identity) -> None:
        for batch in self._plan.batches():
            if self._worker.stop():
                break
            self._one(batch, identity)
        summary = self._summary
        self._settle()
        summary.state = "interrupted" if self._worker.stop() else "done"
        if isinstance(self._memory, Catalog) and summary.run_id is not None:
            self._memory.end_run(summary.run_id, summary.state, summary.totals(), _now())
        self.report(final=True)

    def report(self, *, final: bool = False) -> None:
        """Tell the listener how far the run is, unless it was told just now."""
        if self._listener is None:
            return
        seconds = time.perf_counter() - self._started - self._lazy.loading_seconds
        if not final and seconds - self._reported < _REPORT_SECONDS:
            return
        self._reported = seconds
        summary, tally = self._summary, self._worker.tally
        skipped = self._plan.skipped + summary.parents_copies
        self._listener(
            Progress(
                total=self._counting.total if self._counting else None,
                seen=summary.parents_done + skipped + tally.parents,
                skipped=skipped,
                failed=summary.parents_failed + summary.folders_failed + tally.failed,
                tracks=summary.tracks + tally.tracks,
                tracks_new=summary.tracks_new + tally.written,
                tracks_duplicate=summary.tracks_duplicate + tally.tracks - tally.written,
                seconds=seconds,
            )
        )

    def _one(self, batch: Batch, identity: Identity) -> None:
        """Put the batch's files, make them durable, then commit: only the commit counts."""
        summary = self._summary
        record = self._worker.work(batch, self._memory.known_parents)
        if not record.parents:
            return
        if self._worker.tally.tracks:
            self._store.flush()
        if summary.run_id is None and isinstance(self._memory, Catalog):
            summary.run_id = self._memory.begin_run(identity.as_dict(), _now())
        committed = self._memory.commit(summary.run_id or 0, record, _now())
        self._plan.committed(batch)
        summary.add(record, committed)
        self._worker.tally = replace(
            self._worker.tally, parents=0, failed=0, tracks=0, written=0, bytes_written=0
        )
        self.report()

    def _settle(self) -> None:
        self._summary.parents_skipped += self._plan.skipped
        self._summary.seconds = time.perf_counter() - self._started


@contextlib.contextmanager
def _opened(out: str, settings: Settings) -> Iterator[tuple[Identity, Memory, Store]]:
    with opened(out, settings) as identity, Catalog.open(catalog_path(out)) as catalog:
        store = FileStore(out)
        if not catalog.left_in_order():
            store.sweep()
        yield identity, catalog, store


@contextlib.contextmanager
def _rehearsed(out: str, settings: Settings) -> Iterator[tuple[Identity, Memory, Store]]:
    identity = settings.identity(read_identity(out), out)
    if not os.path.exists(catalog_path(out)):
        yield identity, Rehearsal(None), NullStore()
        return
    with Catalog.read(catalog_path(out)) as catalog:
        yield identity, Rehearsal(catalog), NullStore()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
