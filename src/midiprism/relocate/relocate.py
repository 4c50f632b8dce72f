"""A result moved to another folder, as on another drive: renamed where that can be, else copied.

1. The target is marked as one end of a relocation, which no other command takes for a result.
2. Tracks or shards are carried, each checked by its digest; then the catalogue's file. All is flushed.
3. **The marker of the source is replaced by one that says where the result is: that is the switch.**
4. The marker of the target says that it is the result. Where this did not come to be, whoever comes by either
   folder next does it.
5. The source is emptied, if that is asked for.

Before the switch the source is the result, whole and untouched; after it the target is.
"""

import errno
import os
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from midiprism.catalog import Catalog, PostgresAddress
from midiprism.catalog.sqlite.backup import StorageFootprint
from midiprism.errors import StoreError, UsageError
from midiprism.metrics.devices import network_file_system
from midiprism.relocate.cleanup import SourceCleaner, is_leftover
from midiprism.relocate.copy import (
    ProgressReporter,
    Relocation,
    RelocationListener,
    ResultCopier,
    copy_catalog,
    make_target_folder,
    nearest_existing_folder,
    require_disk_space,
)
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
    read_identity,
    read_marker,
    require_result,
    write_marker,
)
from midiprism.results.status import open_catalog_if_any
from midiprism.sources import MARKER_FILE_NAME
from midiprism.stores.copy import LostOrDamagedError
from midiprism.stores.files.store import write_error

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
) -> Relocation:
    """Move the result in ``out`` to ``new``, or go on with that.

    Args:
        new: a folder that is not there yet, or is empty.
        database: where the catalogue is, which stays there; None for a file in the result.
        remove: once it is moved, remove what midiprism wrote in ``out``.
        dry_run: look whether it can be done, and write nothing.
        stop: once true, what is in hand is finished; the same call goes on.
        listener: is told how far it is.

    Raises:
        UsageError: ``out`` is no result, or one that must stay, or ``new`` cannot take it.
        StoreError: a process holds either of them, something is damaged, or ``new`` cannot be written.
        CatalogError: the catalogue cannot be used.
    """
    target = os.path.realpath(new_folder)
    done = Relocation(_resolve_source(out, target), target, dry_run)
    teller = ProgressReporter(done, listener)
    done.stopped = not _Relocator(done, database, stop, teller, remove=remove).relocate()
    done.seconds = teller.seconds
    return done


