"""Brings a mirror up to date with the newest generation of its result."""

import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from midiprism.catalog import Catalog, open_catalog, utc_now
from midiprism.catalog.queries.facts import FactIndex
from midiprism.errors import InUseError, MidiprismError, StoreError, UsageError
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.generations.layout import PATHS
from midiprism.generations.result import GenerationResult, Manifest, ResultIdentity, open_result
from midiprism.mirror.chunk_files import ChunkFiles, files_by_chunk
from midiprism.mirror.chunk_records import LaterSongs, read_chunk_record
from midiprism.mirror.folder import (
    NOTHING,
    MirroredState,
    clear,
    mark_as_mirror,
    mirror_folder,
    read_state,
    write_state,
)
from midiprism.objects import ObjectStorage, open_storage, parse_storage_url
from midiprism.results.facts import FactsUpkeep
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import catalog_path
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.search.upkeep import update_search_index


class MirrorProgress(NamedTuple):
    """Progress of an update.

    Attributes:
        seen: paths of songs that were recorded.
        total: that are to be recorded.
        seconds: since the update began.
    """

    seen: int
    total: int
    seconds: float


def _ignore(_progress: MirrorProgress) -> None:
    pass


def update_mirror(
    url: str,
    on_progress: Callable[[MirrorProgress], None] = _ignore,
    *,
    stop: Callable[[], bool] = lambda: False,
    opener: Callable[[str], ObjectStorage] = open_storage,
) -> str:
    """Bring the mirror of a result up to date, and return its folder. The first time, it is made.

    Only what generations have added since is read, unless one has removed songs or has split again what could
    not be read: then all is read.

    Args:
        url: of the result in object storage.
        on_progress: called after each chunk of songs.
        stop: once true, it ends after the chunk in hand; the next update continues.
        opener: opens storage by its URL.

    Raises:
        UsageError: there is no result at the URL, or no generation of it is committed.
        ObjectStorageError: it cannot be read.
        StoreError: the folder cannot be written, or another process is updating it.
        CatalogError: its catalog cannot be written.
    """
    url = str(parse_storage_url(url))
    storage = opener(url)
    result = open_result(storage)
    manifest = result.newest_manifest()
    if not manifest.number:
        raise UsageError(f"No generation of {url} is complete yet: run the command that splits it again.")
    folder = mirror_folder(url)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror or error}.") from error
    held = read_state(folder)
    if held.generation == manifest.number and held.names == {file.stored.name for file in manifest.files}:
        return folder
    try:
        with lock_exclusive(folder):
            _Update(folder, result, manifest, on_progress, stop).run()
    except InUseError as error:
        raise StoreError(
            f"The mirror of {url} is being updated by {error.owner or 'another process'}: wait for it."
        ) from error
    return folder


class _Update:
    """One update of a mirror, whose folder is locked."""

    def __init__(
        self,
        folder: str,
        result: GenerationResult,
        manifest: Manifest,
        on_progress: Callable[[MirrorProgress], None],
        stop: Callable[[], bool],
    ) -> None:
        self._folder = folder
        self._result = result
        self._manifest = manifest
        self._on_progress = on_progress
        self._stop = stop

    def run(self) -> None:
        manifest, folder = self._manifest, self._folder
        names = {file.stored.name for file in manifest.files}
        held = read_state(folder)
        if not held.names | held.begun <= names:
            held = NOTHING
            clear(folder)
        mark_as_mirror(folder, self._result.storage.url, self._identity)
        added = files_by_chunk(file for file in manifest.files if file.stored.name not in held.names)
        write_state(folder, MirroredState(0, held.names, frozenset(names)))
        address = catalog_path(folder)
        with open_catalog(address) as catalog:
            if not self._record(catalog, added):
                return
        with suppress(MidiprismError):
            update_search_index(folder, address)
        write_state(folder, MirroredState(manifest.number, frozenset(names)))

    @property
    def _identity(self) -> ResultIdentity:
        return replace(self._result.identity, contract=self._manifest.contract)

    def _record(self, catalog: Catalog, chunks: list[ChunkFiles]) -> bool:
        """Record chunks, and return whether all are recorded."""
        settings = {"mirror_of": self._result.storage.url, "generation": self._manifest.number}
        run_id = catalog.begin_run(settings, utc_now())
        total = sum(file.stored.rows for chunk in chunks for file in chunk.paths)
        done = 0
        began = time.monotonic()

        def report() -> None:
            self._on_progress(MirrorProgress(done, total, time.monotonic() - began))

        report()
        with closing(LaterSongs(catalog.known_songs)) as later:
            read = (read_chunk_record(self._result.storage, chunk, later) for chunk in chunks)
            for record, shards in chain(read, later.records()):
                if self._stop():
                    catalog.end_run(run_id, "interrupted", {PATHS: done}, utc_now())
                    return False
                catalog.commit(run_id, [record], utc_now(), shards)
                done += len(record.songs)
                report()
        self._find_keys(catalog, run_id)
        catalog.end_run(run_id, "done", {PATHS: done}, utc_now())
        return True

    def _find_keys(self, catalog: Catalog, run_id: int) -> None:
        """Find the keys of songs, if their tracks have facts."""
        if not FactIndex(catalog, FACTS_VERSION).some_lack_facts():
            return
        with closing(open_result_store(self._folder, require_identity(self._folder))) as store:
            FactsUpkeep(catalog, store, run_id).complete_songs()
