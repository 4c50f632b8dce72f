"""The place from which a result was relocated, emptied of what midiprism wrote there, and of nothing else."""

import contextlib
import os
from collections.abc import Callable, Iterator

from midiprism.catalog import Audit, Catalog, PostgresAddress, Scope, read_catalog
from midiprism.catalog.copying import remove_file
from midiprism.catalog.history import holds_nothing
from midiprism.catalog.shards import ShardIndex
from midiprism.library import MARKER
from midiprism.run.carrying import Relocation, Teller
from midiprism.run.lock import LOCK
from midiprism.run.result import catalog_address, catalog_path
from midiprism.run.scene import shards_of
from midiprism.run.settings import Identity
from midiprism.run.verify import strays
from midiprism.store import Survey
from midiprism.store.files import unwritable
from midiprism.store.parquet import SONGS

_FOLDERS = ("tracks", "links", "songs")


class Emptying:
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
        done: Relocation,
        identity: Identity,
        database: PostgresAddress | None,
        stop: Callable[[], bool],
        teller: Teller,
    ) -> None:
        self._done = done
        self._identity = identity
        self._database = database
        self._stop = stop
        self._teller = teller
        self._root = done.source

    def all(self) -> None:
        """Do it.

        Raises:
            StoreError: something cannot be removed.
            CatalogError: the catalogue cannot be read.
        """
        try:
            with self._opened() as catalog:
                if catalog is not None and self._identity.store == "parquet":
                    self._remove_shards(catalog)
                elif catalog is not None:
                    self._remove_tracks(catalog)
            if self._stop():
                return
            if os.path.lexists(catalog_path(self._root)):
                remove_file(catalog_path(self._root))
                self._done.removed += 1
            for name in _FOLDERS:
                self._remove_folders(os.path.join(self._root, name))
            self._remove_rest()
        except OSError as error:
            raise unwritable(self._root, error) from error

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Catalog | None]:
        """The catalogue; None where it is gone, as all of which it spoke, or never was."""
        address = catalog_address(self._root, self._database)
        if holds_nothing(address):
            yield None
            return
        with read_catalog(address) as catalog:
            yield catalog

    def _remove_tracks(self, catalog: Catalog) -> None:
        survey, audit = Survey(self._root), Audit(catalog, Scope())
        for entry, kind in strays(survey, audit, Scope(), self._stop):
            if kind not in (None, "temporary"):
                continue
            survey.discard(entry.path)
            self._removed()

    def _remove_shards(self, catalog: Catalog) -> None:
        index = ShardIndex(catalog)
        with shards_of(self._root, self._identity) as shards:
            there = set(shards.walk())
            for shard in index.all():
                if self._stop():
                    return
                if shard.name in there:
                    shards.remove(shard.name)
                    self._removed()
            for name in shards.strays(index.names()):
                if "/." in name:  # temporary
                    shards.discard(name)
                    self._removed()
            if os.path.isfile(shards.songs_place):
                shards.discard(SONGS)
                self._removed()

    def _removed(self) -> None:
        self._done.removed += 1
        self._teller.tell("emptying", self._done.removed)

    def _remove_folders(self, top: str) -> None:
        """Remove a folder and those in it, as far as they are empty; what is left is counted."""
        if os.path.islink(top):
            self._done.left += 1
            return
        for here, folders, names in os.walk(top, topdown=False):
            self._done.left += len(names) + sum(os.path.islink(os.path.join(here, name)) for name in folders)
            if not os.listdir(here):
                os.rmdir(here)

    def _remove_rest(self) -> None:
        for name in sorted(os.listdir(self._root)):
            if is_left_over(name):
                os.unlink(os.path.join(self._root, name))
            elif name not in (MARKER, *_FOLDERS):
                self._done.left += 1


def is_left_over(name: str) -> bool:
    """Whether a name is that of a lock, or of a marker that was cut off as it was written."""
    return name == LOCK or (name.startswith(f".{MARKER}.") and name.endswith(".tmp"))
