"""Moves a result to another folder, also on another disk: renames it where the system can, else copies it.

1. The target is marked as one end of a relocation, which no other command takes for a result.
2. Tracks or shards are copied, each checked by its digest; then the catalog's file. All is made durable.
3. **The marker of the source is replaced by one that says where the result is: that is the switch.**
4. The marker of the target says that it is the result. If the process ends before this, the next command that
   opens either folder does it.
5. The source is cleaned, if that is wanted.

Before the switch the source is the result, whole and untouched; after it the target is.
"""

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from typing import Any

from midiprism.catalog import Catalog, PostgresAddress
from midiprism.catalog.sqlite.backup import StorageFootprint
from midiprism.errors import StoreError, UsageError
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.fs.file_system_probe import remove_probe_folders
from midiprism.fs.path_text import native_path, text_of_native
from midiprism.metrics.devices import network_file_system
from midiprism.relocate.cleanup import SourceCleaner, is_leftover
from midiprism.relocate.copy import (
    ResultCopier,
    copy_catalog,
    make_target_folder,
    nearest_existing_folder,
    require_disk_space,
)
from midiprism.relocate.errors import DamagedResultError, RelocationRemainsError
from midiprism.relocate.relocation import Relocation, RelocationListener, RelocationReporter
from midiprism.results.file_system import probe_for_result
from midiprism.results.identity import Identity
from midiprism.results.lock import LOCK_FILE, lock_exclusive, lock_for_reading, lock_shared
from midiprism.results.result_dir import (
    RELOCATED,
    RELOCATION_TARGET,
    catalog_address,
    finish_relocation,
    fsync_dir,
    locate_result,
    marker_facts,
    read_marker,
    require_result,
    write_marker,
)
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.results.status import open_catalog_if_any
from midiprism.sources import MARKER_FILE_NAME
from midiprism.stores import LostOrDamagedError
from midiprism.stores.errors import write_error

_CROSS_DEVICE_ERRNOS = (errno.EXDEV, errno.EBUSY)  # on other file systems; a mount point


def relocate_result(
    out: str,
    new_folder: str,
    *,
    database: PostgresAddress | None = None,
    remove: bool = False,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
    listener: RelocationListener | None = None,
    file_system: FileSystem = LOCAL_FILE_SYSTEM,
) -> Relocation:
    """Move the result in ``out`` to another folder, or continue an earlier call.

    Args:
        new_folder: a folder that does not exist yet, or is empty.
        database: where the catalog is, which stays there; None for a file in the result.
        remove: once the result is moved, remove what midiprism wrote in ``out``.
        dry_run: check whether it is possible, and write nothing.
        stop: once it returns True, the move ends as soon as possible; the same call continues it.
        listener: called with the progress.
        file_system: that holds both folders.

    Raises:
        UsageError: ``out`` is no result, or one that must stay, or the new folder cannot take it.
        StoreError: a process uses either folder, something is damaged, or the new folder cannot be written.
        CatalogError: the catalog cannot be used.
    """
    target = os.path.realpath(new_folder)
    relocation = Relocation(_resolve_source(out, target), target, dry_run)
    reporter = RelocationReporter(relocation, listener)
    relocation.stopped = not _Relocator(
        relocation, database, stop, reporter, file_system, remove=remove
    ).relocate()
    relocation.seconds = reporter.seconds
    return relocation


