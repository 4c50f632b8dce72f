"""A run: plan batches, hand them out, commit those that come back, and leave the result in order."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from midiprism.catalog import Address, BatchRecord, UpToDate, utc_now
from midiprism.errors import MidiprismError
from midiprism.pipeline import resource_defaults
from midiprism.pipeline.after_run import run_hooks_after, updating_derived
from midiprism.pipeline.batch import PlannedBatch
from midiprism.pipeline.batch_loop import BatchLoop, LoopObservers
from midiprism.pipeline.commit_order import CommitOrder
from midiprism.pipeline.disk_space import DiskUsage
from midiprism.pipeline.executor import ExecutorContext, Telemetry
from midiprism.pipeline.executors import background_for, facts_for, make_executor, prepare_executor
from midiprism.pipeline.group_commit import PLANNED_GROUP_SONGS, GroupCommit
from midiprism.pipeline.in_thread import in_thread
from midiprism.pipeline.leasing import LeasedBatches
from midiprism.pipeline.missing_songs import ScanComparison, require_sources
from midiprism.pipeline.planner import BatchPlanner, KnownPathLookup, SongWalk
from midiprism.pipeline.progress import SongCounter
from midiprism.pipeline.record_builder import record_of_recorded
from midiprism.pipeline.recorded_settings import recorded_settings_of
from midiprism.pipeline.run_metrics import RunCounts, RunMetrics
from midiprism.pipeline.run_reports import ProgressReporter, RunRecorder, SpaceMonitor
from midiprism.pipeline.settings import RunCallbacks, RunIntervals, Settings
from midiprism.pipeline.splitter import LazySplitter, LoadFacts, Splitter, keeps_kernel, load_facts_calculator
from midiprism.pipeline.summary import Summary
from midiprism.pipeline.tuner import Tunables, Tuner
from midiprism.pipeline.worker_config import KnownSongLookup, WorkerCommit, WorkerConfig
from midiprism.results.background import Background, run_inline
from midiprism.results.result_dir import catalog_address
from midiprism.smf.types import CONTRACT_VERSION
from midiprism.sources import Source

if TYPE_CHECKING:  # which load the database
    from midiprism.catalog import Catalog
    from midiprism.pipeline.open_result import OpenResult, ResultOpener

_RECORDED_SONGS_PER_COMMIT = 4_000
_SOURCE_GONE_CODES = ("vanished", "io")


@dataclass(frozen=True, slots=True)
class RunParts:
    """Parts of a run that can be replaced.

    Attributes:
        splitter: bytes of a song to its tracks; None for ``midiprism.split`` with the settings.
        load_facts: loads what computes the facts of tracks.
        open_result: opens the result; None for the result in ``out``, or the stand-in of a dry run.
        tuner: changes the settings that are None while worker processes are at work; None to keep them.
        intervals: times between two reports of progress.
        group_songs: songs of a commit that writes files with many tracks.
    """

    splitter: Splitter | None = None
    load_facts: LoadFacts = load_facts_calculator
    open_result: "ResultOpener | None" = None
    tuner: Tuner | None = None
    intervals: RunIntervals = field(default_factory=RunIntervals)
    group_songs: int = PLANNED_GROUP_SONGS


def run_pipeline(
    source: Source,
    out: str,
    settings: Settings,
    callbacks: RunCallbacks = RunCallbacks(),  # noqa: B008 - it is frozen
    parts: RunParts = RunParts(),
) -> Summary:
    """Split the songs of a source into the result in ``out``, and return a summary.

    Args:
        source: lists and reads songs.
        out: the folder of the result; made where there is none.
        settings: of the run.
        callbacks: are called during the run.
        parts: replace parts of the run.

    Returns:
        A summary; its state is ``stopped``, with the reason, if it could not go on. What it did is kept.

    Raises:
        UsageError: ``out`` cannot be this run's result.
        StoreError: ``out`` is held by another run, or cannot be written.
        CatalogError: the catalog cannot be opened.
    """
    walk = SongWalk(source)
    if not os.path.isdir(out) and walk.has_songs():
        prepare_executor(settings.resources.executor, settings.resources.workers)
    # Only now, since it loads the database: workers load the splitter meanwhile.
    from midiprism.pipeline.open_result import open_dry_run, open_result

    opener = parts.open_result or (open_dry_run if settings.dry_run else open_result)
    with opener(out, settings) as result:
        # Absolute: a summary outlives a change of the working folder.
        address = catalog_address(out, settings.catalog.database)
        path = os.path.abspath(address) if isinstance(address, str) else str(address)
        summary = Summary(path, settings.dry_run, result.identity.by, result.identity.context)
        run = _Run(_RunInputs(source, walk, out, settings, result, callbacks), summary, parts)
        run.run()
        return summary


@dataclass(frozen=True, slots=True)
class _RunInputs:
    """The parts and settings that a run works with."""

    source: Source
    walk: SongWalk
    out: str
    settings: Settings
    result: "OpenResult"
    callbacks: RunCallbacks

    @property
    def catalog(self) -> "Catalog | None":
        """The catalog, if the run may write it."""
        return None if self.settings.dry_run else self.result.catalog

    @property
    def commits_follow_plan(self) -> bool:
        """True if the files that commits write depend on the order of commits, which this process chooses."""
        return self.result.store.capabilities.writes_in_commit and not (self.catalog and self.catalog.shared)


@dataclass(frozen=True, slots=True)
class _PriorKnowledge:
    """The state of the catalog when the run began.

    Attributes:
        up_to_date: the songs with which there is nothing to do; None for all known songs.
        lookup_address: the catalog that workers look in; None if it knew nothing.
        replaces: whether a song that has an outcome may get another.
    """

    up_to_date: UpToDate | None
    lookup_address: Address | None
    replaces: bool

    @classmethod
    def read(cls, inputs: _RunInputs) -> "_PriorKnowledge":
        policy, result = inputs.settings.rerun_policy, inputs.result
        oldest = result.run_catalog.oldest_contract_version()
        up_to_date = policy.up_to_date(oldest)
        address = result.catalog.address if result.catalog is not None and oldest is not None else None
        return cls(up_to_date, address, policy.redo or up_to_date is not None)


class _Run:
    """One run and its parts."""

    def __init__(self, inputs: _RunInputs, summary: Summary, parts: RunParts) -> None:
        settings, callbacks, catalog = inputs.settings, inputs.callbacks, inputs.catalog
        result = inputs.result
        if catalog is not None:
            catalog.wait_for_server(callbacks.stop, callbacks.on_warning)
        self._inputs = inputs
        self._summary = summary
        self._parts = parts
        self._knowledge = _PriorKnowledge.read(inputs)
        self._scan_comparison = ScanComparison(result.catalog, inputs.source, result.seen_elsewhere)
        self._planner = _make_planner(inputs, self._knowledge, summary, parts.group_songs)
        song_counter = (
            SongCounter(inputs.source, settings.scope.limit) if settings.scope.count_songs else None
        )
        self._counts = RunCounts(summary, self._planner, song_counter)
        self._disk_usage = DiskUsage(*catalog.storage_usage()) if catalog else DiskUsage()
        recorded = recorded_settings_of(inputs.result.identity, inputs.source, inputs.out, settings)
        self._metrics = RunMetrics(self._counts, recorded, parts.tuner, parts.intervals.downsample)
        space = SpaceMonitor(inputs.out, self._disk_usage, callbacks.on_warning)
        max_rest = settings.catalog.lease_seconds / 3
        self._recorder = RunRecorder(catalog, self._counts, self._metrics, space, parts.intervals, max_rest)
        self._reporter = ProgressReporter(
            callbacks.on_progress, self._metrics, self._recorder.clock, parts.intervals.report
        )

    def run(self) -> None:
        """Do all of it, and record in the summary how it ended."""
        summary = self._summary
        with self._metrics:
            try:
                with resource_defaults.infrequent_gc():
                    songs_replaced, background = self._split_all()
                    summary.finish(interrupted=self._inputs.callbacks.stop())
                    self._follow_library()
                    self._finish(background, songs_replaced=songs_replaced > 0)
            except MidiprismError as error:
                summary.stop(error)
            # A second Ctrl-C does not come here: the run will be found cut off.
            self._recorder.end()
            self._reporter.report(final=True)

    def _finish(self, background: Background, *, songs_replaced: bool) -> None:
        """Leave the result in order, and bring up to date what derives from its catalog."""
        from midiprism.results.upkeep import finish_run, update_card, update_songs_table

        summary, inputs = self._summary, self._inputs
        catalog, result, run_id = inputs.catalog, inputs.result, summary.run_id
        has_table, settings = result.store.shards is not None, inputs.settings
        if catalog:
            with facts_for(settings.resources, self._parts.load_facts) as compute_facts:
                facts = compute_facts if settings.facts else None
                finish_run(catalog, result.store, run_id, songs_replaced=songs_replaced, compute_facts=facts)
        with updating_derived(inputs.callbacks, inputs.out, catalog, summary, background, is_busy=has_table):
            if catalog:
                update_songs_table(catalog, result.store, run_id)
                update_card(inputs.out, result.identity, catalog, run_id)
                summary.lost_track = result.find_lost_track()
            run_hooks_after(inputs.settings.catalog.hooks, catalog, summary)
            require_sources(inputs.source)

    def _split_all(self) -> tuple[int, Background]:
        """Split and commit everything.

        Returns:
            Number of songs that got another outcome, and what does work of the end in the background.
        """
        songs_recorded = self._commit_recorded()
        batches = self._planner.batches()
        first = list(islice(batches, 2))
        if not first:
            return 0, run_inline
        run_id = self._recorder.begin()
        workers = self._inputs.settings.resources.workers
        is_small = len(first) == 1
        if workers is None:
            # One process works on one batch; this one could not end a song that takes too long.
            workers = 1 if is_small else resource_defaults.cpus()
        planned = chain(first, batches)
        leases = self._lease_batches(run_id)
        if leases is not None:
            leases.add_committed(songs_recorded)
        leased = planned if leases is None else leases.batches(planned)
        return self._work(leased, leases, workers), background_for(0 if is_small else workers)

    def _lease_batches(self, run_id: int) -> LeasedBatches | None:
        """Return the leases of the run; None where it has the catalog to itself."""
        catalog, redo = self._inputs.catalog, self._inputs.settings.rerun_policy.redo
        if catalog is None:
            return None
        leases = catalog.batch_leases(run_id, self._knowledge.up_to_date, redo=redo)
        return None if leases is None else LeasedBatches(leases, self._planner)

    def _work(
        self, planned: Iterator[PlannedBatch | None], leases: LeasedBatches | None, workers: int
    ) -> int:
        """Work on planned batches, and return how many songs got another outcome than they had."""
        inputs = self._inputs
        executor = make_executor(inputs.settings.resources.executor, self._executor_context(workers))
        group_commit = GroupCommit(
            inputs.result.run_catalog,
            inputs.result.store,
            self._summary.run_id or 0,
            self._metrics.timers,
            in_thread=workers > 0,
            order=CommitOrder() if inputs.commits_follow_plan else None,
            before_commit=self._require_readable_sources,
        )
        observers = LoopObservers(
            self._metrics,
            self._recorder,
            self._reporter,
            self._summary,
            self._disk_usage,
            self._counts.song_counter,
            leases,
        )
        loading = in_thread(inputs.callbacks.load_after_run)
        with contextlib.closing(executor), contextlib.closing(group_commit), loading:
            loop = BatchLoop(executor, group_commit, self._planner, observers, inputs.callbacks.stop)
            loop.run(planned, self._tunables(workers))
        return loop.songs_replaced

    def _require_readable_sources(self, records: Sequence[BatchRecord]) -> None:
        """Raise SourceError if a source is gone: its songs would be recorded as unreadable."""
        song_problems = chain.from_iterable(record.songs["problems"] for record in records)
        if any(problem.code in _SOURCE_GONE_CODES for problems in song_problems for problem in problems[:1]):
            require_sources(self._inputs.source)

    def _tunables(self, workers: int) -> Tunables:
        batch_songs = self._planner.batch_songs
        in_flight = self._inputs.settings.resources.in_flight
        if in_flight is None:
            shared = self._inputs.catalog is not None and self._inputs.catalog.shared
            in_flight = resource_defaults.default_in_flight(workers, batch_songs, shared=shared)
        return Tunables(workers, batch_songs, in_flight)

    def _executor_context(self, workers: int) -> ExecutorContext:
        inputs, callbacks = self._inputs, self._inputs.callbacks

        def on_progress(telemetry: Telemetry) -> None:
            self._metrics.observe(telemetry)
            self._reporter.report()

        def on_compile(seconds: float) -> None:
            if seconds == 0:
                keeps_kernel()
            self._summary.compiling_seconds = seconds
            callbacks.on_compile(seconds)

        return ExecutorContext(
            _worker_config(inputs, self._knowledge, self._summary.run_id or 0, self._parts),
            workers,
            inputs.settings.resources.timeout,
            callbacks.stop,
            on_compile,
            on_progress,
        )

    def _commit_recorded(self) -> int:
        """Commit the songs whose outcome the source knows without opening them, and return how many."""
        catalog, count = self._inputs.catalog, 0
        if catalog is None:
            return 0
        recorded = self._inputs.source.recorded()
        while page := list(islice(recorded, _RECORDED_SONGS_PER_COMMIT)):
            run_id = self._recorder.begin()
            songs = [record_of_recorded(song) for song in page]
            record = BatchRecord.from_songs(songs, has_files=False, contract_version=CONTRACT_VERSION)
            (committed,) = catalog.commit(run_id, [record], utc_now())
            self._summary.add_commit(committed, record.bytes_written)
            count += committed.outcomes.total() + committed.paths_of_known_songs
            self._recorder.record()
            self._reporter.report()
            if self._inputs.callbacks.stop():
                break
        if count:
            self._planner.restart(count)
        return count

    def _follow_library(self) -> None:
        """Record which known songs a complete scan has not seen, and remove them if that is wanted."""
        inputs, summary, scan = self._inputs, self._summary, self._planner.scan
        if summary.state != "done" or not scan.is_complete:
            return
        require_sources(inputs.source)  # a folder that went away meanwhile looks empty
        begin_run = None if inputs.catalog is None else self._recorder.begin
        trusted = inputs.settings.scope.trust_scan
        compared = self._scan_comparison.record(scan, begin_run, trusted=trusted)
        summary.missing, summary.songs_moved = compared.missing, min(compared.moved, summary.songs_copies)
        if inputs.catalog is not None and inputs.settings.scope.prune:
            from midiprism.pipeline.prune import Pruner

            hooks, ranges = inputs.settings.catalog.hooks, inputs.source.covered_ranges
            pruner = Pruner(inputs.catalog, inputs.result.store, inputs.out, hooks)
            summary.removed = pruner.prune(ranges, summary.missing, self._recorder.begin)


def _make_planner(
    inputs: _RunInputs, knowledge: _PriorKnowledge, summary: Summary, group_songs: int
) -> BatchPlanner:
    settings, resources = inputs.settings, inputs.settings.resources
    known_paths = KnownPathLookup(inputs.result.run_catalog, knowledge.up_to_date)
    limits = resource_defaults.batch_limits(
        resources,
        shared=settings.catalog.database is not None,
        all_songs=settings.scope.limit,
        group_songs=group_songs if inputs.commits_follow_plan else None,
    )
    return BatchPlanner(
        inputs.source,
        inputs.walk,
        None if settings.rerun_policy.redo else known_paths,
        limits,
        on_notice=summary.add_notice,
        stop=inputs.callbacks.stop,
    )


def _worker_config(
    inputs: _RunInputs, knowledge: _PriorKnowledge, run_id: int, parts: RunParts
) -> WorkerConfig:
    result, settings, catalog = inputs.result, inputs.settings, inputs.catalog
    commit = None
    address = catalog.worker_commit_address if catalog is not None else None
    if address is not None:
        commit = WorkerCommit(address, settings.catalog.hooks)
    is_recorded = catalog is not None and not settings.dry_run
    return WorkerConfig(
        inputs.source,
        result.store,
        parts.splitter or LazySplitter(result.identity, settings.limits, settings.encoding),
        settings.limits.input_bytes,
        KnownSongLookup(knowledge.lookup_address, settings.rerun_policy, run_id),
        knowledge.replaces,
        commit,
        facts=settings.facts and is_recorded,
        load_facts=parts.load_facts,
        make_listener=inputs.callbacks.track_listener(inputs.out) if is_recorded else None,
    )
