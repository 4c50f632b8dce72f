"""Checks a result: every track is in its store, everything in the store has its track, every song its links.

Nothing is written. Rows and folders are read in pages, so memory does not grow with the library.
"""

import os
from collections.abc import Callable
from contextlib import closing

from midiprism.catalog import (
    Address,
    BrokenSong,
    Catalog,
    IntegrityQueries,
    PostgresAddress,
    VerifyScope,
)
from midiprism.catalog.queries.integrity import find_damage, is_damage
from midiprism.errors import CatalogError, StoreError
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.fs.path_text import path_bytes
from midiprism.integrity.check_context import CheckContext
from midiprism.integrity.damage_report import (
    Damage,
    DamageReport,
    RepairSink,
    VerifyListener,
    VerifyProgress,
    VerifyStage,
)
from midiprism.integrity.verify_shards import ShardChecks
from midiprism.integrity.verify_tracks import check_tracks
from midiprism.metrics.progress_reporter import ProgressReporter
from midiprism.results.lock import lock_for_reading
from midiprism.results.orphans import classify_entries, track_label
from midiprism.results.result_dir import catalog_address, open_catalog_of, require_result
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.stores import TrackStore

_ORPHAN_MESSAGES = {
    "orphan": "The catalog does not know it.",
    "temporary": "An interrupted run left it behind.",
    "unreadable": "It cannot be read.",
}


def verify_result(
    out: str,
    scope: VerifyScope,
    *,
    since: str | None = None,
    database: PostgresAddress | None = None,
    stop: Callable[[], bool] = lambda: False,
    listener: VerifyListener | None = None,
    file_system: FileSystem = LOCAL_FILE_SYSTEM,
) -> DamageReport:
    """Check the result in ``out``, and write nothing.

    Args:
        scope: which part of it.
        since: only what runs recorded that started at this time (UTC, ISO 8601) or later.
        database: where the catalog is; None for a file in the result.
        stop: once it returns True, the check ends as soon as possible.
        listener: called with the progress.
        file_system: that holds the tracks.

    Raises:
        UsageError: ``out`` is no result, or its catalog is elsewhere.
        StoreError: a run is writing to it.
        CatalogError: the catalog cannot be used, for another reason than damage.
    """
    require_result(out)
    identity = require_identity(out)
    store = open_result_store(out, identity, file_system=file_system)
    with lock_for_reading(out), closing(store):
        verifier = Verifier(store, catalog_address(out, database), DamageReport(out, scope), stop, listener)
        if verifier.check_catalog_file():
            with open_catalog_of(out, database) as catalog:
                verifier.verify(catalog, since)
        return verifier.finish()


class Verifier:
    """Checks one result.

    Args:
        store: of the result.
        address: of its catalog.
        report: gets what is found; it says which part of the result to check.
        stop: once it returns True, the check ends as soon as possible.
        listener: called with the progress.

    Attributes:
        report: what was found.
        shard_checks: the checks of shards, with what is to be rewritten; None without shards.
    """

    def __init__(
        self,
        store: TrackStore,
        address: Address,
        report: DamageReport,
        stop: Callable[[], bool],
        listener: VerifyListener | None = None,
    ) -> None:
        self.report = report
        self.shard_checks: ShardChecks | None = None
        self._store = store
        self._address = address
        self._stop = stop
        self._reporter = ProgressReporter(listener)

    def check_catalog_file(self) -> bool:
        """Return whether the catalog's file is sound, and report damage. A server checks its own files."""
        self.report_progress("catalog", 0, None)
        path = self._address
        if isinstance(path, PostgresAddress):
            return True
        if not os.path.isfile(path):
            return self._add_catalog_damage("The catalog is gone.")
        try:
            message = find_damage(path, self._stop)
        except CatalogError:
            if self._stop():
                return False
            raise
        return True if message is None else self._add_catalog_damage(message)

    def verify(self, catalog: Catalog, since: str | None = None, sink: RepairSink | None = None) -> None:
        """Check everything in the scope.

        Args:
            sink: gets what can be repaired.

        Raises:
            StoreError: a run that shares the catalog is active, or was meanwhile.
        """
        newest_run = self._require_no_active_run(catalog)
        scope = self.report.scope
        if since is not None:
            scope = VerifyScope(first_run=IntegrityQueries(catalog, scope).first_run_since(since))
        queries = IntegrityQueries(catalog, scope)
        self.report.begin(scope, queries.last_run_state())
        context = CheckContext(
            self._store, catalog, queries, self.report, sink, self._stop, self.report_progress
        )
        try:
            with queries.interruptible(self._stop):
                self._check(context)
        except CatalogError as error:
            if is_damage(error):
                self._add_catalog_damage(str(error))
            elif not self._stop():
                raise
        else:
            if self._require_no_active_run(catalog) != newest_run and not self._stop():
                raise StoreError(
                    f"A run on {self.report.out} began and ended meanwhile, so what was found does not "
                    "count: check again."
                )

    def finish(self) -> DamageReport:
        """Return what was found."""
        self.report.finish(self._reporter.seconds, stopped=self._stop())
        return self.report

    def report_progress(self, stage: VerifyStage, seen: int, total: int | None) -> None:
        """Report the progress, unless that was done just now."""
        self._reporter.report(
            lambda seconds: VerifyProgress(stage, seen, total, self.report.damage_count, seconds)
        )

    def _check(self, context: CheckContext) -> None:
        shards = self._store.shards
        if shards is None:
            check_tracks(context)
        else:
            self.shard_checks = ShardChecks(context, shards)
            self.shard_checks.check_tracks()
        _check_orphans(context)
        _check_songs(context)
        _check_unlinked(context)
        if self.shard_checks is not None:
            self.shard_checks.check_derived()

    def _require_no_active_run(self, catalog: Catalog) -> int | None:
        """Return the newest run; raise StoreError while a run is active.

        A run stores its tracks before it commits their rows, so a check would report them as orphans.
        """
        active = catalog.active_runs()
        if active:
            raise StoreError(f"Run {active[0]} on {self.report.out} is active: wait until it has ended.")
        return catalog.newest_run()

    def _add_catalog_damage(self, message: str) -> bool:
        self.report.add(Damage("catalog", b"catalog.sqlite", message))
        return False