class _Relocator:
    """Moves one result. Each step returns whether it was completed, and not stopped."""

    def __init__(
        self,
        relocation: Relocation,
        database: PostgresAddress | None,
        stop: Callable[[], bool],
        reporter: RelocationReporter,
        file_system: FileSystem,
        *,
        remove: bool,
    ) -> None:
        self._file_system = file_system
        self._relocation = relocation
        self._source, self._target = relocation.source, relocation.target
        self._database = database
        self._stop = stop
        self._reporter = reporter
        self._remove = remove

    def relocate(self) -> bool:
        relocation = self._relocation
        self._require_separate_folders()
        if self._was_renamed():
            self._fsync_containing_folders()
            relocation.method, relocation.arrived, relocation.already_moved = "rename", True, True
            return True
        if _marker_kind(self._source) == RELOCATED:
            identity = require_identity(locate_result(self._source))
            relocation.arrived = relocation.already_moved = True
            if relocation.dry_run:
                return True
            with suppress(StoreError), lock_exclusive(self._target):  # unless it is in use by now
                _remove_leftovers(self._target)
            if not self._remove:
                return True
            with lock_exclusive(self._source):
                return self._clean_source(identity)
        require_result(self._source)
        self._require_movable()
        with lock_for_reading(self._source) if relocation.dry_run else lock_exclusive(self._source):
            require_result(self._source)  # again: another call may have moved it meanwhile
            identity = require_identity(self._source)
            if not self._move(identity):
                return False
            if relocation.method == "rename" or relocation.dry_run or not self._remove:
                return True
            return self._clean_source(identity)

    def _move(self, identity: Identity) -> bool:
        resumed = self._is_resumable()
        with self._open_catalog() as catalog:
            _require_no_active_run(catalog, self._source)
            footprint = self._copier(catalog, identity).measure()
        can_rename = not resumed and self._is_same_file_system() and self._moves_with_folder(identity)
        if self._relocation.dry_run:
            self._relocation.method = "rename" if can_rename else "copy"
            if not can_rename:
                require_disk_space(self._relocation, footprint)
            return True
        _remove_leftovers(self._source)
        make_target_folder(os.path.dirname(self._target))
        return (can_rename and self._try_rename()) or self._copy(identity, footprint)

    def _try_rename(self) -> bool:
        """Rename the folder; return False if the system cannot."""
        # A repeated command reads here why there is no source any more.
        write_marker(self._source, "result", {**self._marker_facts(), "from": text_of_native(self._source)})
        try:
            if os.path.isdir(self._target) and os.listdir(self._target):
                self._clear_target()
            os.rename(self._source, self._target)
        except OSError as error:
            if error.errno in _CROSS_DEVICE_ERRNOS:
                return False
            raise write_error(self._target, error) from error
        self._fsync_containing_folders()
        self._relocation.arrive("rename")
        return True

    def _copy(self, identity: Identity, footprint: StorageFootprint) -> bool:
        require_disk_space(self._relocation, footprint)
        make_target_folder(self._target)
        in_folder = self._database is None
        with lock_exclusive(self._target) if in_folder else lock_shared(self._target) as exclusive:
            resumed = self._is_resumable()  # again: another call may have begun meanwhile
            _remove_leftovers(self._target)
            traits = probe_for_result(
                self._target, identity.store, self._file_system, exclusive, needs_locks=in_folder
            )
            facts = self._marker_facts() | traits
            write_marker(self._target, RELOCATION_TARGET, {**facts, "from": text_of_native(self._source)})
            fsync_dir(self._target)
            fsync_dir(os.path.dirname(self._target))
            with self._open_catalog() as catalog:
                before = _require_no_active_run(catalog, self._source)
                try:
                    self._copier(catalog, identity).copy(resumed=resumed)
                except LostOrDamagedError as error:
                    raise self._damaged_error(error) from error
                if self._stop():
                    return False
                if _require_no_active_run(catalog, self._source) != before:
                    raise StoreError(
                        f"A run on {self._source} began and ended meanwhile: give the same command again."
                    )
            if self._database is None and not copy_catalog(self._relocation, self._stop, self._reporter):
                return False
            fsync_dir(self._target)
            self._switch()
        return True

    def _switch(self) -> None:
        """Make the target the result."""
        write_marker(self._source, RELOCATED, {**self._marker_facts(), "to": text_of_native(self._target)})
        fsync_dir(self._source)  # what it leads to is durable already
        finish_relocation(self._target)
        self._relocation.arrive("copy")

    def _clean_source(self, identity: Identity) -> bool:
        SourceCleaner(
            self._relocation, identity, self._database, self._stop, self._reporter, self._file_system
        ).clean()
        return not self._stop()

    def _was_renamed(self) -> bool:
        """Return whether an earlier call renamed the folder, so that there is no source left."""
        if _marker_kind(self._source) is not None or _marker_kind(self._target) != "result":
            return False
        return os.path.realpath(native_path(str(read_marker(self._target).get("from")))) == self._source

    def _is_resumable(self) -> bool:
        """Return whether an earlier call began to copy the result to the target.

        Raises:
            UsageError: the target cannot take it.
        """
        target = self._target
        if not os.path.lexists(target):
            return False
        if not os.path.isdir(target):
            raise UsageError(f"{target} is not a folder: choose a new or empty one.")
        try:
            others = sorted(
                name for name in os.listdir(target) if name != MARKER_FILE_NAME and not is_leftover(name)
            )
        except OSError as error:
            raise UsageError(f"{target} cannot be read: {error.strerror or error}.") from error
        kind = _marker_kind(target)
        if kind == RELOCATION_TARGET:
            if os.path.realpath(native_path(str(read_marker(target).get("from")))) == self._source:
                return True
            require_result(target)  # raises the error that fits
        if kind in ("result", "export"):
            raise UsageError(f"{target} is itself a folder that midiprism made: choose a new or empty one.")
        if kind == RELOCATED and os.path.realpath(locate_result(target)) != self._source:
            raise UsageError(f"{target} says where another result is: choose a new or empty folder.")
        if others and kind == RELOCATED:
            raise RelocationRemainsError(target, self._source)
        if others:
            raise UsageError(
                f"{target} holds other files, such as {others[0]}: choose a new or empty folder."
            )
        return False

    def _clear_target(self) -> None:
        """Remove what a folder that counts as empty may have: a lock, the marker of a result that returns."""
        with lock_exclusive(self._target):
            if self._is_resumable():
                raise StoreError(f"{self._target} is in use by another relocation: wait until it has ended.")
            remove_probe_folders(self._target)
            for name in os.listdir(self._target):
                os.unlink(os.path.join(self._target, name))

    def _require_separate_folders(self) -> None:
        if self._source == self._target or _is_same_folder(self._source, self._target):
            raise UsageError(f"{self._target} is where the result is: name another folder for it.")
        for inner, outer in ((self._source, self._target), (self._target, self._source)):
            if inner.startswith(os.path.join(outer, "")) or _lies_in(inner, outer):
                raise UsageError(f"{inner} lies in {outer}: choose a folder outside.")

    def _require_movable(self) -> None:
        catalog_address(self._source, self._database)
        if "adopted" in self._marker_facts():
            raise UsageError(
                f"{self._source} belongs to a library that was adopted, and the owner's tables name its "
                "files by that path. Their rows are never changed, so the result must stay where it is."
            )
        kind = network_file_system(self._target)
        if kind is not None and self._database is None:
            raise UsageError(
                f"{self._target} is on a network file system ({kind}), where neither locks nor SQLite can be "
                "relied on: choose a folder on a disk of this machine."
            )

    def _is_same_file_system(self) -> bool:
        if os.name == "nt":  # it renames no folder in which a file is open, and the lock is
            return False
        return os.stat(self._source).st_dev == os.stat(nearest_existing_folder(self._target)).st_dev

    def _moves_with_folder(self, identity: Identity) -> bool:
        with closing(open_result_store(self._source, identity)) as store:
            return store.capabilities.moves_with_folder

    def _fsync_containing_folders(self) -> None:
        for folder in {os.path.dirname(self._source), os.path.dirname(self._target)}:
            fsync_dir(folder)

    def _open_catalog(self) -> AbstractContextManager[Catalog | None]:
        return open_catalog_if_any(self._source, self._database)

    def _copier(self, catalog: Catalog | None, identity: Identity) -> ResultCopier:
        return ResultCopier(
            catalog, identity, self._relocation, self._stop, self._reporter, self._file_system
        )

    def _marker_facts(self) -> dict[str, Any]:
        """Return what the marker says, without earlier relocations."""
        facts = marker_facts(self._source)
        return {key: value for key, value in facts.items() if key not in ("from", "to")}

    def _damaged_error(self, error: LostOrDamagedError) -> DamagedResultError:
        options = self._database.cli_options if self._database else ""
        return DamagedResultError(self._source, str(error), options)


