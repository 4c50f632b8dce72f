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

from midiprism.catalog import (
    Address,
    BrokenSong,
    Catalog,
    IntegrityQueries,
    PostgresAddress,
    TrackFile,
    VerifyScope,
)
from midiprism.catalog.queries.integrity import find_damage, is_damage
from midiprism.errors import CatalogError, StoreError
from midiprism.integrity.damage_report import Damage, DamageReport, RepairSink, VerifyListener, VerifyProgress
from midiprism.pipeline.open_result import parquet_store_of
from midiprism.pipeline.resource_defaults import cpus
from midiprism.results.lock import lock_for_reading
from midiprism.results.result_dir import catalog_address, open_catalog_of, read_identity, require_result
from midiprism.stores import FileStatus, ScannedEntry, TrackScanner, track_path

_REPORT_SECONDS = 0.1
_MAX_THREADS = 8
_TRACKS_PER_TASK = 250


def verify_result(
    out: str,
    scope: VerifyScope,
    *,
    since: str | None = None,
    database: PostgresAddress | None = None,
    stop: Callable[[], bool] = lambda: False,
    listener: VerifyListener | None = None,
) -> DamageReport:
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
    with lock_for_reading(out):
        check = make_verifier(out, catalog_address(out, database), scope, stop, listener)
        if check.catalog_is_sound():
            with open_catalog_of(out, database) as catalog:
                check.verify(catalog, since)
        return check.finish()


def make_verifier(
    out: str, address: Address, scope: VerifyScope, stop: Callable[[], bool], listener: VerifyListener | None
) -> "Verifier":
    """The check of a result, as its tracks lie in files or in shards."""
    identity = read_identity(out)
    if identity is None or identity.store == "files":
        return Verifier(out, address, scope, stop, listener)
    from midiprism.integrity.verify_parquet import ParquetVerifier

    return ParquetVerifier(out, address, scope, stop, listener, parquet_store_of(out, identity))


