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
from midiprism.catalog.copying import Footprint
from midiprism.errors import StoreError, UsageError
from midiprism.library import MARKER
from midiprism.run.carrying import (
    Content,
    Listener,
    Relocation,
    Teller,
    carry_catalog,
    make_target,
    nearest_folder,
    require_room,
)
from midiprism.run.emptying import Emptying, is_left_over
from midiprism.run.lock import LOCK, joined, locked, shared
from midiprism.run.machine import network_file_system
from midiprism.run.result import (
    ARRIVING,
    MOVED,
    arrive,
    catalog_address,
    keep_names,
    marker_facts,
    place_of_result,
    read_identity,
    read_marker,
    require_result,
    write_marker,
)
from midiprism.run.settings import Identity
from midiprism.run.status import opened_to_read
from midiprism.store.carrying import NotWholeError
from midiprism.store.files import unwritable

_APART = (errno.EXDEV, errno.EBUSY)  # on other file systems; a mount point


def relocate_result(
    out: str,
    new: str,
    *,
    database: PostgresAddress | None = None,
    remove: bool = False,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
    listener: Listener | None = None,
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
    target = os.path.realpath(new)
    done = Relocation(_source(out, target), target, dry_run)
    teller = Teller(done, listener)
    done.stopped = not _Move(done, database, stop, teller, remove=remove).all()
    done.seconds = teller.seconds
    return done


class _Move:
    """A relocation under way. Its steps say whether they came to their end, or were stopped."""

    def __init__(
        self,
        done: Relocation,
        database: PostgresAddress | None,
        stop: Callable[[], bool],
        teller: Teller,
        *,
        remove: bool,
    ) -> None:
        self._done = done
        self._source, self._target = done.source, done.target
        self._database = database
        self._stop = stop
        self._teller = teller
        self._remove = remove

    def all(self) -> bool:
        done = self._done
        self._require_apart()
        if self._was_renamed():
            self._sync_parents()
            done.how, done.arrived, done.already = "rename", True, True
            return True
        if _kind(self._source) == MOVED:
            identity = _identity(place_of_result(self._source))
            done.arrived = done.already = True
            if done.dry_run:
                return True
            with suppress(StoreError), locked(self._target):  # unless it is in use by now
                _sweep(self._target)
            if not self._remove:
                return True
            with locked(self._source):
                return self._emptied(identity)
        require_result(self._source)
        self._require_movable()
        with shared(self._source) if done.dry_run else locked(self._source):
            require_result(self._source)  # again: another call may have been faster
            identity = _identity(self._source)
            if not self._moved(identity):
                return False
            if done.how == "rename" or done.dry_run or not self._remove:
                return True
            return self._emptied(identity)

    def _moved(self, identity: Identity) -> bool:
        resumed = self._prepared()
        with self._opened() as catalog:
            _require_quiet(catalog, self._source)
            need = self._content(catalog, identity).measure()
        can_rename = not resumed and self._one_file_system()
        if self._done.dry_run:
            self._done.how = "rename" if can_rename else "copy"
            if not can_rename:
                require_room(self._done, need)
            return True
        _sweep(self._source)
        make_target(os.path.dirname(self._target))
        return (can_rename and self._renamed()) or self._copied(identity, need)

    def _renamed(self) -> bool:
        """Move the folder as it is; False where the system cannot."""
        # Whoever gives the same command again finds no source: this tells that all is well.
        write_marker(self._source, "result", {**self._facts(), "from": self._source})
        try:
            if os.path.isdir(self._target) and os.listdir(self._target):
                self._clear_target()
            os.rename(self._source, self._target)
        except OSError as error:
            if error.errno in _APART:
                return False
            raise unwritable(self._target, error) from error
        self._sync_parents()
        self._done.how, self._done.arrived = "rename", True
        return True

    def _copied(self, identity: Identity, need: Footprint) -> bool:
        require_room(self._done, need)
        make_target(self._target)
        with locked(self._target) if self._database is None else joined(self._target):
            resumed = self._prepared()  # again: another call may have been faster
            _sweep(self._target)
            write_marker(self._target, ARRIVING, {**self._facts(), "from": self._source})
            keep_names(self._target)
            keep_names(os.path.dirname(self._target))
            with self._opened() as catalog:
                before = _require_quiet(catalog, self._source)
                try:
                    self._content(catalog, identity).carry(resumed=resumed)
                except NotWholeError as error:
                    raise self._not_whole(error) from error
                if self._stop():
                    return False
                if _require_quiet(catalog, self._source) != before:
                    raise StoreError(
                        f"A run on {self._source} began and ended meanwhile: give the same command again."
                    )
            if self._database is None and not carry_catalog(self._done, self._stop, self._teller):
                return False
            keep_names(self._target)
            self._switch()
        return True

    def _switch(self) -> None:
        """From here on the target is the result."""
        write_marker(self._source, MOVED, {**self._facts(), "to": self._target})
        keep_names(self._source)  # what it leads to is durable already
        arrive(self._target)
        self._done.arrived = True

    def _emptied(self, identity: Identity) -> bool:
        Emptying(self._done, identity, self._database, self._stop, self._teller).all()
        return not self._stop()

    def _was_renamed(self) -> bool:
        """Whether an earlier call renamed the folder, so that there is nothing left in its place."""
        if _kind(self._source) is not None or _kind(self._target) != "result":
            return False
        return os.path.realpath(str(read_marker(self._target).get("from"))) == self._source

    def _prepared(self) -> bool:
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
            others = sorted(name for name in os.listdir(target) if name != MARKER and not is_left_over(name))
        except OSError as error:
            raise UsageError(f"{target} cannot be read: {error.strerror or error}.") from error
        kind = _kind(target)
        if kind == ARRIVING:
            if os.path.realpath(str(read_marker(target).get("from"))) == self._source:
                return True
            require_result(target)  # it says what it is
        if kind in ("result", "export"):
            raise UsageError(f"{target} is itself a folder that midiprism made: choose a new or empty one.")
        if kind == MOVED and os.path.realpath(place_of_result(target)) != self._source:
            raise UsageError(f"{target} says where another result is: choose a new or empty folder.")
        if others and kind == MOVED:
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
        with locked(self._target):
            if self._prepared():
                raise StoreError(f"{self._target} is in use by another relocation: wait until it has ended.")
            for name in os.listdir(self._target):
                os.unlink(os.path.join(self._target, name))

    def _require_apart(self) -> None:
        if self._source == self._target:
            raise UsageError(f"{self._target} is where the result is: name another folder for it.")
        for inner, outer in ((self._source, self._target), (self._target, self._source)):
            if inner.startswith(os.path.join(outer, "")):
                raise UsageError(f"{inner} lies in {outer}: choose a folder outside.")

    def _require_movable(self) -> None:
        catalog_address(self._source, self._database)
        if "adopted" in self._facts():
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

    def _one_file_system(self) -> bool:
        if os.name == "nt":  # it renames no folder in which a file is open, and the lock is
            return False
        return os.stat(self._source).st_dev == os.stat(nearest_folder(self._target)).st_dev

    def _sync_parents(self) -> None:
        for folder in {os.path.dirname(self._source), os.path.dirname(self._target)}:
            keep_names(folder)

    def _opened(self) -> AbstractContextManager[Catalog | None]:
        return opened_to_read(self._source, self._database)

    def _content(self, catalog: Catalog | None, identity: Identity) -> Content:
        return Content(catalog, identity, self._done, self._stop, self._teller)

    def _facts(self) -> dict[str, Any]:
        """What the marker says, but for earlier relocations."""
        facts = marker_facts(self._source)
        return {key: value for key, value in facts.items() if key not in ("from", "to")}

    def _not_whole(self, error: NotWholeError) -> StoreError:
        named = shlex.quote(self._source) + (f" {self._database.options}" if self._database else "")
        return StoreError(
            f"{error} {self._source} is still the result: mend it with `midiprism verify {named} --repair`, "
            "and give the same command again."
        )


def _source(out: str, target: str) -> str:
    """The folder that the result is in, or from which it was relocated to ``target``."""
    here, passed = os.path.realpath(out), set[str]()
    while _kind(here) == MOVED and here not in passed:
        following = os.path.realpath(str(read_marker(here).get("to")))
        if following == target:
            break
        passed.add(here)
        here = following
    return here


def _kind(folder: str) -> str | None:
    """What the marker of a folder says that it is; None without one."""
    if not os.path.lexists(os.path.join(folder, MARKER)):
        return None
    return str(read_marker(folder)["midiprism"])


def _sweep(folder: str) -> None:
    """Remove markers that were cut off as they were written. The folder is held."""
    try:
        for name in os.listdir(folder):
            if is_left_over(name) and name != LOCK:
                os.unlink(os.path.join(folder, name))
    except OSError as error:
        raise unwritable(folder, error) from error


def _identity(out: str) -> Identity:
    identity = read_identity(out)
    assert identity is not None, "it is a result"
    return identity


def _require_quiet(catalog: Catalog | None, out: str) -> int | None:
    """Refuse while a run is on that shares the catalogue; the run that began last."""
    if catalog is None:
        return None
    on = catalog.runs_on()
    if on:
        raise StoreError(f"Run {on[0]} on {out} is on, see `midiprism status`: wait until it has ended.")
    return catalog.newest_run()
