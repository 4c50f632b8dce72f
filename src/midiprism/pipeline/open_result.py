"""Where a run's result is to be: a folder with its store and its catalogue, or what stands in for them."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from midiprism.catalog import Catalog, DryRunCatalog, open_catalog, open_read_only
from midiprism.catalog.queries.run_history import is_empty_catalog
from midiprism.pipeline.planner import RunCatalog
from midiprism.pipeline.settings import Settings
from midiprism.results.compaction import sweep_shards
from midiprism.results.identity import Identity
from midiprism.results.result_dir import (
    catalog_address,
    lock_result,
    read_identity,
    require_matching_adoption,
    require_own_catalog,
)
from midiprism.stores import FileStore, MemoryStore, NullStore, TrackStore
from midiprism.stores.parquet.schema import import_pyarrow
from midiprism.stores.parquet.store import ParquetStore

_SHARD_METADATA_KEYS = ("by", "context", "contract")
"""What every shard says of its result."""


@dataclass(frozen=True, slots=True)
class OpenResult:
    """What a run finds where its result is to be.

    Attributes:
        identity: what every split of it is made with.
        catalog: the catalogue, if there is one: in a dry run only to read.
        memory: the same, or what stands in for it.
        store: where splits go.
        shards: where commits write them, if not each is a file.
    """

    identity: Identity
    catalog: Catalog | None
    run_catalog: RunCatalog
    store: TrackStore
    shards: ParquetStore | None = None


ResultOpener = Callable[[str, Settings], contextlib.AbstractContextManager[OpenResult]]


@contextlib.contextmanager
def open_result(out: str, settings: Settings) -> Iterator[OpenResult]:
    """The result in ``out``, made where there is none, held for writing."""
    _require_arrow(out, settings)
    with (
        lock_result(out, settings.result_request) as result,
        open_catalog(result.address, settings.catalog.hooks, settings.catalog.lease_seconds) as catalog,
    ):
        store = FileStore(out)
        if result.result_id is not None:
            catalog.bind_hooks(hook.name for hook in settings.catalog.hooks)
            catalog.bind_result(result.result_id)
        elif not catalog.last_run_ended_cleanly():
            store.remove_temporary_files()
        if result.identity.store == "files":
            yield OpenResult(result.identity, catalog, catalog, store)
            return
        with parquet_store_of(out, result.identity) as shards:
            with result.exclusive() as alone:
                if alone:
                    sweep_shards(catalog, shards)
            # What workers commit themselves may be discarded: then it was not brought by an earlier batch.
            gathering = MemoryStore(skip_taken=not catalog.shared)
            yield OpenResult(result.identity, catalog, catalog, gathering, shards)


def parquet_store_of(out: str, identity: Identity) -> ParquetStore:
    """The shards of a result of this identity.

    Raises:
        UsageError: pyarrow is not installed.
    """
    about = {key: str(value) for key, value in identity.as_dict().items() if key in _SHARD_METADATA_KEYS}
    return ParquetStore(out, about)


@contextlib.contextmanager
def open_dry_run(out: str, settings: Settings) -> Iterator[OpenResult]:
    """What a dry run takes for the result in ``out``, of which it changes nothing."""
    identity = settings.result_request.resolve(read_identity(out), out)
    _require_arrow(out, settings)
    require_matching_adoption(out, adopts=settings.result_request.adopted)
    with contextlib.ExitStack() as stack:
        catalog = None
        address = catalog_address(out, settings.catalog.database)
        if not is_empty_catalog(address):
            catalog = stack.enter_context(open_read_only(address))
            require_own_catalog(catalog, out)
        yield OpenResult(identity, catalog, stack.enter_context(DryRunCatalog(catalog)), NullStore())


def _require_arrow(out: str, settings: Settings) -> None:
    """Raise UsageError where a result in shards is asked for, before anything is made, if they cannot be."""
    if settings.result_request.resolve(read_identity(out), out).store == "parquet":
        import_pyarrow()