def _resolve_source(out: str, target: str) -> str:
    """Return the folder that has the result, or from which it was relocated to ``target``."""
    folder, visited = os.path.realpath(out), set[str]()
    while _marker_kind(folder) == RELOCATED and folder not in visited:
        next_folder = os.path.realpath(native_path(str(read_marker(folder).get("to"))))
        if next_folder == target:
            break
        visited.add(folder)
        folder = next_folder
    return folder


def _marker_kind(folder: str) -> str | None:
    """Return the kind of folder that a marker states; None without a marker."""
    if not os.path.lexists(os.path.join(folder, MARKER_FILE_NAME)):
        return None
    return str(read_marker(folder)["midiprism"])


def _is_same_folder(folder: str, other: str) -> bool:
    """Return whether two paths lead to one folder, such as two spellings of its name."""
    try:
        return os.path.samefile(folder, other)
    except OSError:
        return False


def _lies_in(inner: str, outer: str) -> bool:
    """Return whether a folder, which may not exist, lies in another one, in any spelling."""
    while inner != (parent := os.path.dirname(inner)):
        inner = parent
        if _is_same_folder(inner, outer):
            return True
    return False


def _remove_leftovers(folder: str) -> None:
    """Remove markers and probes that were cut off. The folder is locked."""
    try:
        remove_probe_folders(folder)
        for name in os.listdir(folder):
            if is_leftover(name) and name != LOCK_FILE:
                os.unlink(os.path.join(folder, name))
    except OSError as error:
        raise write_error(folder, error) from error


def _require_no_active_run(catalog: Catalog | None, out: str) -> int | None:
    """Return the newest run; raise StoreError while a run is active that shares the catalog."""
    if catalog is None:
        return None
    active = catalog.active_runs()
    if active:
        raise StoreError(f"Run {active[0]} on {out} is active: wait until it has ended.")
    return catalog.newest_run()
