"""The run: plan batches, hand them out, commit what comes back, until there is nothing left."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice

from midiprism.catalog import BatchRecord, Catalog, Committed
from midiprism.catalog.postgres import PostgresCatalog
from midiprism.errors import MidiprismError, SourceError
from midiprism.library import Library
from midiprism.meter.clocks import COMMIT, COMMITS, POLLING, ROWS
from midiprism.run import machine
from midiprism.run.adoption import AdoptedLibrary, end_adoption
from midiprism.run.aside import Aside, here
from midiprism.run.child import Duty
from midiprism.run.committing import Committing, committing, now
from midiprism.run.group import Group, records_of
from midiprism.run.jobs import Done
from midiprism.run.leasing import Leasing, Planned, unshared
from midiprism.run.metering import TELL_REST, Metering, facts_of
from midiprism.run.plan import Batch, KnownBeside, Plan
from midiprism.run.pool import InlinePool, Pool
from midiprism.run.processes import ProcessPool
from midiprism.run.progress import Counting, Listener
from midiprism.run.result import catalog_address
from midiprism.run.scene import Opening, Scene, opened_result, rehearsed
from midiprism.run.settings import Settings
from midiprism.run.settling import Settling
from midiprism.run.space import Usage, shortage
from midiprism.run.splitter import LazySplitter, Splitter
from midiprism.run.summary import Summary
from midiprism.run.tuning import Knobs, Tuner
from midiprism.smf.types import CONTRACT_VERSION

_REPORT_SECONDS = 0.1
_TELL_SECONDS = 1.0
_COUNT_SECONDS = 0.05
_WAIT_SECONDS = 0.05
_GONE = ("vanished", "io")


def split_library(
    library: Library,
    out: str,
    settings: Settings,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    splitter: Splitter | None = None,
    opening: Opening | None = None,
    stop: Callable[[], bool] = lambda: False,
    compiling: Callable[[], None] = lambda: None,
    warn: Callable[[str], None] = lambda _message: None,
    listener: Listener | None = None,
    tuner: Tuner | None = None,
) -> Summary:
    """Split what a library holds into the result in ``out``, and say what was done.

    Args:
        library: where parents come from.
        out: the folder of the result; made where there is none.
        settings: what a split is, limits, workers, sizes of batches.
        limit: look at the first so many parents only.
        dry_run: read and split, and write nothing.
        splitter: bytes of a parent to its splits; None for ``midiprism.split`` with the settings.
        opening: gives the scene of a result; None for files and SQLite in ``out``.
        stop: once true, what is in hand is finished and committed; the summary says ``interrupted``.
        compiling: called once if the splitter has to be compiled first, which takes up to a minute.
        warn: is told what a person should know while there is time.
        listener: is told how far the run is, at most ten times a second.
        tuner: changes what the settings leave open while worker processes are at it; None for nobody.

    Returns:
        What was done. Its state is ``stopped``, with the reason, where the run could not go on: the disk is
        full, the catalogue cannot be used, a source is gone. What was committed is kept.

    Raises:
        UsageError: ``out`` cannot be this run's result.
        StoreError: ``out`` is held by another run, or cannot be written.
        CatalogError: the catalogue cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        scene = stack.enter_context((opening or (rehearsed if dry_run else opened_result))(out, settings))
        # Relative to nothing: a summary outlives a change of the working folder.
        address = catalog_address(out, settings.database)
        path = os.path.abspath(address) if isinstance(address, str) else str(address)
        summary = Summary(path, dry_run, scene.identity.by, scene.identity.context)
        run = _Run(library, scene, summary, settings, limit, stop, listener, out, warn, tuner)
        stack.enter_context(run.metering)
        run.go(splitter or LazySplitter(scene.identity, settings.limits), compiling)
        return summary


