"""Open the result of a run: its store and its catalog, or the stand-ins of a dry run."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from midiprism.catalog import Catalog, DryRunCatalog, open_catalog, open_read_only, require_driver
from midiprism.catalog.queries.run_history import is_empty_catalog
from midiprism.pipeline.missing_songs import SeenElsewhere, no_songs
from midiprism.pipeline.planner import RunCatalog
from midiprism.pipeline.settings import Settings
from midiprism.results.free_catalog import require_free_catalog
from midiprism.results.identity import Identity
from midiprism.results.result_dir import (
    catalog_address,
    lock_result,
    read_identity,
    require_matching_adoption,
    require_own_catalog,
)
from midiprism.results.result_store import open_result_store
from midiprism.results.upkeep import remove_leftovers
from midiprism.stores import NullStore, TrackStore, require_store_kind


def _find_nothing() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class OpenResult:
    """The result of a run.

    Attributes:
        identity: settings with which all its tracks are made.
        catalog: its catalog; in a dry run for reading only, and None if there is none yet.
        run_catalog: the same, or the stand-in of a dry run.
        store: holds the tracks.
        seen_elsewhere: returns those of some songs that the run has seen at a path that it does not record.
        find_lost_track: returns the path of a file of tracks that is not there; None if all of a sample are.
    """

    identity: Identity
    catalog: Catalog | None
    run_catalog: RunCatalog
    store: TrackStore
    seen_elsewhere: SeenElsewhere = no_songs
    find_lost_track: Callable[[], str | None] = _find_nothing


ResultOpener = Callable[[str, Settings], contextlib.AbstractContextManager[OpenResult]]


@contextlib.contextmanager
def open_result(out: str, settings: Settings) -> Iterator[OpenResult]:
    """Open the result in ``out``, which is made if it does not exist, and lock it for writing."""
    request = settings.result_request
    require_store_kind(request.resolve(read_identity(out), out).store)  # before anything is made
    require_driver(settings.catalog.database)
    require_free_catalog(out, settings.catalog.database, {hook.name for hook in settings.catalog.hooks})
    with (
        lock_result(out, request) as result,
        open_catalog(result.address, settings.catalog.hooks, settings.catalog.lease_seconds) as catalog,
    ):
        if result.result_id is not None:
            catalog.bind_hooks(hook.name for hook in settings.catalog.hooks)
            catalog.bind_result(result.result_id, out)
        # A worker's commit may be discarded: then no earlier batch has brought a later one's tracks.
        commits_in_order = not catalog.shared
        store = open_result_store(out, result.identity, commits_in_order=commits_in_order)
        with contextlib.closing(store):
            has_runs = catalog.newest_run() is not None
            with result.exclusive() as exclusive:
                if exclusive:
                    remove_leftovers(catalog, store, out)
            find_lost = partial(_find_lost_track, catalog, store, out) if has_runs else _find_nothing
            yield OpenResult(result.identity, catalog, catalog, store, find_lost_track=find_lost)


def _find_lost_track(catalog: Catalog, store: TrackStore, out: str) -> str | None:
    from midiprism.results.lost_tracks import find_lost_track  # which a new result does not need

    return find_lost_track(catalog, store, out)


@contextlib.contextmanager
def open_dry_run(out: str, settings: Settings) -> Iterator[OpenResult]:
    """Open the stand-ins of a dry run for the result in ``out``, which is not changed."""
    identity = settings.result_request.resolve(read_identity(out), out)
    require_store_kind(identity.store)
    require_matching_adoption(out, adopts=settings.result_request.adopted)
    with contextlib.ExitStack() as stack:
        catalog = None
        address = catalog_address(out, settings.catalog.database)
        if not is_empty_catalog(address):
            catalog = stack.enter_context(open_read_only(address))
            require_own_catalog(catalog, out)
        dry_run = stack.enter_context(DryRunCatalog(catalog))
        yield OpenResult(identity, catalog, dry_run, NullStore(), dry_run.seen_songs)