def _check_orphans(context: CheckContext) -> None:
    """Check that the catalog knows everything in the store."""
    report = context.report
    if report.scope.first_run is not None:
        return
    report.begin_files()
    for entry, kind in classify_entries(context.store, context.catalog, report.scope, context.stop):
        report.count(files=1)
        if kind is not None:
            report.add(Damage(kind, path_bytes(entry.path), _ORPHAN_MESSAGES[kind]))
        context.report_progress("files", report.files or 0, None)


def _check_songs(context: CheckContext) -> None:
    """Check that every song has its links, and every link and path its song."""
    report, queries, sink = context.report, context.queries, context.sink
    total = queries.count_songs()
    for first_id, last_id in queries.song_id_ranges():
        if context.stop():
            return
        songs, links, songs_without_path = queries.count_links(first_id, last_id)
        report.count(songs=songs)
        report.count(links=links)
        report.count(songs_without_path=songs_without_path)
        broken_songs = queries.broken_songs(first_id, last_id)
        for song in broken_songs:
            report.add(_broken_song_damage(song))
        if sink:
            sink.add_damaged_songs(song.id for song in broken_songs)
        if report.scope.first_run is None:
            _check_lost_songs(context, first_id, last_id)
        context.report_progress("songs", report.songs, total)


def _check_lost_songs(context: CheckContext, first_id: int, last_id: int) -> None:
    lost_paths = context.queries.lost_paths(first_id, last_id)
    for path in lost_paths:
        context.report.add(Damage("lost_path", path.path, "The catalog has lost this song."))
    if context.sink:
        context.sink.add_lost_paths(path.path for path in lost_paths)
    for song_id, count in context.queries.lost_songs(first_id, last_id):
        message = f"The catalog has lost this song, and {count:,} of its links are left."
        context.report.add(Damage("lost_links", f"song {song_id}".encode(), message))


def _check_unlinked(context: CheckContext) -> None:
    """Check that every track has a song; not in a sample, since that means looking at all links."""
    if context.report.scope.is_sample:
        return
    for page in context.queries.unlinked_tracks():
        for track in page:
            context.report.add(Damage("unlinked", track_label(context.store, track), "No song links to it."))


def _broken_song_damage(song: BrokenSong) -> Damage:
    name = song.path if song.path is not None else f"song {song.id}".encode()
    message = f"It has {song.links_found:,} of {song.link_count:,} links to tracks"
    if song.dangling_links:
        message += f", and {song.dangling_links:,} lead to no track"
    elif song.links_found == song.link_count:
        message = f"Its links to tracks do not fit its outcome, {song.outcome}, or their order"
    return Damage("links", name, message + ".")
