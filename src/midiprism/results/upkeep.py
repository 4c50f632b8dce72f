"""Cleans up a result before the first batch of a run and after its last one, for any store.

Most runs have nothing to clean up, so that what it takes is loaded when there is something.
"""

import os

from midiprism.catalog import Catalog
from midiprism.errors import StoreError
from midiprism.features.tolerant_facts import FactsFunction
from midiprism.results.data_set_card import CARD_FILE, write_card
from midiprism.results.identity import Identity
from midiprism.stores import TrackLocation, TrackStore


def remove_leftovers(catalog: Catalog, store: TrackStore, out: str) -> int:
    """Remove what earlier runs left behind when they were cut off, and return how many files.

    Only while no other process writes to the result: its commit may be about to record a new shard.
    A removal of songs that was cut off is completed first.

    Args:
        out: the folder of the result.

    Raises:
        StoreError: something cannot be removed, or the catalog is new: then all shards would be removed.
    """
    is_new = catalog.newest_run() is None
    if not is_new and (catalog.shared or not catalog.last_run_ended_cleanly()):
        from midiprism.results.removal import finish_removals
        from midiprism.results.removed_files import RemovedFiles

        finish_removals(catalog, store, RemovedFiles(out), None)
    if store.shards is None:
        if catalog.shared or catalog.last_run_ended_cleanly():
            return 0
        from midiprism.results.orphans import RemovalGuard

        return store.remove_temporary_files(RemovalGuard(store, catalog).may_remove)
    if is_new and any(store.shards.names()):
        raise StoreError(
            f"The catalog {catalog.path} is new and does not know the shards that are there: bring their "
            f"catalog back, or move the folders {', '.join(store.capabilities.folders)} away to begin again."
        )
    from midiprism.catalog.queries.shards import ShardIndex
    from midiprism.results.orphans import RemovalGuard

    removed = 0
    with catalog.exclusive(None) as exclusive:
        known = ShardIndex(catalog).shard_names() if exclusive else set()
        guard = RemovalGuard(store, catalog)
        for entries in store.scan() if exclusive else ():
            for entry in entries:
                if entry.path not in known and guard.may_remove(entry):
                    store.delete(entry.path)
                    removed += 1
    return removed


def finish_run(
    catalog: Catalog,
    store: TrackStore,
    run_id: int | None,
    *,
    songs_replaced: bool,
    compute_facts: FactsFunction | None = None,
) -> None:
    """Do what a run does after its last batch, unless another run is active: then that one does it.

    Tracks that no song links to any more are removed, and shards that are out of date are rewritten.

    Args:
        run_id: of the run; None if it recorded nothing.
        songs_replaced: whether songs were split again, so that there may be tracks without a song.
        compute_facts: computes the facts that tracks lack; None to leave facts as they are.

    Raises:
        StoreError: something cannot be read, written or removed.
    """
    if compute_facts is not None:
        complete_facts(catalog, store, run_id, compute_facts)
    if store.shards is not None:
        from midiprism.results.compaction import Compactor

        Compactor(catalog, store.shards, run_id).compact(songs_replaced=songs_replaced)
    elif songs_replaced:
        locations = [TrackLocation(*place) for place in catalog.delete_unlinked_tracks(run_id)]
        with catalog.exclusive(run_id) as exclusive:
            for location in locations if exclusive else ():  # a run that began may put the same tracks again
                delete_track(store, location)


def update_songs_table(catalog: Catalog, store: TrackStore, run_id: int | None) -> None:
    """Bring the songs table up to date, if there is one, unless another run is active: then that one does it.

    Args:
        run_id: of the run; None if it recorded nothing.

    Raises:
        StoreError: it cannot be written.
    """
    if store.shards is not None:
        from midiprism.results.compaction import Compactor

        Compactor(catalog, store.shards, run_id).update_songs_table()


def update_card(
    out: str, identity: Identity, catalog: Catalog, run_id: int | None, *, force: bool = False
) -> None:
    """Bring the data set card of a result up to date, unless another run is active: then that one does it.

    Args:
        out: the folder of the result.
        run_id: of the run; None if it recorded nothing.
        force: also if the run recorded nothing and there is a card.

    Raises:
        StoreError: the card cannot be read or written.
    """
    exists = os.path.lexists(os.path.join(out, CARD_FILE))
    if run_id is None and exists and not force and catalog.last_run_ended_cleanly():
        return
    from midiprism.catalog.queries.shards import ShardIndex
    from midiprism.catalog.queries.song_rows import commit_state
    from midiprism.catalog.queries.table_sizes import table_sizes
    from midiprism.results.result_card import result_card, state_of

    with catalog.exclusive(run_id) as exclusive:
        if exclusive:
            digests = [shard.digest for shard in ShardIndex(catalog).all_shards()]
            state = state_of(digests, commit_state(catalog.connection))
            write_card(out, result_card(identity, table_sizes(catalog.connection), state))


def complete_facts(
    catalog: Catalog, store: TrackStore, run_id: int | None, compute_facts: FactsFunction
) -> None:
    """Compute the facts that tracks and songs lack: those of songs, and of tracks that a killed run stored.

    Args:
        run_id: of the run; None if it recorded nothing.
        compute_facts: computes those of tracks.

    Raises:
        StoreError: a shard cannot be read or written.
    """
    from midiprism.catalog.queries.facts import FactIndex
    from midiprism.features.facts_version import FACTS_VERSION

    if FactIndex(catalog, FACTS_VERSION).some_lack_facts():
        from midiprism.results.facts import FactsUpkeep

        FactsUpkeep(catalog, store, run_id).complete(compute_facts)


def delete_track(store: TrackStore, location: TrackLocation) -> None:
    """Remove a track from a store that keeps each track by itself.

    Raises:
        StoreError: it cannot be removed.
    """
    path = store.path_of(location)
    if path is not None:
        store.delete(path)
