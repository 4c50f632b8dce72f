"""Checking a result: every track has its file, every file its track, every song its links.

Nothing is written. Rows and folders stream by, so memory does not grow with the library.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from midiprism.catalog import Address, Audit, BrokenParent, Catalog, PostgresAddress, Scope, TrackFile
from midiprism.catalog.audit import find_damage, is_damage
from midiprism.errors import CatalogError, StoreError
from midiprism.run.findings import Checking, Damage, Finds, Listener, Verification
from midiprism.run.lock import shared
from midiprism.run.machine import cpus
from midiprism.run.result import catalog_address, catalog_of, read_identity, require_result
from midiprism.run.scene import shards_of
from midiprism.store import Entry, Look, Survey, track_path

_REPORT_SECONDS = 0.1
_MOST_THREADS = 8
_CHUNK = 250


def verify_result(
    out: str,
    scope: Scope,
    *,
    since: str | None = None,
    database: PostgresAddress | None = None,
    stop: Callable[[], bool] = lambda: False,
    listener: Listener | None = None,
) -> Verification:
    """Check the result in ``out``, and write nothing.

    Args:
        scope: which part of it.
        since: only what runs recorded that started at this time (UTC, ISO 8601) or later.
        database: where the catalogue is; None for a file in the result.
        stop: once true, the check ends as soon as it can.
        listener: is told how far it is.

    Raises:
        UsageError: ``out`` is no result, or its catalogue is elsewhere.
        StoreError: a run is writing to it.
        CatalogError: the catalogue cannot be used, for another reason than damage.
    """
    require_result(out)
    with shared(out):
        check = check_of(out, catalog_address(out, database), scope, stop, listener)
        if check.catalog_is_sound():
            with catalog_of(out, database) as catalog:
                check.all(catalog, since)
        return check.end()


def check_of(
    out: str, address: Address, scope: Scope, stop: Callable[[], bool], listener: Listener | None
) -> "Check":
    """The check of a result, as its tracks lie in files or in shards."""
    identity = read_identity(out)
    if identity is None or identity.store == "files":
        return Check(out, address, scope, stop, listener)
    from midiprism.run.verify_shards import ShardCheck

    return ShardCheck(out, address, scope, stop, listener, shards_of(out, identity))


class Check:
    """A check under way.

    Args:
        out: the folder of the result, which is held.
        address: where its catalogue is.
        scope: which part of it.
        stop: once true, the check ends as soon as it can.
        listener: is told how far it is.
    """

    def __init__(
        self,
        out: str,
        address: Address,
        scope: Scope,
        stop: Callable[[], bool],
        listener: Listener | None = None,
    ) -> None:
        self.found = Verification(out, scope)
        self._address = address
        self._survey = Survey(out)
        self._stop = stop
        self._listener = listener
        self._started = time.perf_counter()
        self._reported = -_REPORT_SECONDS

    def catalog_is_sound(self) -> bool:
        """Whether the catalogue's file is; damage to it is noted. A server sees to its own files."""
        self.report("catalogue", 0, None)
        path = self._address
        if isinstance(path, PostgresAddress):
            return True
        if not os.path.isfile(path):
            return self._damaged_catalog("The catalogue is gone.")
        try:
            message = find_damage(path, self._stop)
        except CatalogError:
            if self._stop():
                return False
            raise
        return True if message is None else self._damaged_catalog(message)

    def all(self, catalog: Catalog, since: str | None = None, finds: Finds | None = None) -> None:
        """Check everything in the scope.

        Args:
            finds: is told what can be mended.

        Raises:
            StoreError: a run is on, or one began meanwhile, that shares the catalogue.
        """
        before = self._require_quiet(catalog)
        if since is not None:
            first = Audit(catalog, self.found.scope).first_run_since(since)
            self.found.scope = Scope(first_run=first)
        audit = Audit(catalog, self.found.scope)
        state = audit.last_run()
        self.found.unfinished = None if state == "done" else state
        try:
            with audit.ended_by(self._stop):
                self._tracks(audit, finds)
                self._files(audit)
                self._songs(audit, finds)
                self._unlinked(audit)
                self._tables(catalog)
        except CatalogError as error:
            if is_damage(error):
                self._damaged_catalog(str(error))
            elif not self._stop():
                raise
        else:
            if self._require_quiet(catalog) != before and not self._stop():
                raise StoreError(
                    f"A run on {self.found.out} began and ended meanwhile, so that what was found does not "
                    "count: check again."
                )

    def _require_quiet(self, catalog: Catalog) -> int | None:
        """Refuse while a run is on that shares the catalogue: its files are there before their rows are.

        Returns:
            The run that began last.
        """
        on = catalog.runs_on()
        if on:
            raise StoreError(
                f"Run {on[0]} on {self.found.out} is on, see `midiprism status`: wait until it has ended."
            )
        return catalog.newest_run()

    def end(self) -> Verification:
        """What was found."""
        self.found.stopped = self._stop()
        self.found.seconds = time.perf_counter() - self._started
        return self.found

    def report(
        self,
        stage: Literal["catalogue", "tracks", "files", "songs", "mending"],
        seen: int,
        total: int | None,
    ) -> None:
        """Tell the listener, unless it was told just now."""
        seconds = time.perf_counter() - self._started
        if self._listener and seconds - self._reported >= _REPORT_SECONDS:
            self._reported = seconds
            self._listener(Checking(stage, seen, total, self.found.damaged, seconds))

    def _tracks(self, audit: Audit, finds: Finds | None) -> None:
        """Every track has its file."""
        found = self.found
        total = audit.count_tracks()
        with contextlib.closing(looks(self._survey, audit.tracks())) as chunks:
            for chunk in chunks:
                if self._stop():
                    return
                broken = []
                for track, look in chunk:
                    found.tracks += 1
                    found.bytes += look.size
                    kind = state_of(track, look)
                    if kind is None:
                        continue
                    message = look.why or _EXPLAINED[kind].format(size=look.size, wanted=track.size)
                    found.add(Damage(kind, self._name(track), message))
                    if kind != "row":
                        broken.append(track.id)
                    elif finds:
                        finds.correct(track._replace(size=look.size))
                if finds:
                    finds.note_files(broken)
                self.report("tracks", found.tracks, total)

    def _files(self, audit: Audit) -> None:
        """Every file has its track."""
        found = self.found
        if found.scope.first_run is not None:
            return
        found.files = 0
        for entry, kind in strays(self._survey, audit, found.scope, self._stop):
            found.files += 1
            if kind is not None:
                found.add(Damage(kind, os.fsencode(entry.path), _EXPLAINED[kind]))
            self.report("files", found.files, None)

    def _songs(self, audit: Audit, finds: Finds | None) -> None:
        """Every song has its links, and every link and path its song."""
        found = self.found
        total = audit.count_parents()
        for low, high in audit.stretches():
            if self._stop():
                return
            parents, links, pathless = audit.count_links(low, high)
            found.parents += parents
            found.links += links
            found.pathless += pathless
            broken = audit.broken_parents(low, high)
            for parent in broken:
                found.add(_broken(parent))
            if finds:
                finds.note_parents(parent.id for parent in broken)
            if found.scope.first_run is None:
                self._lost(audit, low, high, finds)
            self.report("songs", found.parents, total)

    def _lost(self, audit: Audit, low: int, high: int, finds: Finds | None) -> None:
        paths = audit.lost_paths(low, high)
        for path in paths:
            self.found.add(Damage("lost_path", path.path, "The catalogue has lost this song."))
        if finds:
            finds.note_paths(path.path for path in paths)
        for number, count in audit.lost_parents(low, high):
            message = f"The catalogue has lost this song, and {count:,} of its links are left."
            self.found.add(Damage("lost_links", f"song {number}".encode(), message))

    def _unlinked(self, audit: Audit) -> None:
        """Every track has a song; a sample leaves that out, since it takes looking at all links."""
        if self.found.scope.sampled:
            return
        for page in audit.unlinked():
            for track in page:
                self.found.add(Damage("unlinked", self._name(track), "No song links to it."))

    def _name(self, track: TrackFile) -> bytes:
        """What a track is called where it is told of."""
        return os.fsencode(place_of(track))

    def _tables(self, catalog: Catalog) -> None:
        """What is derived from the catalogue agrees with it; beside files there is nothing such."""

    def _damaged_catalog(self, message: str) -> bool:
        self.found.add(Damage("catalog", b"catalog.sqlite", message))
        return False


