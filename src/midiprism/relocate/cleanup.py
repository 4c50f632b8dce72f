"""The place from which a result was relocated, emptied of what midiprism wrote there, and of nothing else."""

import contextlib
import os
from collections.abc import Callable, Iterator

from midiprism.catalog import Catalog, IntegrityQueries, PostgresAddress, VerifyScope, open_read_only
from midiprism.catalog.queries.run_history import is_empty_catalog
from midiprism.catalog.queries.shards import ShardIndex
from midiprism.catalog.sqlite.backup import remove_database
from midiprism.integrity.verify import find_orphans
from midiprism.pipeline.open_result import parquet_store_of
from midiprism.relocate.copy import ProgressReporter, Relocation
from midiprism.results.identity import Identity
from midiprism.results.lock import LOCK_FILE
from midiprism.results.result_dir import catalog_address, catalog_path
from midiprism.sources import MARKER_FILE_NAME
from midiprism.stores import TrackScanner
from midiprism.stores.files.store import write_error
from midiprism.stores.parquet.store import SONGS_TABLE

_RESULT_FOLDERS = ("tracks", "links", "songs")


class SourceCleaner:
    """Removes the tracks or shards of which the catalogue speaks, then that itself, then folders that are
    empty. The marker stays: it says where the result is.

    A file that the catalogue does not know, whatever it is, is left.

    Args:
        done: the relocation; its source is held.
        identity: what the result was made with.
        database: where the catalogue is; None for a file in the source.
        stop: once true, it ends as soon as it can; the same again goes on.
        teller: is told how far it is.
    """

    def __init__(
        self,
        relocation: Relocation,
        identity: Identity,
        database: PostgresAddress | None,
        stop: Callable[[], bool],
        reporter: ProgressReporter,
    ) -> None:
        self._relocation = relocation
        self._identity = identity
        self._database = database
        self._stop = stop
        self._reporter = reporter
        self._root = relocation.source

    def clean(self) -> None:
        """Do it.

        Raises:
            StoreError: something cannot be removed.
            CatalogError: the catalogue cannot be read.
        """
        try:
            with self._open_catalog() as catalog:
                if catalog is not None and self._identity.store == "parquet":
                    self._remove_shards(catalog)
                elif catalog is not None:
                    self._remove_tracks(catalog)
            if self._stop():
                return
            if os.path.lexists(catalog_path(self._root)):
                remove_database(catalog_path(self._root))
                self._relocation.files_removed += 1
            for name in _RESULT_FOLDERS:
                self._remove_empty_folders(os.path.join(self._root, name))
            self._remove_leftovers()
        except OSError as error:
            raise write_error(self._root, error) from error

    @contextlib.contextmanager
    def _open_catalog(self) -> Iterator[Catalog | None]:
        """The catalogue; None where it is gone, as all of which it spoke, or never was."""
        address = catalog_address(self._root, self._database)
        if is_empty_catalog(address):
            yield None
            return
        with open_read_only(address) as catalog:
            yield catalog

    def _remove_tracks(self, catalog: Catalog) -> None:
        survey, audit = TrackScanner(self._root), IntegrityQueries(catalog, VerifyScope())
        for entry, kind in find_orphans(survey, audit, VerifyScope(), self._stop):
            if kind not in (None, "temporary"):
                continue
            survey.remove_file(entry.path)
            self._count_removed()

    def _remove_shards(self, catalog: Catalog) -> None:
        index = ShardIndex(catalog)
        with parquet_store_of(self._root, self._identity) as shards:
            there = set(shards.walk())
            for shard in index.all_shards():
                if self._stop():
                    return
                if shard.name in there:
                    shards.remove(shard.name)
                    self._count_removed()
            for name in shards.find_orphans(index.shard_names()):
                if "/." in name:  # temporary
                    shards.force_remove(name)
                    self._count_removed()
            if os.path.isfile(shards.songs_table_path):
                shards.force_remove(SONGS_TABLE)
                self._count_removed()

    def _count_removed(self) -> None:
        self._relocation.files_removed += 1
        self._reporter.report("emptying", self._relocation.files_removed)

    def _remove_empty_folders(self, top: str) -> None:
        """Remove a folder and those in it, as far as they are empty; what is left is counted."""
        if os.path.islink(top):
            self._relocation.files_left += 1
            return
        for here, folders, names in os.walk(top, topdown=False):
            self._relocation.files_left += len(names) + sum(
                os.path.islink(os.path.join(here, name)) for name in folders
            )
            if not os.listdir(here):
                os.rmdir(here)

    def _remove_leftovers(self) -> None:
        for name in sorted(os.listdir(self._root)):
            if is_leftover(name):
                os.unlink(os.path.join(self._root, name))
            elif name not in (MARKER_FILE_NAME, *_RESULT_FOLDERS):
                self._relocation.files_left += 1


def is_leftover(name: str) -> bool:
    """Whether a name is that of a lock, or of a marker that was cut off as it was written."""
    return name == LOCK_FILE or (name.startswith(f".{MARKER_FILE_NAME}.") and name.endswith(".tmp"))
