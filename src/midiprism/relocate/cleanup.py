"""Removes what midiprism wrote in a folder from which a result was relocated, and nothing else."""

import contextlib
import os
from collections.abc import Callable, Iterator

from midiprism.catalog import Catalog, PostgresAddress, VerifyScope, open_read_only
from midiprism.catalog.queries.run_history import is_empty_catalog
from midiprism.catalog.sqlite.backup import remove_database
from midiprism.fs.atomic_write import TEMPORARY_SUFFIX
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.fs.file_system_probe import PROBE_PREFIX, remove_probe_folders
from midiprism.relocate.relocation import Relocation, RelocationReporter
from midiprism.results.data_set_card import CARD_FILE, is_temporary_card, read_card
from midiprism.results.identity import Identity
from midiprism.results.lock import LOCK_FILE
from midiprism.results.orphans import classify_entries
from midiprism.results.removed_files import RemovedFiles
from midiprism.results.result_dir import catalog_address, catalog_path
from midiprism.results.result_store import open_result_store
from midiprism.search.index.generation import INDEX_FOLDER, remove_index
from midiprism.similarity.folder import SIMILARITY_FOLDER
from midiprism.similarity.generation import remove_fingerprints
from midiprism.sources import MARKER_FILE_NAME
from midiprism.stores import TrackStore
from midiprism.stores.errors import write_error

_DERIVED_FOLDERS = {INDEX_FOLDER: remove_index, SIMILARITY_FOLDER: remove_fingerprints}
"""Folders that derive from the catalog and the tracks, and what removes them."""


class SourceCleaner:
    """Removes the files that the catalog knows, then the catalog, then empty folders.

    The marker stays: it says where the result is. Files that the catalog does not know stay as well.

    Args:
        relocation: that has arrived; its source is locked.
        identity: of the result.
        database: where the catalog is; None for a file in the source.
        stop: once it returns True, cleaning ends as soon as possible; another call continues.
        reporter: reports the progress.
        file_system: that holds the source.
    """

    def __init__(
        self,
        relocation: Relocation,
        identity: Identity,
        database: PostgresAddress | None,
        stop: Callable[[], bool],
        reporter: RelocationReporter,
        file_system: FileSystem = LOCAL_FILE_SYSTEM,
    ) -> None:
        self._file_system = file_system
        self._relocation = relocation
        self._identity = identity
        self._database = database
        self._stop = stop
        self._reporter = reporter
        self._root = relocation.source

    def clean(self) -> None:
        """Remove it all.

        Raises:
            StoreError: something cannot be removed.
            CatalogError: the catalog cannot be read.
        """
        opened = open_result_store(self._root, self._identity, file_system=self._file_system)
        with contextlib.closing(opened) as store:
            try:
                with self._open_catalog() as catalog:
                    if catalog is not None:
                        self._remove_files(store, catalog)
                if not self._stop():
                    self._remove_catalog_and_folders(store.capabilities.folders)
            except OSError as error:
                raise write_error(self._root, error) from error

    @contextlib.contextmanager
    def _open_catalog(self) -> Iterator[Catalog | None]:
        """Open the catalog; yield None if there is none, or if it was removed already."""
        address = catalog_address(self._root, self._database)
        if is_empty_catalog(address):
            yield None
            return
        with open_read_only(address) as catalog:
            yield catalog

    def _remove_files(self, store: TrackStore, catalog: Catalog) -> None:
        for found in classify_entries(store, catalog, VerifyScope(), self._stop):
            if found.damage_kind in (None, "temporary"):
                store.delete(found.entry.path)
                self._count_removed()
        RemovedFiles(self._root).delete_all()
        if store.shards is not None and not self._stop() and store.shards.remove_songs_table():
            self._count_removed()

    def _count_removed(self) -> None:
        self._relocation.count(files_removed=1)
        self._reporter.report("cleanup", self._relocation.files_removed)

    def _remove_catalog_and_folders(self, store_folders: tuple[str, ...]) -> None:
        if os.path.lexists(catalog_path(self._root)):
            remove_database(catalog_path(self._root))
            self._relocation.count(files_removed=1)
        for name in store_folders:
            self._remove_empty_folders(os.path.join(self._root, name))
        remove_probe_folders(self._root)
        for name in sorted(os.listdir(self._root)):
            if is_leftover(name):
                os.unlink(os.path.join(self._root, name))
            elif name == CARD_FILE and self._has_copied_card():
                os.unlink(os.path.join(self._root, name))
                self._relocation.count(files_removed=1)
            elif name in _DERIVED_FOLDERS and _DERIVED_FOLDERS[name](self._root):
                continue
            elif name not in (MARKER_FILE_NAME, *store_folders):
                self._relocation.count(files_left=1)

    def _has_copied_card(self) -> bool:
        card = read_card(self._root)
        return card is not None and card == read_card(self._relocation.target)

    def _remove_empty_folders(self, top: str) -> None:
        """Remove a folder and those below it that are empty, and count what is left."""
        if os.path.islink(top):
            self._relocation.count(files_left=1)
            return
        for folder, subfolders, names in os.walk(top, topdown=False):
            links = sum(os.path.islink(os.path.join(folder, name)) for name in subfolders)
            self._relocation.count(files_left=len(names) + links)
            if not os.listdir(folder):
                os.rmdir(folder)


def is_leftover(name: str) -> bool:
    """Return whether a name is that of a lock, or of a marker, a card or a probe that was cut off."""
    is_marker = name.startswith(f".{MARKER_FILE_NAME}.") and name.endswith(TEMPORARY_SUFFIX)
    return name == LOCK_FILE or is_marker or is_temporary_card(name) or name.startswith(PROBE_PREFIX)