def looks(
    survey: Survey, pages: Iterable[Sequence[TrackFile]]
) -> Generator[list[tuple[TrackFile, Look]], None, None]:
    """Tracks with what is at their places, in their order. Several at once: disks have to be waited for."""

    def look(tracks: Sequence[TrackFile]) -> list[tuple[TrackFile, Look]]:
        return [(track, survey.look(place_of(track))) for track in tracks]

    threads = min(_MOST_THREADS, cpus())
    waiting: deque[Future[list[tuple[TrackFile, Look]]]] = deque()
    with ThreadPoolExecutor(threads, "midiprism-verify") as pool:
        for page in pages:
            for first in range(0, len(page), _CHUNK):
                waiting.append(pool.submit(look, page[first : first + _CHUNK]))
            while len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def strays(
    survey: Survey, audit: Audit, scope: Scope, stop: Callable[[], bool]
) -> Iterator[tuple[Entry, str | None]]:
    """Everything in the store that is in the scope, and the kind of damage that it is, if it is one."""
    windows = scope.digests()
    firsts = {first for low, high in windows for first in range(low >> 24, (high >> 24) + 1)}
    for entries in survey.entries(firsts.__contains__):
        if stop():
            return
        tracks = audit.tracks_numbered(entry.number for entry in entries if entry.number)
        for entry in entries:
            if entry.number:
                number = int(entry.number[:8], 16)
                if not any(low <= number <= high for low, high in windows):
                    continue
            if entry.kind == "folder":
                yield entry, "unreadable"
            elif entry.kind == "temporary":
                yield entry, "temporary"
            else:
                known = any(place_of(track) == entry.path for track in tracks.get(entry.number, ()))
                yield entry, None if known else "orphan"


def place_of(track: TrackFile) -> str:
    """The path of a track's file."""
    return track_path(track.family, track.stem, track.digest, track.digits)


def state_of(track: TrackFile, look: Look) -> str | None:
    """The kind of damage that a look found; None where the file is as its row says."""
    if look.state != "file":
        return look.state
    if look.digest == track.digest:
        return None if look.size == track.size else "row"
    return "content" if look.size == track.size else "size"


def _broken(parent: BrokenParent) -> Damage:
    name = parent.path if parent.path is not None else f"song {parent.id}".encode()
    message = f"It has {parent.links:,} of {parent.splits:,} links to tracks"
    if parent.lost:
        message += f", and {parent.lost:,} lead to no track"
    elif parent.links == parent.splits:
        message = f"Its links to tracks do not fit its outcome, {parent.outcome}, or their order"
    return Damage("links", name, message + ".")


_EXPLAINED = {
    "size": "It has {size:,} bytes instead of {wanted:,}.",
    "content": "Its bytes are not those of the track.",
    "row": "It is whole with {size:,} bytes, and the catalogue says {wanted:,}.",
    "orphan": "No track speaks of it.",
    "temporary": "An interrupted run left it behind.",
}