class Verifier:
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
        scope: VerifyScope,
        stop: Callable[[], bool],
        listener: VerifyListener | None = None,
    ) -> None:
        self.damage_report = DamageReport(out, scope)
        self._address = address
        self._scanner = TrackScanner(out)
        self._stop = stop
        self._listener = listener
        self._started = time.perf_counter()
        self._last_report_seconds = -_REPORT_SECONDS

    def catalog_is_sound(self) -> bool:
        """Whether the catalogue's file is; damage to it is noted. A server sees to its own files."""
        self.report_progress("catalogue", 0, None)
        path = self._address
        if isinstance(path, PostgresAddress):
            return True
        if not os.path.isfile(path):
            return self._add_catalog_damage("The catalogue is gone.")
        try:
            message = find_damage(path, self._stop)
        except CatalogError:
            if self._stop():
                return False
            raise
        return True if message is None else self._add_catalog_damage(message)

    def verify(
        self, catalog: Catalog, since: str | None = None, repair_sink: RepairSink | None = None
    ) -> None:
        """Check everything in the scope.

        Args:
            finds: is told what can be mended.

        Raises:
            StoreError: a run is on, or one began meanwhile, that shares the catalogue.
        """
        before = self._require_no_active_run(catalog)
        if since is not None:
            first = IntegrityQueries(catalog, self.damage_report.scope).first_run_since(since)
            self.damage_report.scope = VerifyScope(first_run=first)
        audit = IntegrityQueries(catalog, self.damage_report.scope)
        state = audit.last_run_state()
        self.damage_report.last_run_state = None if state == "done" else state
        try:
            with audit.interruptible(self._stop):
                self._check_tracks(audit, repair_sink)
                self._check_orphans(audit)
                self._check_songs(audit, repair_sink)
                self._check_unlinked(audit)
                self._check_derived_tables(catalog)
        except CatalogError as error:
            if is_damage(error):
                self._add_catalog_damage(str(error))
            elif not self._stop():
                raise
        else:
            if self._require_no_active_run(catalog) != before and not self._stop():
                raise StoreError(
                    f"A run on {self.damage_report.out} began and ended meanwhile, so that what was found does not "
                    "count: check again."
                )

    def _require_no_active_run(self, catalog: Catalog) -> int | None:
        """Refuse while a run is on that shares the catalogue: its files are there before their rows are.

        Returns:
            The run that began last.
        """
        on = catalog.active_runs()
        if on:
            raise StoreError(
                f"Run {on[0]} on {self.damage_report.out} is on, see `midiprism status`: wait until it has ended."
            )
        return catalog.newest_run()

    def finish(self) -> DamageReport:
        """What was found."""
        self.damage_report.stopped = self._stop()
        self.damage_report.seconds = time.perf_counter() - self._started
        return self.damage_report

    def report_progress(
        self,
        stage: Literal["catalogue", "tracks", "files", "songs", "mending"],
        seen: int,
        total: int | None,
    ) -> None:
        """Tell the listener, unless it was told just now."""
        seconds = time.perf_counter() - self._started
        if self._listener and seconds - self._last_report_seconds >= _REPORT_SECONDS:
            self._last_report_seconds = seconds
            self._listener(VerifyProgress(stage, seen, total, self.damage_report.damage_count, seconds))

    def _check_tracks(self, audit: IntegrityQueries, repair_sink: RepairSink | None) -> None:
        """Every track has its file."""
        found = self.damage_report
        total = audit.count_tracks()
        with contextlib.closing(scan_tracks(self._scanner, audit.tracks())) as chunks:
            for chunk in chunks:
                if self._stop():
                    return
                broken = []
                for track, look in chunk:
                    found.tracks += 1
                    found.bytes += look.size
                    kind = damage_kind(track, look)
                    if kind is None:
                        continue
                    message = look.reason or _MESSAGES[kind].format(size=look.size, wanted=track.size)
                    found.add(Damage(kind, self._display_name(track), message))
                    if kind != "row":
                        broken.append(track.id)
                    elif repair_sink:
                        repair_sink.correct_row(track._replace(size=look.size))
                if repair_sink:
                    repair_sink.add_damaged_tracks(broken)
                self.report_progress("tracks", found.tracks, total)

    def _check_orphans(self, audit: IntegrityQueries) -> None:
        """Every file has its track."""
        found = self.damage_report
        if found.scope.first_run is not None:
            return
        found.files = 0
        for entry, kind in find_orphans(self._scanner, audit, found.scope, self._stop):
            found.files += 1
            if kind is not None:
                found.add(Damage(kind, os.fsencode(entry.path), _MESSAGES[kind]))
            self.report_progress("files", found.files, None)

    def _check_songs(self, audit: IntegrityQueries, repair_sink: RepairSink | None) -> None:
        """Every song has its links, and every link and path its song."""
        found = self.damage_report
        total = audit.count_songs()
        for low, high in audit.song_id_ranges():
            if self._stop():
                return
            songs, links, pathless = audit.count_links(low, high)
            found.songs += songs
            found.links += links
            found.songs_without_path += pathless
            broken = audit.broken_songs(low, high)
            for song in broken:
                found.add(_broken_song_damage(song))
            if repair_sink:
                repair_sink.add_damaged_songs(song.id for song in broken)
            if found.scope.first_run is None:
                self._check_lost_songs(audit, low, high, repair_sink)
            self.report_progress("songs", found.songs, total)

    def _check_lost_songs(
        self, audit: IntegrityQueries, first_id: int, last_id: int, repair_sink: RepairSink | None
    ) -> None:
        paths = audit.lost_paths(first_id, last_id)
        for path in paths:
            self.damage_report.add(Damage("lost_path", path.path, "The catalogue has lost this song."))
        if repair_sink:
            repair_sink.add_lost_paths(path.path for path in paths)
        for number, count in audit.lost_songs(first_id, last_id):
            message = f"The catalogue has lost this song, and {count:,} of its links are left."
            self.damage_report.add(Damage("lost_links", f"song {number}".encode(), message))

    def _check_unlinked(self, audit: IntegrityQueries) -> None:
        """Every track has a song; a sample leaves that out, since it takes looking at all links."""
        if self.damage_report.scope.is_sample:
            return
        for page in audit.unlinked_tracks():
            for track in page:
                self.damage_report.add(Damage("unlinked", self._display_name(track), "No song links to it."))

    def _display_name(self, track: TrackFile) -> bytes:
        """What a track is called where it is told of."""
        return os.fsencode(track_file_path(track))

    def _check_derived_tables(self, catalog: Catalog) -> None:
        """What is derived from the catalogue agrees with it; beside files there is nothing such."""

    def _add_catalog_damage(self, message: str) -> bool:
        self.damage_report.add(Damage("catalog", b"catalog.sqlite", message))
        return False


