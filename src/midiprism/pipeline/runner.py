"""The run: plan batches, hand them out, commit what comes back, until there is nothing left."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice

from midiprism.catalog import BatchRecord, Catalog, CommitResult
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.errors import MidiprismError, SourceError
from midiprism.metrics.stage_timers import COMMIT, COMMITS, POLLING, ROWS
from midiprism.pipeline import resource_defaults as machine
from midiprism.pipeline.commit_policies import CommitPolicy, choose_commit_policy, utc_now
from midiprism.pipeline.disk_space import DiskUsage, space_warning
from midiprism.pipeline.executor import Executor, InlineExecutor
from midiprism.pipeline.executors.processes.batch_retry import FinishedBatch
from midiprism.pipeline.executors.processes.process_executor import ProcessExecutor
from midiprism.pipeline.executors.processes.worker_process import WorkerConfig
from midiprism.pipeline.group_commit import GroupCommit, records_of
from midiprism.pipeline.leasing import BatchLeaser, LeasedBatch, without_leases
from midiprism.pipeline.open_result import OpenResult, ResultOpener, open_dry_run, open_result
from midiprism.pipeline.planner import Batch, BatchPlanner, KnownPathLookup
from midiprism.pipeline.progress import RunListener, SongCounter
from midiprism.pipeline.run_metrics import RECORD_REST_FACTOR, RunMetrics, recorded_settings_of
from midiprism.pipeline.settings import Settings
from midiprism.pipeline.splitter import LazySplitter, Splitter
from midiprism.pipeline.summary import Summary
from midiprism.pipeline.tuner import Tunables, Tuner
from midiprism.results.background import Background, run_inline
from midiprism.results.result_dir import catalog_address
from midiprism.results.upkeep import finish_run
from midiprism.smf.types import CONTRACT_VERSION
from midiprism.sources import Source

_REPORT_SECONDS = 0.1
_RECORD_SECONDS = 1.0
_COUNT_SECONDS = 0.05
_WAIT_SECONDS = 0.05
_SOURCE_GONE_CODES = ("vanished", "io")


def split_library(
    source: Source,
    out: str,
    settings: Settings,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    splitter: Splitter | None = None,
    opener: ResultOpener | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_compile: Callable[[], None] = lambda: None,
    warn: Callable[[str], None] = lambda _message: None,
    listener: RunListener | None = None,
    tuner: Tuner | None = None,
) -> Summary:
    """Split what a library holds into the result in ``out``, and say what was done.

    Args:
        library: where songs come from.
        out: the folder of the result; made where there is none.
        settings: what a split is, limits, workers, sizes of batches.
        limit: look at the first so many songs only.
        dry_run: read and split, and write nothing.
        splitter: bytes of a song to its splits; None for ``midiprism.split`` with the settings.
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
        scene = stack.enter_context((opener or (open_dry_run if dry_run else open_result))(out, settings))
        # Relative to nothing: a summary outlives a change of the working folder.
        address = catalog_address(out, settings.database)
        path = os.path.abspath(address) if isinstance(address, str) else str(address)
        summary = Summary(path, dry_run, scene.identity.by, scene.identity.context)
        run = _Run(source, scene, summary, settings, limit, stop, listener, out, warn, tuner)
        stack.enter_context(run.metrics)
        run.run(splitter or LazySplitter(scene.identity, settings.limits), on_compile)
        return summary


