"""Repairs a result: checks it while it is locked, and repairs what was found."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from midiprism.catalog import Catalog, PostgresAddress, RepairQueue, TrackFile, VerifyScope
from midiprism.catalog.queries.run_history import last_setting
from midiprism.catalog.reader import reader_of
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.integrity.damage_report import DamageReport, RepairReport, VerifyListener
from midiprism.integrity.errors import EmptyCatalogError
from midiprism.integrity.repair_session import RepairSession
from midiprism.integrity.repairer import Repairer
from midiprism.integrity.verify import Verifier
from midiprism.pipeline.compile_splitter import CompileListener, compile_splitter
from midiprism.pipeline.settings import WIDEST_LIMITS
from midiprism.pipeline.splitter import LazySplitter, Splitter, is_compiled
from midiprism.results.identity import ResultRequest
from midiprism.results.lock import lock_exclusive, lock_for_reading
from midiprism.results.result_dir import catalog_address, open_catalog_of, read_identity, require_result
from midiprism.results.result_store import open_result_store
from midiprism.results.writable_catalog import open_writable_catalog_of


def repair_result(
    out: str,
    scope: VerifyScope,
    *,
    since: str | None = None,
    database: PostgresAddress | None = None,
    dry_run: bool = False,
    splitter: Splitter | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_compile: CompileListener = lambda _seconds: None,
    listener: VerifyListener | None = None,
    file_system: FileSystem = LOCAL_FILE_SYSTEM,
) -> RepairReport:
    """Check the result in ``out``, and repair what can be repaired.

    Args:
        scope: which part of it.
        since: only what runs recorded that started at this time (UTC, ISO 8601) or later.
        database: where the catalog is; None for a file in the result.
        dry_run: write nothing, and report what would be done.
        splitter: splits the bytes of a song; None for ``midiprism.split`` as the result was made with.
        stop: once it returns True, the repair ends after the songs that it has read.
        on_compile: called while the splitter is being compiled, with the seconds so far; first with 0.
        listener: called with the progress.
        file_system: that holds the tracks.

    Raises:
        UsageError: ``out`` is no result, its catalog is elsewhere, or it was made by a version that splits
            differently.
        StoreError: another process uses it, a run is active, or it cannot be written.
        CatalogError: the catalog cannot be used, for another reason than damage.
    """
    require_result(out)
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(lock_for_reading(out) if dry_run else lock_exclusive(out))
        identity = ResultRequest().resolve(read_identity(out), out)
        opened = open_result_store(out, identity, replaces_obstacles=True, file_system=file_system)
        store = stack.enter_context(closing(opened))
        damage_report = DamageReport(out, scope)
        verifier = Verifier(store, catalog_address(out, database), damage_report, stop, listener)
        report = RepairReport(damage_report, dry_run)
        if verifier.check_catalog_file():
            open_catalog_for_repair = open_catalog_of if dry_run else _open_writable_catalog
            catalog = stack.enter_context(open_catalog_for_repair(out, database))
            queue = stack.enter_context(closing(RepairQueue(catalog)))
            sink = _CountingSink(queue, dry_run=dry_run)
            verifier.verify(catalog, since, sink)
            report.count(rows=sink.corrected_rows)
            is_usable = not stop() and not damage_report.counts.get("catalog")
            if is_usable and splitter is None:
                splitter = LazySplitter(identity, WIDEST_LIMITS, _last_encoding(catalog))
                if any(queue.remaining()) and not is_compiled(splitter):
                    is_usable = compile_splitter(stop, on_compile)
            if is_usable and splitter is not None:
                session = RepairSession(identity, store, catalog, queue, report, verifier, splitter, stop)
                Repairer(session).repair()
        for damage in damage_report.examples.get("catalog", ()):
            report.add_unrepaired("catalog", damage.name, damage.message)
        verifier.finish()
        report.finish(time.perf_counter() - started, stopped=stop())
        return report


@contextmanager
def _open_writable_catalog(out: str, database: PostgresAddress | None) -> Iterator[Catalog]:
    """Open the catalog of a result for writing; refuse an empty one, for which every track is an orphan."""
    with open_writable_catalog_of(out, database) as catalog:
        if catalog.shared and catalog.bound_result() is None:
            raise EmptyCatalogError(catalog.path)
        yield catalog


def _last_encoding(catalog: Catalog) -> str | None:
    """Return the encoding of texts that the last run was given; None if it guessed."""
    with reader_of(catalog) as reader:
        encoding: str | None = last_setting(reader, "encoding")
        return encoding


class _CountingSink:
    """Queues what can be repaired, and counts the rows that are corrected at once."""

    def __init__(self, repair_queue: RepairQueue, *, dry_run: bool) -> None:
        self.add_damaged_tracks = repair_queue.add_damaged_tracks
        self.add_damaged_songs = repair_queue.add_damaged_songs
        self.add_lost_paths = repair_queue.add_lost_paths
        self._repair_queue = repair_queue
        self._dry_run = dry_run
        self.corrected_rows = 0

    def correct_row(self, track: TrackFile) -> None:
        self.corrected_rows += 1
        if not self._dry_run:
            self._repair_queue.correct_row(track)
