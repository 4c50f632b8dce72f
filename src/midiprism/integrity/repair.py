"""Mending a result: it is held, checked, and what was found is mended."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from midiprism.catalog import Catalog, PostgresAddress, RepairQueue, TrackFile, VerifyScope, open_catalog
from midiprism.errors import CatalogError
from midiprism.integrity.damage_report import RepairReport, VerifyListener
from midiprism.integrity.repair_files import Repairer
from midiprism.integrity.repair_parquet import ParquetRepairer
from midiprism.integrity.verify import make_verifier
from midiprism.integrity.verify_parquet import ParquetVerifier
from midiprism.pipeline.settings import DEFAULT_LIMITS
from midiprism.pipeline.splitter import LazySplitter, Splitter
from midiprism.results.identity import Identity, ResultRequest
from midiprism.results.lock import lock_exclusive, lock_for_reading
from midiprism.results.result_dir import catalog_address, open_catalog_of, read_identity, require_result
from midiprism.smf.types import SplitSong


def repair_result(
    out: str,
    scope: VerifyScope,
    *,
    since: str | None = None,
    database: PostgresAddress | None = None,
    dry_run: bool = False,
    splitter: Splitter | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_compile: Callable[[], None] = lambda: None,
    listener: VerifyListener | None = None,
) -> RepairReport:
    """Check the result in ``out``, and mend what can be mended.

    Args:
        scope: which part of it.
        since: only what runs recorded that started at this time (UTC, ISO 8601) or later.
        database: where the catalogue is; None for a file in the result.
        dry_run: write nothing, and say what would be done.
        splitter: bytes of a song to its splits; None for ``midiprism.split`` as the result was made.
        stop: once true, what is in hand is finished.
        compiling: called once if the splitter has to be compiled first.
        listener: is told how far it is.

    Raises:
        UsageError: ``out`` is no result, its catalogue is elsewhere, or it was made by a version that splits
            otherwise.
        StoreError: it is held by another process, a run on it is on, or it cannot be written.
        CatalogError: the catalogue cannot be used, for another reason than damage.
    """
    require_result(out)
    started = time.perf_counter()
    with lock_for_reading(out) if dry_run else lock_exclusive(out):
        identity = ResultRequest().resolve(read_identity(out), out)
        check = make_verifier(out, catalog_address(out, database), scope, stop, listener)
        repair = RepairReport(check.damage_report, dry_run)
        if check.catalog_is_sound():
            with ExitStack() as stack:
                catalog = stack.enter_context(
                    (open_catalog_of if dry_run else _open_writable_catalog)(out, database)
                )
                mending = stack.enter_context(closing(RepairQueue(catalog)))
                counted = _CountingSink(mending, dry_run=dry_run)
                check.verify(catalog, since, counted)
                repair.rows = counted.corrected_rows
                if not stop() and not check.damage_report.counts.get("catalog"):
                    hand = splitter or _AnnouncingSplitter(identity, on_compile)
                    mender = ParquetRepairer if isinstance(check, ParquetVerifier) else Repairer
                    mender(out, identity, repair, check, catalog, mending, hand, stop).run_steps()
        for damage in check.damage_report.examples.get("catalog", ()):
            repair.add_unrepaired("catalog", damage.name, damage.message)
        check.finish()
        repair.stopped = stop()
        repair.seconds = time.perf_counter() - started
        return repair


@contextmanager
def _open_writable_catalog(out: str, database: PostgresAddress | None) -> Iterator[Catalog]:
    """The catalogue of a result, which is not made where there is none: every track would be left behind."""
    with open_catalog_of(out, database) as catalog:
        if catalog.shared and catalog.bound_result() is None:
            raise CatalogError(f"{catalog.path} holds nothing yet: give the same `midiprism split` first.")
        address = catalog.address
    with open_catalog(address) as catalog:
        yield catalog


class _CountingSink:
    """Notes finds, and counts the rows that are corrected at once."""

    def __init__(self, repair_queue: RepairQueue, *, dry_run: bool) -> None:
        self.add_damaged_tracks, self.add_damaged_songs = (
            repair_queue.add_damaged_tracks,
            repair_queue.add_damaged_songs,
        )
        self.add_lost_paths = repair_queue.add_lost_paths
        self._repair_queue = repair_queue
        self._dry_run = dry_run
        self.corrected_rows = 0

    def correct_row(self, track: TrackFile) -> None:
        self.corrected_rows += 1
        if not self._dry_run:
            self._repair_queue.correct_row(track)


class _AnnouncingSplitter:
    """A splitter that says so before it is compiled."""

    def __init__(self, identity: Identity, on_compile: Callable[[], None]) -> None:
        self._splitter = LazySplitter(identity, DEFAULT_LIMITS)
        self._on_compile: Callable[[], None] | None = on_compile

    def __call__(self, data: bytes) -> SplitSong:
        if self._on_compile is not None:
            if not self._splitter.is_compiled():
                self._on_compile()
            self._on_compile = None
        return self._splitter(data)
