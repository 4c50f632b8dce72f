"""Where a run's result is to be: a folder with its store and its catalogue, or what stands in for them."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from midiprism.catalog import Catalog, Rehearsal, open_catalog, read_catalog
from midiprism.catalog.history import holds_nothing
from midiprism.run.adoption import join_library
from midiprism.run.plan import Memory
from midiprism.run.result import catalog_address, opened, read_identity, require_adopted, require_own
from midiprism.run.settings import Identity, Settings
from midiprism.run.settling import sweep
from midiprism.store import FileStore, GatheringStore, NullStore, Store
from midiprism.store.columns import load_arrow
from midiprism.store.parquet import ParquetStore

_TOLD = ("by", "context", "contract")
"""What every shard says of its result."""


@dataclass(frozen=True, slots=True)
class Scene:
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
    memory: Memory
    store: Store
    shards: ParquetStore | None = None


Opening = Callable[[str, Settings], contextlib.AbstractContextManager[Scene]]


@contextlib.contextmanager
def opened_result(out: str, settings: Settings) -> Iterator[Scene]:
    """The result in ``out``, made where there is none, held for writing."""
    _require_arrow(out, settings)
    with opened(out, settings) as result, open_catalog(result.address) as catalog:
        store = FileStore(out)
        if result.mark is not None:
            join_library(catalog, settings, out)
            catalog.bind(result.mark)
            catalog.lease_seconds = settings.lease_seconds
        elif not catalog.left_in_order():
            store.sweep()
        if result.identity.store == "files":
            yield Scene(result.identity, catalog, catalog, store)
            return
        with shards_of(out, result.identity) as shards:
            with result.alone() as alone:
                if alone:
                    sweep(catalog, shards)
            # What workers commit themselves may be discarded: then it was not brought by an earlier batch.
            gathering = GatheringStore(remembers=not catalog.shared)
            yield Scene(result.identity, catalog, catalog, gathering, shards)


def shards_of(out: str, identity: Identity) -> ParquetStore:
    """The shards of a result of this identity.

    Raises:
        UsageError: pyarrow is not installed.
    """
    about = {key: str(value) for key, value in identity.as_dict().items() if key in _TOLD}
    return ParquetStore(out, about)


@contextlib.contextmanager
def rehearsed(out: str, settings: Settings) -> Iterator[Scene]:
    """What a dry run takes for the result in ``out``, of which it changes nothing."""
    identity = settings.identity(read_identity(out), out)
    _require_arrow(out, settings)
    require_adopted(out, adopts=settings.adoption is not None)
    with contextlib.ExitStack() as stack:
        catalog = None
        address = catalog_address(out, settings.database)
        if not holds_nothing(address):
            catalog = stack.enter_context(read_catalog(address))
            require_own(catalog, out)
        yield Scene(identity, catalog, stack.enter_context(Rehearsal(catalog)), NullStore())


def _require_arrow(out: str, settings: Settings) -> None:
    """Raise UsageError where a result in shards is asked for, before anything is made, if they cannot be."""
    if settings.identity(read_identity(out), out).store == "parquet":
        load_arrow()