class _Run:
    """The loop, and what it needs to tell how far it is."""

    def __init__(
        self,
        library: Library,
        scene: Scene,
        summary: Summary,
        settings: Settings,
        limit: int | None,
        stop: Callable[[], bool],
        listener: Listener | None,
        out: str,
        warn: Callable[[str], None],
        tuner: Tuner | None,
    ) -> None:
        self._library = library
        self._scene = scene
        self._summary = summary
        self._settings = settings
        self._stop = stop
        self._listener = listener
        self._out = out
        self._warn = warn
        self._writes = scene.catalog if not summary.dry_run else None
        if isinstance(self._writes, PostgresCatalog):
            self._writes.patience.stop, self._writes.patience.tell = stop, warn
        oldest = scene.memory.oldest_contract()
        self._settled = settled = settings.wish.settled(oldest)
        self._asked = scene.catalog if oldest is not None else None
        self._replaces = settings.wish.redo or settled is not None
        self._plan = Plan(
            library,
            None if settings.wish.redo else KnownBeside(scene.memory, settled),
            batch_parents=settings.batch_parents
            or machine.default_batch(shared=settings.database is not None),
            batch_bytes=settings.batch_bytes,
            limit=limit,
            notice=summary.notice,
            stop=stop,
        )
        self._counting = Counting(library, limit) if settings.scan else None
        self._used = Usage(*self._writes.usage()) if self._writes else Usage()
        self._warned = False
        self._leasing: Leasing | None = None
        self._committing: Committing | None = None
        self._workers = 0
        facts = facts_of(scene.identity, library, out, settings)
        self.metering = Metering(summary, self._plan, facts, tuner)
        self._replaced = self._adopted = 0
        self._started = time.perf_counter()
        self._loading = 0.0
        self._reported = self._tells = 0.0

    def go(self, splitter: Splitter, compiling: Callable[[], None]) -> None:
        summary = self._summary
        try:
            with machine.rare_collections(), contextlib.ExitStack() as hired:
                aside = self._all(splitter, compiling, hired)
                summary.state = "interrupted" if self._stop() else "done"
                if self._writes:
                    self._settle(self._writes, aside)
            if self._writes:
                end_adoption(self._writes, summary.run_id)
            self._require_sources()
        except MidiprismError as error:
            summary.state, summary.error = "stopped", error
        # A second Ctrl-C comes past here: the run will be found cut off.
        self._take_stock()
        if summary.state == "done":
            summary.parents_total = summary.parents_seen
        self._end()
        self._report(final=True)

    def _all(self, splitter: Splitter, compiling: Callable[[], None], hired: contextlib.ExitStack) -> Aside:
        """Split and commit everything; who may do something else at the end."""
        self._adopt()
        batches = self._plan.batches()
        first = list(islice(batches, 2))
        if not first:
            return here
        self._begin()
        planned = self._planned(chain(first, batches))
        few = len(first) == 1
        pool = hired.enter_context(self._hired(self._duty(splitter), compiling, few=few))
        self.metering.pool = pool
        scene, run_id = self._scene, self._summary.run_id or 0
        self._committing = committing(scene.memory, self._writes, scene.store, scene.shards, run_id)
        group = self.metering.group = Group(self._committing, self.metering.clocks, beside=self._workers > 0)
        with contextlib.closing(group):
            try:
                self._loop(pool, group, planned)
                self.metering.take()
            except MidiprismError:  # what is done is kept, as far as that goes
                with contextlib.suppress(MidiprismError):
                    self._commit(group.durable(hurry=True))
                raise
        if scene.shards is None:  # nobody is needed any more
            hired.close()
            return here
        return pool.aside

    def _begin(self) -> None:
        if self._writes and self._summary.run_id is None:
            self._summary.run_id = self._writes.begin_run(self.metering.facts, now())

    def _adopt(self) -> None:
        """Record what the owner of a library that is taken over has split, which is not opened."""
        if not isinstance(self._library, AdoptedLibrary) or not self._writes:
            return
        for parents in self._library.begun():
            self._begin()
            record = BatchRecord(parents, 0, 0.0, files_present=False, contract=CONTRACT_VERSION)
            (added,) = self._writes.commit(self._summary.run_id or 0, [record], now())
            self._summary.add(record, added)
            self._adopted += added.outcomes.total() + added.paths
            self._tell()
            self._report()
            if self._stop():
                break
        self._plan.begin_again(self._adopted)

    def _planned(self, batches: Iterator[Batch]) -> Iterator[Planned | None]:
        if not isinstance(self._writes, PostgresCatalog):
            return unshared(batches)
        run_id, redo = self._summary.run_id or 0, self._settings.wish.redo
        self._leasing = Leasing(self._writes, self._plan, run_id, self._settled, redo=redo)
        self._leasing.committed = self._adopted
        return self._leasing.batches(batches)

    def _loop(self, pool: Pool, group: Group, batches: Iterator[Planned | None]) -> None:
        metering, size = self.metering, self._plan.batch_parents
        most = self._settings.in_flight or machine.default_in_flight(
            self._workers, size, shared=self._leasing is not None
        )
        metering.knobs = knobs = Knobs(self._workers, size, most)
        more = True
        while more or pool.in_flight or group.batches:
            began, handled = time.thread_time_ns(), False
            if self._stop():
                more = False
                pool.stop()
            waiting = False
            while more and not waiting and pool.in_flight + group.batches < knobs.in_flight:
                try:
                    planned = next(batches)
                except StopIteration:
                    more = False
                else:
                    waiting = planned is None
                    if planned is not None:
                        handled = True
                        pool.submit(*planned)
            if pool.in_flight:
                done = pool.results()
                handled = handled or bool(done)
                group.add([one for one in done if one.committed is None])
                self._learn([one for one in done if one.committed is not None])
                self._loading = pool.loading_seconds
            elif waiting and not group.batches:
                time.sleep(_WAIT_SECONDS)
            left = None if more else pool.in_flight * knobs.batch_size
            durable = group.durable(hurry=not pool.in_flight, left=left)
            if durable:
                handled = True
                self._commit(durable)
            if self._counting and pool.idle:
                self._counting.advance(_COUNT_SECONDS)
            since = time.thread_time_ns() if handled else began
            self._tell()
            self._report()
            metering.clocks.count(POLLING, time.thread_time_ns() - since)
            if changed := self._workers and metering.decide():
                knobs = changed
                pool.resize(knobs.workers)
                self._plan.batch_parents = knobs.batch_size

    def _duty(self, splitter: Splitter) -> Duty:
        scene, settings = self._scene, self._settings
        return Duty(
            self._library,
            scene.store,
            splitter,
            settings.limits.input_bytes,
            self._asked.address if self._asked else None,
            settings.wish,
            self._summary.run_id or 0,
            self._replaces,
            self._writes.address if isinstance(self._writes, PostgresCatalog) else None,
            self._writes.bridge if isinstance(self._writes, PostgresCatalog) else None,
            scene.shards if isinstance(self._writes, PostgresCatalog) else None,
        )

    def _hired(self, duty: Duty, compiling: Callable[[], None], *, few: bool) -> Pool:
        """Workers: by default as many as processors, and none where one batch is all there is."""
        workers = self._settings.workers
        if workers is None:
            workers = 0 if few else machine.cpus()
        self._workers = workers
        if workers == 0:
            return InlinePool(duty, self._asked, compiling, self._report, self._stop)
        return ProcessPool(duty, workers, self._settings.timeout, compiling)

    def _commit(self, durable: list[Done]) -> None:
        """The tracks of these batches are durable: only now does the catalogue learn of them."""
        records = records_of(durable)
        parents = chain.from_iterable(record.parents for record in records)
        if any(problem.code in _GONE for parent in parents for problem in parent.problems[:1]):
            self._require_sources()
        assert self._committing is not None
        clocks = self.metering.clocks
        with clocks.timed(COMMIT):
            committed = self._committing.commit(records)
        clocks.count(COMMITS, bool(records))
        clocks.count(ROWS, sum(one.rows for one in committed))
        added = iter(committed)
        self._learn(
            [replace(done, committed=next(added) if done.record.parents else Committed()) for done in durable]
        )

    def _learn(self, committed: list[Done]) -> None:
        """These batches are in the catalogue."""
        summary = self._summary
        for done in committed:
            added, record = done.committed, done.record
            assert added is not None
            self._plan.committed(done.batch)
            if added.discarded:
                assert self._leasing is not None
                self._leasing.discarded(done.batch)
                continue
            summary.add(record, added)
            self._replaced += added.replaced
            files = record.files_written + len(added.shards)
            self._used.add(added.outcomes.total(), files, record.disk_bytes + added.shard_bytes)
            if self._leasing:
                self._leasing.committed += added.outcomes.total() + added.paths

    def _require_sources(self) -> None:
        gone = self._library.missing()
        if gone:
            raise SourceError(
                f"{os.fsdecode(gone[0])} is gone: bring it back, and run the same command again. "
                "What was committed before is kept."
            )

    def _tell(self) -> None:
        """Let the catalogue know how far the run is, and look whether there is room for the rest."""
        began = time.perf_counter()
        if not self._writes or self._summary.run_id is None or began < self._tells:
            return
        self._take_stock()
        total = self._summary.parents_total
        self.metering.record(self._writes, self._summary.run_id, now())
        told = time.perf_counter()
        rest = min(TELL_REST * (told - began), self._settings.lease_seconds / 3)
        self._tells = told + max(_TELL_SECONDS, rest)
        if total is not None and not self._warned:
            catalog_bytes = self._writes.local_bytes()
            message = shortage(self._out, catalog_bytes, self._used, total - self._plan.seen)
            if message:
                self._warned = True
                self._warn(message)

    def _take_stock(self) -> None:
        """Bring what the summary does not count by itself up to this moment."""
        summary = self._summary
        summary.parents_skipped = max(0, self._plan.skipped) + summary.parents_copies
        summary.parents_total = self.metering.total = self._counting.total if self._counting else None
        summary.seconds = time.perf_counter() - self._started
        summary.loading_seconds = self._loading

    def _settle(self, catalog: Catalog, aside: Aside) -> None:
        """See to tracks that no song has any more, since its parents were split again and otherwise; in a
        result in shards also to what is out of date there."""
        scene, run_id = self._scene, self._summary.run_id
        if scene.shards is not None:
            Settling(catalog, scene.shards, run_id, aside).all(replaced=self._replaced > 0)
        elif self._replaced:
            places = catalog.forget_unlinked(run_id)
            with catalog.alone(run_id) as alone:
                for place in places if alone else ():  # a run that has begun may put the same files again
                    scene.store.remove(scene.store.path_of(*place))

    def _end(self) -> None:
        summary = self._summary
        if self._writes and summary.run_id is not None:
            with contextlib.suppress(MidiprismError):  # a full disk: the run will be found cut off
                self.metering.record(self._writes, summary.run_id, now(), last=True)
                self._writes.end_run(summary.run_id, summary.state, self.metering.totals(), now())

    def _report(self, *, final: bool = False) -> None:
        """Tell the listener how far the run is, unless it was told just now."""
        if self._listener is None:
            return
        seconds = time.perf_counter() - self._started - self._loading
        if not final and seconds - self._reported < _REPORT_SECONDS:
            return
        self._reported = seconds
        self.metering.total = self._counting.total if self._counting else None
        self._listener(self.metering.progress(seconds))