class _Relocator:
    """A relocation under way. Its steps say whether they came to their end, or were stopped."""

    def __init__(
        self,
        relocation: Relocation,
        database: PostgresAddress | None,
        stop: Callable[[], bool],
        reporter: ProgressReporter,
        *,
        remove: bool,
    ) -> None:
        self._relocation = relocation
        self._source, self._target = relocation.source, relocation.target
        self._database = database
        self._stop = stop
        self._reporter = reporter
        self._remove = remove

    def relocate(self) -> bool:
        done = self._relocation
        self._require_separate_folders()
        if self._was_renamed():
            self._fsync_containing_folders()
            done.method, done.arrived, done.already_moved = "rename", True, True
            return True
        if _marker_kind(self._source) == RELOCATED:
            identity = _require_identity(locate_result(self._source))
            done.arrived = done.already_moved = True
            if done.dry_run:
                return True
            with suppress(StoreError), lock_exclusive(self._target):  # unless it is in use by now
                _remove_leftovers(self._target)
            if not self._remove:
                return True
            with lock_exclusive(self._source):
                return self._clean_source(identity)
        require_result(self._source)
        self._require_movable()
        with lock_for_reading(self._source) if done.dry_run else lock_exclusive(self._source):
            require_result(self._source)  # again: another call may have been faster
            identity = _require_identity(self._source)
            if not self._move(identity):
                return False
            if done.method == "rename" or done.dry_run or not self._remove:
                return True
            return self._clean_source(identity)

    def _move(self, identity: Identity) -> bool:
        resumed = self._is_resumable()
        with self._open_catalog() as catalog:
            _require_no_active_run(catalog, self._source)
            need = self._copier(catalog, identity).measure()
        can_rename = not resumed and self._is_same_file_system()
        if self._relocation.dry_run:
            self._relocation.method = "rename" if can_rename else "copy"
            if not can_rename:
                require_disk_space(self._relocation, need)
            return True
        _remove_leftovers(self._source)
        make_target_folder(os.path.dirname(self._target))
        return (can_rename and self._try_rename()) or self._copy(identity, need)

    def _try_rename(self) -> bool:
        """Move the folder as it is; False where the system cannot."""
        # Whoever gives the same command again finds no source: this tells that all is well.
        write_marker(self._source, "result", {**self._marker_facts(), "from": self._source})
        try:
            if os.path.isdir(self._target) and os.listdir(self._target):
                self._clear_target()
            os.rename(self._source, self._target)
        except OSError as error:
            if error.errno in _CROSS_DEVICE_ERRNOS:
                return False
            raise write_error(self._target, error) from error
        self._fsync_containing_folders()
        self._relocation.method, self._relocation.arrived = "rename", True
        return True

    def _copy(self, identity: Identity, need: StorageFootprint) -> bool:
        require_disk_space(self._relocation, need)
        make_target_folder(self._target)
        with lock_exclusive(self._target) if self._database is None else lock_shared(self._target):
            resumed = self._is_resumable()  # again: another call may have been faster
            _remove_leftovers(self._target)
            write_marker(self._target, RELOCATION_TARGET, {**self._marker_facts(), "from": self._source})
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
        """From here on the target is the result."""
        write_marker(self._source, RELOCATED, {**self._marker_facts(), "to": self._target})
        fsync_dir(self._source)  # what it leads to is durable already
        finish_relocation(self._target)
        self._relocation.arrived = True

    def _clean_source(self, identity: Identity) -> bool:
        SourceCleaner(self._relocation, identity, self._database, self._stop, self._reporter).clean()
        return not self._stop()

    def _was_renamed(self) -> bool:
        """Whether an earlier call renamed the folder, so that there is nothing left in its place."""
        if _marker_kind(self._source) is not None or _marker_kind(self._target) != "result":
            return False
        return os.path.realpath(str(read_marker(self._target).get("from"))) == self._source

    def _is_resumable(self) -> bool:
        """Whether an earlier call began to carry the result to the target.

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
            if os.path.realpath(str(read_marker(target).get("from"))) == self._source:
                return True
            require_result(target)  # it says what it is
        if kind in ("result", "export"):
            raise UsageError(f"{target} is itself a folder that midiprism made: choose a new or empty one.")
        if kind == RELOCATED and os.path.realpath(locate_result(target)) != self._source:
            raise UsageError(f"{target} says where another result is: choose a new or empty folder.")
        if others and kind == RELOCATED:
            raise UsageError(
                f"{target} still holds what was relocated from there before: "
                f"`midiprism relocate {shlex.quote(target)} {shlex.quote(self._source)} --remove` empties it."
            )
        if others:
            raise UsageError(
                f"{target} holds other files, such as {others[0]}: choose a new or empty folder."
            )
        return False

    def _clear_target(self) -> None:
        """Remove what a folder that counts as empty has: a lock, the marker of a result that comes back."""
        with lock_exclusive(self._target):
            if self._is_resumable():
                raise StoreError(f"{self._target} is in use by another relocation: wait until it has ended.")
            for name in os.listdir(self._target):
                os.unlink(os.path.join(self._target, name))

    def _require_separate_folders(self) -> None:
        if self._source == self._target:
            raise UsageError(f"{self._target} is where the result is: name another folder for it.")
        for inner, outer in ((self._source, self._target), (self._target, self._source)):
            if inner.startswith(os.path.join(outer, "")):
                raise UsageError(f"{inner} lies in {outer}: choose a folder outside.")

    def _require_movable(self) -> None:
        catalog_address(self._source, self._database)
        if "adopted" in self._marker_facts():
            raise UsageError(
                f"{self._source} goes with a library that was taken over, and the owner's tables name its "
                "files by that path. Their rows are never changed, so it must stay where it is."
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

    def _fsync_containing_folders(self) -> None:
        for folder in {os.path.dirname(self._source), os.path.dirname(self._target)}:
            fsync_dir(folder)

    def _open_catalog(self) -> AbstractContextManager[Catalog | None]:
        return open_catalog_if_any(self._source, self._database)

    def _copier(self, catalog: Catalog | None, identity: Identity) -> ResultCopier:
        return ResultCopier(catalog, identity, self._relocation, self._stop, self._reporter)

    def _marker_facts(self) -> dict[str, Any]:
        """What the marker says, but for earlier relocations."""
        facts = marker_facts(self._source)
        return {key: value for key, value in facts.items() if key not in ("from", "to")}

    def _damaged_error(self, error: LostOrDamagedError) -> StoreError:
        named = shlex.quote(self._source) + (f" {self._database.cli_options}" if self._database else "")
        return StoreError(
            f"{error} {self._source} is still the result: mend it with `midiprism verify {named} --repair`, "
            "and give the same command again."
        )


def _resolve_source(out: str, target: str) -> str:
    """The folder that the result is in, or from which it was relocated to ``target``."""
    here, passed = os.path.realpath(out), set[str]()
    while _marker_kind(here) == RELOCATED and here not in passed:
        following = os.path.realpath(str(read_marker(here).get("to")))
        if following == target:
            break
        passed.add(here)
        here = following
    return here


def _marker_kind(folder: str) -> str | None:
    """What the marker of a folder says that it is; None without one."""
    if not os.path.lexists(os.path.join(folder, MARKER_FILE_NAME)):
        return None
    return str(read_marker(folder)["midiprism"])


def _remove_leftovers(folder: str) -> None:
    """Remove markers that were cut off as they were written. The folder is held."""
    try:
        for name in os.listdir(folder):
            if is_leftover(name) and name != LOCK_FILE:
                os.unlink(os.path.join(folder, name))
    except OSError as error:
        raise write_error(folder, error) from error


def _require_identity(out: str) -> Identity:
    identity = read_identity(out)
    assert identity is not None, "it is a result"
    return identity


def _require_no_active_run(catalog: Catalog | None, out: str) -> int | None:
    """Refuse while a run is on that shares the catalogue; the run that began last."""
    if catalog is None:
        return None
    on = catalog.active_runs()
    if on:
        raise StoreError(f"Run {on[0]} on {out} is on, see `midiprism status`: wait until it has ended.")
    return catalog.newest_run()