def scan_tracks(
    scanner: TrackScanner, pages: Iterable[Sequence[TrackFile]]
) -> Generator[list[tuple[TrackFile, FileStatus]], None, None]:
    """Tracks with what is at their places, in their order. Several at once: disks have to be waited for."""

    def look(tracks: Sequence[TrackFile]) -> list[tuple[TrackFile, FileStatus]]:
        return [(track, scanner.status_of(track_file_path(track))) for track in tracks]

    threads = min(_MAX_THREADS, cpus())
    waiting: deque[Future[list[tuple[TrackFile, FileStatus]]]] = deque()
    with ThreadPoolExecutor(threads, "midiprism-verify") as pool:
        for page in pages:
            for first in range(0, len(page), _TRACKS_PER_TASK):
                waiting.append(pool.submit(look, page[first : first + _TRACKS_PER_TASK]))
            while len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def find_orphans(
    scanner: TrackScanner, audit: IntegrityQueries, scope: VerifyScope, stop: Callable[[], bool]
) -> Iterator[tuple[ScannedEntry, str | None]]:
    """Everything in the store that is in the scope, and the kind of damage that it is, if it is one."""
    windows = scope.digest_ranges()
    firsts = {first for low, high in windows for first in range(low >> 24, (high >> 24) + 1)}
    for entries in scanner.scan(firsts.__contains__):
        if stop():
            return
        tracks = audit.tracks_by_digest_prefix(
            entry.digest_prefix for entry in entries if entry.digest_prefix
        )
        for entry in entries:
            if entry.digest_prefix:
                number = int(entry.digest_prefix[:8], 16)
                if not any(low <= number <= high for low, high in windows):
                    continue
            if entry.kind == "folder":
                yield entry, "unreadable"
            elif entry.kind == "temporary":
                yield entry, "temporary"
            else:
                known = any(
                    track_file_path(track) == entry.path for track in tracks.get(entry.digest_prefix, ())
                )
                yield entry, None if known else "orphan"


def track_file_path(track: TrackFile) -> str:
    """The path of a track's file."""
    return track_path(track.family, track.stem, track.digest, track.digest_digits)


def damage_kind(track: TrackFile, status: FileStatus) -> str | None:
    """The kind of damage that a look found; None where the file is as its row says."""
    if status.state != "file":
        return status.state
    if status.digest == track.digest:
        return None if status.size == track.size else "row"
    return "content" if status.size == track.size else "size"


def _broken_song_damage(song: BrokenSong) -> Damage:
    name = song.path if song.path is not None else f"song {song.id}".encode()
    message = f"It has {song.links_found:,} of {song.link_count:,} links to tracks"
    if song.dangling_links:
        message += f", and {song.dangling_links:,} lead to no track"
    elif song.links_found == song.link_count:
        message = f"Its links to tracks do not fit its outcome, {song.outcome}, or their order"
    return Damage("links", name, message + ".")


_MESSAGES = {
    "size": "It has {size:,} bytes instead of {wanted:,}.",
    "content": "Its bytes are not those of the track.",
    "row": "It is whole with {size:,} bytes, and the catalogue says {wanted:,}.",
    "orphan": "No track speaks of it.",
    "temporary": "An interrupted run left it behind.",
}