class _Run:
    """The loop, and what it needs to tell how far it is."""

    def __init__(
        self,
        source: Source,
        result: OpenResult,
        summary: Summary,
        settings: Settings,
        limit: int | None,
        stop: Callable[[], bool],
        listener: RunListener | None,
        out: str,
        warn: Callable[[str], None],
        tuner: Tuner | None,
    ) -> None:
        self._source = source
        self._result = result
        self._summary = summary
        self._settings = settings
        self._stop = stop
        self._listener = listener
        self._out = out
        self._warn = warn
        self._writable_catalog = result.catalog if not summary.dry_run else None
        if isinstance(self._writable_catalog, PostgresCatalog):
            self._writable_catalog.server_retry.stop, self._writable_catalog.server_retry.on_wait = stop, warn
        oldest = result.run_catalog.oldest_contract_version()
        self._up_to_date = settled = settings.rerun_policy.up_to_date(oldest)
        self._lookup_catalog = result.catalog if oldest is not None else None
        self._replaces = settings.rerun_policy.redo or settled is not None
        self._planner = BatchPlanner(
            source,
            None if settings.rerun_policy.redo else KnownPathLookup(result.run_catalog, settled),
            batch_songs=settings.batch_songs
            or machine.default_batch_size(shared=settings.database is not None),
            batch_bytes=settings.batch_bytes,
            limit=limit,
            on_notice=summary.add_notice,
            stop=stop,
        )
        self._song_counter = SongCounter(source, limit) if settings.count_songs else None
        self._disk_usage = (
            DiskUsage(*self._writable_catalog.storage_usage()) if self._writable_catalog else DiskUsage()
        )
        self._warned_of_space = False
        self._leaser: BatchLeaser | None = None
        self._commit_policy: CommitPolicy | None = None
        self._workers = 0
        facts = recorded_settings_of(result.identity, source, out, settings)
        self.metrics = RunMetrics(summary, self._planner, facts, tuner)
        self._songs_replaced = self._songs_adopted = 0
        self._started = time.perf_counter()
        self._loading_seconds = 0.0
        self._last_report_seconds = self._next_record_at = 0.0

    def run(self, splitter: Splitter, on_compile: Callable[[], None]) -> None:
        summary = self._summary
        try:
            with machine.infrequent_gc(), contextlib.ExitStack() as hired:
                aside = self._split_all(splitter, on_compile, hired)
                summary.state = "interrupted" if self._stop() else "done"
                if self._writable_catalog:
                    self._clean_up(self._writable_catalog, aside)
            if self._writable_catalog:
                from midiprism.adopt.adoption import delete_replaced_files

                delete_replaced_files(self._writable_catalog, summary.run_id)
            self._require_sources()
        except MidiprismError as error:
            summary.state, summary.error = "stopped", error
        # A second Ctrl-C comes past here: the run will be found cut off.
        self._update_summary()
        if summary.state == "done":
            summary.songs_total = summary.songs_seen
        self._end_run()
        self._report_progress(final=True)

    def _split_all(
        self, splitter: Splitter, on_compile: Callable[[], None], executor_stack: contextlib.ExitStack
    ) -> Background:
        """Split and commit everything; who may do something else at the end."""
        self._record_adopted()
        batches = self._planner.batches()
        first = list(islice(batches, 2))
        if not first:
            return run_inline
        self._begin_run()
        planned = self._leased_batches(chain(first, batches))
        few = len(first) == 1
        pool = executor_stack.enter_context(
            self._make_executor(self._worker_config(splitter), on_compile, single_batch=few)
        )
        self.metrics.executor = pool
        scene, run_id = self._result, self._summary.run_id or 0
        self._commit_policy = choose_commit_policy(
            scene.run_catalog, self._writable_catalog, scene.store, run_id
        )
        group = self.metrics.group_commit = GroupCommit(
            self._commit_policy, self.metrics.timers, in_thread=self._workers > 0
        )
        with contextlib.closing(group):
            try:
                self._loop(pool, group, planned)
                self.metrics.take_sample()
            except MidiprismError:  # what is done is kept, as far as that goes
                with contextlib.suppress(MidiprismError):
                    self._commit(group.take_durable(flush_now=True))
                raise
        if scene.store.shards is None:  # nobody is needed any more
            executor_stack.close()
            return run_inline
        return pool.run_in_background

    def _begin_run(self) -> None:
        if self._writable_catalog and self._summary.run_id is None:
            self._summary.run_id = self._writable_catalog.begin_run(self.metrics.recorded_settings, utc_now())

    def _record_adopted(self) -> None:
        """Record what the owner of a library that is taken over has split, which is not opened."""
        from midiprism.adopt.adoption import AdoptedSource

        if not isinstance(self._source, AdoptedSource) or not self._writable_catalog:
            return
        for songs in self._source.already_split():
            self._begin_run()
            record = BatchRecord(songs, 0, 0.0, has_files=False, contract_version=CONTRACT_VERSION)
            (added,) = self._writable_catalog.commit(self._summary.run_id or 0, [record], utc_now())
            self._summary.add_commit(record, added)
            self._songs_adopted += added.outcomes.total() + added.paths_of_known_songs
            self._record_progress()
            self._report_progress()
            if self._stop():
                break
        self._planner.restart(self._songs_adopted)

    def _leased_batches(self, batches: Iterator[Batch]) -> Iterator[LeasedBatch | None]:
        if not isinstance(self._writable_catalog, PostgresCatalog):
            return without_leases(batches)
        run_id, redo = self._summary.run_id or 0, self._settings.rerun_policy.redo
        self._leaser = BatchLeaser(self._writable_catalog, self._planner, run_id, self._up_to_date, redo=redo)
        self._leaser.songs_committed = self._songs_adopted
        return self._leaser.batches(batches)

    def _loop(
        self, executor: Executor, group_commit: GroupCommit, batches: Iterator[LeasedBatch | None]
    ) -> None:
        metering, size = self.metrics, self._planner.batch_songs
        most = self._settings.in_flight or machine.default_in_flight(
            self._workers, size, shared=self._leaser is not None
        )
        metering.tunables = knobs = Tunables(self._workers, size, most)
        more = True
        while more or executor.in_flight or group_commit.batch_count:
            began, handled = time.thread_time_ns(), False
            if self._stop():
                more = False
                executor.stop()
            waiting = False
            while more and not waiting and executor.in_flight + group_commit.batch_count < knobs.in_flight:
                try:
                    planned = next(batches)
                except StopIteration:
                    more = False
                else:
                    waiting = planned is None
                    if planned is not None:
                        handled = True
                        executor.submit(*planned)
            if executor.in_flight:
                done = executor.completed()
                handled = handled or bool(done)
                group_commit.add([one for one in done if one.committed is None])
                self._add_committed([one for one in done if one.committed is not None])
                self._loading_seconds = executor.loading_seconds
            elif waiting and not group_commit.batch_count:
                time.sleep(_WAIT_SECONDS)
            left = None if more else executor.in_flight * knobs.batch_size
            durable = group_commit.take_durable(flush_now=not executor.in_flight, songs_left=left)
            if durable:
                handled = True
                self._commit(durable)
            if self._song_counter and executor.coordinator_idle:
                self._song_counter.advance(_COUNT_SECONDS)
            since = time.thread_time_ns() if handled else began
            self._record_progress()
            self._report_progress()
            metering.timers.count(POLLING, time.thread_time_ns() - since)
            if changed := self._workers and metering.decide():
                knobs = changed
                executor.resize(knobs.workers)
                self._planner.batch_songs = knobs.batch_size

    def _worker_config(self, splitter: Splitter) -> WorkerConfig:
        scene, settings = self._result, self._settings
        return WorkerConfig(
            self._source,
            scene.store,
            splitter,
            settings.limits.input_bytes,
            self._lookup_catalog.address if self._lookup_catalog else None,
            settings.rerun_policy,
            self._summary.run_id or 0,
            self._replaces,
            self._writable_catalog.address if isinstance(self._writable_catalog, PostgresCatalog) else None,
            self._writable_catalog.foreign_writer_config
            if isinstance(self._writable_catalog, PostgresCatalog)
            else None,
        )

    def _make_executor(
        self, config: WorkerConfig, on_compile: Callable[[], None], *, single_batch: bool
    ) -> Executor:
        """Workers: by default as many as processors, and none where one batch is all there is."""
        workers = self._settings.workers
        if workers is None:
            workers = 0 if single_batch else machine.cpus()
        self._workers = workers
        if workers == 0:
            return InlineExecutor(config, self._lookup_catalog, on_compile, self._report_progress, self._stop)
        return ProcessExecutor(config, workers, self._settings.timeout, on_compile)

    def _commit(self, durable_batches: list[FinishedBatch]) -> None:
        """The tracks of these batches are durable: only now does the catalogue learn of them."""
        records = records_of(durable_batches)
        songs = chain.from_iterable(record.songs for record in records)
        if any(problem.code in _SOURCE_GONE_CODES for song in songs for problem in song.problems[:1]):
            self._require_sources()
        assert self._commit_policy is not None
        clocks = self.metrics.timers
        with clocks.measure(COMMIT):
            committed = self._commit_policy.commit(records)
        clocks.count(COMMITS, bool(records))
        clocks.count(ROWS, sum(one.row_count for one in committed))
        added = iter(committed)
        self._add_committed(
            [
                replace(done, committed=next(added) if done.record.songs else CommitResult())
                for done in durable_batches
            ]
        )

    def _add_committed(self, committed: list[FinishedBatch]) -> None:
        """These batches are in the catalogue."""
        summary = self._summary
        for done in committed:
            added, record = done.committed, done.record
            assert added is not None
            self._planner.mark_committed(done.batch)
            if added.discarded:
                assert self._leaser is not None
                self._leaser.add_discarded(done.batch)
                continue
            summary.add_commit(record, added)
            self._songs_replaced += added.outcomes_replaced
            files = record.files_written + len(added.shards)
            self._disk_usage.add(added.outcomes.total(), files, record.disk_bytes + added.shard_bytes)
            if self._leaser:
                self._leaser.songs_committed += added.outcomes.total() + added.paths_of_known_songs

    def _require_sources(self) -> None:
        gone = self._source.missing_paths()
        if gone:
            raise SourceError(
                f"{os.fsdecode(gone[0])} is gone: bring it back, and run the same command again. "
                "What was committed before is kept."
            )

    def _record_progress(self) -> None:
        """Let the catalogue know how far the run is, and look whether there is room for the rest."""
        began = time.perf_counter()
        if not self._writable_catalog or self._summary.run_id is None or began < self._next_record_at:
            return
        self._update_summary()
        total = self._summary.songs_total
        self.metrics.record_samples(self._writable_catalog, self._summary.run_id, utc_now())
        told = time.perf_counter()
        rest = min(RECORD_REST_FACTOR * (told - began), self._settings.lease_seconds / 3)
        self._next_record_at = told + max(_RECORD_SECONDS, rest)
        if total is not None and not self._warned_of_space:
            catalog_bytes = self._writable_catalog.local_disk_bytes()
            message = space_warning(
                self._out, catalog_bytes, self._disk_usage, total - self._planner.songs_seen
            )
            if message:
                self._warned_of_space = True
                self._warn(message)

    def _update_summary(self) -> None:
        """Bring what the summary does not count by itself up to this moment."""
        summary = self._summary
        summary.songs_skipped = max(0, self._planner.songs_skipped) + summary.songs_copies
        summary.songs_total = self.metrics.songs_total = (
            self._song_counter.total if self._song_counter else None
        )
        summary.seconds = time.perf_counter() - self._started
        summary.loading_seconds = self._loading_seconds

    def _clean_up(self, catalog: Catalog, run_in_background: Background) -> None:
        """Do what a run does after its last batch."""
        replaced = self._songs_replaced > 0
        finish_run(
            catalog, self._result.store, self._summary.run_id, run_in_background, songs_replaced=replaced
        )

    def _end_run(self) -> None:
        summary = self._summary
        if self._writable_catalog and summary.run_id is not None:
            with contextlib.suppress(MidiprismError):  # a full disk: the run will be found cut off
                self.metrics.record_samples(self._writable_catalog, summary.run_id, utc_now(), last=True)
                self._writable_catalog.end_run(
                    summary.run_id, summary.state, self.metrics.totals(), utc_now()
                )

    def _report_progress(self, *, final: bool = False) -> None:
        """Tell the listener how far the run is, unless it was told just now."""
        if self._listener is None:
            return
        seconds = time.perf_counter() - self._started - self._loading_seconds
        if not final and seconds - self._last_report_seconds < _REPORT_SECONDS:
            return
        self._last_report_seconds = seconds
        self.metrics.songs_total = self._song_counter.total if self._song_counter else None
        self._listener(self.metrics.progress(seconds))
