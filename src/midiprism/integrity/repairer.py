"""Repairs what a check found, step by step.

Nothing is trusted that was not checked: a track is restored only from a split that has its digest. Nothing
outside the result is ever written.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from midiprism.catalog import TrackFile
from midiprism.catalog.queries.run_history import last_setting
from midiprism.catalog.reader import reader_of
from midiprism.errors import StoreError
from midiprism.fs.path_text import path_bytes, path_text
from midiprism.integrity.damage_report import MAX_EXAMPLES
from midiprism.integrity.repair_session import BRING_BACK_HINT, KEPT_MESSAGE, RepairSession
from midiprism.integrity.repair_shards import ShardRepair
from midiprism.integrity.repair_songs import SongRepair
from midiprism.integrity.repair_tracks import TrackRepair
from midiprism.integrity.store_repair import StoreRepair
from midiprism.pipeline.executors import facts_for
from midiprism.results.orphans import RemovalGuard, classify_entries, track_label
from midiprism.results.upkeep import complete_facts, update_card
from midiprism.stores import ScannedEntry

MAX_SONGS_NAMED = 3


class Repairer:
    """Repairs one result."""

    def __init__(self, session: RepairSession) -> None:
        self._session = session
        self._store_repair = _choose_store_repair(session)
        self._songs = SongRepair(session, self._store_repair)

    def repair(self) -> None:
        """Do all steps, in an order in which nothing is lost that a later step needs."""
        session = self._session
        state: Literal["done", "interrupted", "stopped"] = "stopped"
        try:
            for step in self._steps():
                if session.stop():
                    break
                step()
            state = "interrupted" if session.stop() else "done"
        finally:
            session.end_run(state)

    def _steps(self) -> Sequence[Callable[[], None]]:
        return (
            self._songs.restore_tracks,
            self._songs.split_damaged_songs,
            self._songs.split_lost_songs,
            self._delete_lost_links,
            self._restore_tracks_of_repaired_songs,
            self._report_lost_tracks,
            self._delete_unlinked,
            self._complete_facts,
            self._store_repair.update_derived,
            self._remove_orphans,
            self._update_card,
        )

    def _restore_tracks_of_repaired_songs(self) -> None:
        if self._session.report.songs:
            self._songs.restore_tracks()

    def _delete_lost_links(self) -> None:
        """Delete links of songs of which neither a row nor a path is left."""
        session = self._session
        count = session.damage_report.counts.get("lost_links", 0)
        if count:
            deleted = session.queue.delete_lost_links() if session.writes else count
            session.report.count(lost_links=deleted)

    def _report_lost_tracks(self) -> None:
        """Rewrite what is damaged in part, and report the tracks with a song that are still damaged."""
        session = self._session
        session.queue.remove_unlinked_tracks()
        self._store_repair.rewrite_damaged()
        for page in session.queue.damaged_tracks():
            if session.stop():
                return
            damaged = self._store_repair.still_damaged(page)
            session.report.count(files=len(page) - len(damaged))
            self._report_lost(damaged)

    def _report_lost(self, tracks: Sequence[TrackFile]) -> None:
        session = self._session
        named = tracks[: max(0, MAX_EXAMPLES - len(session.report.unrepaired))]
        songs = session.queries.song_paths_of([track.id for track in named])
        for track in tracks:
            names = [path_text(song) for song in songs.get(track.id, ())[:MAX_SONGS_NAMED]]
            of_songs = f" of {' or '.join(names)}" if names else ""
            message = f"No file with the bytes of its song{of_songs} was found: {BRING_BACK_HINT}."
            label = track_label(session.store, track)
            session.report.add_unrepaired(self._store_repair.lost_kind, label, message)

    def _update_card(self) -> None:
        session = self._session
        if session.report.run_id is not None:
            update_card(session.damage_report.out, session.identity, session.catalog, session.report.run_id)

    def _delete_unlinked(self) -> None:
        """Delete tracks that no song links to: first the row, then the file."""
        session, report = self._session, self._session.report
        found = session.damage_report.counts.get("unlinked", 0)
        if session.has_missing_songs:
            for damage in session.damage_report.examples.get("unlinked", ()):
                report.add_unrepaired("unlinked", damage.name, KEPT_MESSAGE)
            report.count(unrepaired_count=max(0, found - MAX_EXAMPLES))
        elif not session.writes:
            report.count(unlinked=found)
        elif found or report.songs or report.lost_links:
            report.count(unlinked=self._store_repair.delete_unlinked())

    def _complete_facts(self) -> None:
        """Compute the facts of what was restored, if the runs of the result compute facts."""
        session = self._session
        if session.writes and session.report.run_id is not None:
            with reader_of(session.catalog) as reader:
                computes_facts = last_setting(reader, "facts")
            if computes_facts:
                with facts_for() as compute_facts:
                    complete_facts(session.catalog, session.store, session.report.run_id, compute_facts)

    def _remove_orphans(self) -> None:
        """Remove files that the catalog does not know, and temporary ones."""
        session, report = self._session, self._session.report
        if session.damage_report.files is None:
            return
        scope = session.damage_report.scope
        guard = RemovalGuard(session.store, session.catalog, None if session.writes else self._would_be_whole)
        for entry, kind in classify_entries(session.store, session.catalog, scope, session.stop):
            name = path_bytes(entry.path)
            if kind == "unreadable":
                report.add_unrepaired(kind, name, "The folder cannot be read: see to its permissions.")
            elif kind == "orphan" and not self._songs.would_write(entry.digest_prefix):
                if session.has_missing_songs:
                    report.add_unrepaired(kind, name, KEPT_MESSAGE)
                elif self._try_delete(kind, entry, guard):
                    report.count(orphans=1)
            elif kind == "temporary" and self._try_delete(kind, entry, guard):
                report.count(temporaries=1)

    def _would_be_whole(self, track: TrackFile) -> bool:
        """Return whether a repair would leave a track whole; for a dry run."""
        return not self._session.queue.is_damaged(track.id)

    def _try_delete(self, kind: str, entry: ScannedEntry, guard: RemovalGuard) -> bool:
        """Delete an entry of the store, unless in a dry run; report one that is kept, and return False."""
        reason = guard.reason_to_keep(entry)
        try:
            if reason is None and self._session.writes:
                self._session.store.delete(entry.path)
        except StoreError as error:
            reason = str(error)
        if reason is not None:
            self._session.report.add_unrepaired(kind, path_bytes(entry.path), reason)
        return reason is None


def _choose_store_repair(session: RepairSession) -> StoreRepair:
    shards, checks = session.store.shards, session.verifier.shard_checks
    if shards is None or checks is None:
        return TrackRepair(session)
    return ShardRepair(session, shards, checks)
