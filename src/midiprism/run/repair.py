"""Mending a result: it is held, checked, and what was found is mended."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from midiprism.catalog import Catalog, Mending, PostgresAddress, Scope, TrackFile, open_catalog
from midiprism.errors import CatalogError
from midiprism.run.findings import Listener, Repair
from midiprism.run.lock import locked, shared
from midiprism.run.mender import Mender
from midiprism.run.result import catalog_address, catalog_of, read_identity, require_result
from midiprism.run.settings import DEFAULT_LIMITS, Identity, Settings
from midiprism.run.shard_mender import ShardMender
from midiprism.run.splitter import LazySplitter, Splitter
from midiprism.run.verify import check_of
from midiprism.run.verify_shards import ShardCheck
from midiprism.smf.types import Split


def repair_result(
    out: str,
    scope: Scope,
    *,
    since: str | None = None,
    database: PostgresAddress | None = None,
    dry_run: bool = False,
    splitter: Splitter | None = None,
    stop: Callable[[], bool] = lambda: False,
    compiling: Callable[[], None] = lambda: None,
    listener: Listener | None = None,
) -> Repair:
    """Check the result in ``out``, and mend what can be mended.

    Args:
        scope: which part of it.
        since: only what runs recorded that started at this time (UTC, ISO 8601) or later.
        database: where the catalogue is; None for a file in the result.
        dry_run: write nothing, and say what would be done.
        splitter: bytes of a parent to its splits; None for ``midiprism.split`` as the result was made.
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
    with shared(out) if dry_run else locked(out):
        identity = Settings().identity(read_identity(out), out)
        check = check_of(out, catalog_address(out, database), scope, stop, listener)
        repair = Repair(check.found, dry_run)
        if check.catalog_is_sound():
            with ExitStack() as stack:
                catalog = stack.enter_context((catalog_of if dry_run else _to_be_written)(out, database))
                mending = stack.enter_context(closing(Mending(catalog)))
                counted = _Counted(mending, dry_run=dry_run)
                check.all(catalog, since, counted)
                repair.rows = counted.rows
                if not stop() and not check.found.counts.get("catalog"):
                    hand = splitter or _Loaded(identity, compiling)
                    mender = ShardMender if isinstance(check, ShardCheck) else Mender
                    mender(out, identity, repair, check, catalog, mending, hand, stop).go()
        for damage in check.found.examples.get("catalog", ()):
            repair.leave("catalog", damage.name, damage.message)
        check.end()
        repair.stopped = stop()
        repair.seconds = time.perf_counter() - started
        return repair


@contextmanager
def _to_be_written(out: str, database: PostgresAddress | None) -> Iterator[Catalog]:
    """The catalogue of a result, which is not made where there is none: every track would be left behind."""
    with catalog_of(out, database) as catalog:
        if catalog.shared and catalog.bound_to() is None:
            raise CatalogError(f"{catalog.path} holds nothing yet: give the same `midiprism split` first.")
        address = catalog.address
    with open_catalog(address) as catalog:
        yield catalog


class _Counted:
    """Notes finds, and counts the rows that are corrected at once."""

    def __init__(self, mending: Mending, *, dry_run: bool) -> None:
        self.note_files, self.note_parents = mending.note_files, mending.note_parents
        self.note_paths = mending.note_paths
        self._mending = mending
        self._dry_run = dry_run
        self.rows = 0

    def correct(self, track: TrackFile) -> None:
        self.rows += 1
        if not self._dry_run:
            self._mending.correct(track)


class _Loaded:
    """A splitter that says so before it is compiled."""

    def __init__(self, identity: Identity, compiling: Callable[[], None]) -> None:
        self._splitter = LazySplitter(identity, DEFAULT_LIMITS)
        self._compiling: Callable[[], None] | None = compiling

    def __call__(self, data: bytes) -> Split:
        if self._compiling is not None:
            if not self._splitter.is_compiled():
                self._compiling()
            self._compiling = None
        return self._splitter(data)
