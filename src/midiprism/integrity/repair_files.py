"""How a result is mended, step by step.

Nothing is believed that was not checked: a song is one whose bytes have the digest of its row, a file is
restored from the split that has the digest of its track. Nothing outside ``OUT`` is ever written.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from blake3 import blake3

from midiprism.catalog import (
    BatchRecord,
    Catalog,
    IntegrityQueries,
    RepairQueue,
    ShardSink,
    SongPath,
    TrackFile,
)
from midiprism.errors import CorruptMidiError, MidiprismError, StoreError
from midiprism.integrity.damage_report import MAX_EXAMPLES, RepairReport
from midiprism.integrity.repair_batch import SONGS_PER_BATCH, MemorySource, RepairBatch
from midiprism.integrity.verify import Verifier, damage_kind, find_orphans, track_file_path
from midiprism.pipeline.settings import DEFAULT_LIMITS, RerunPolicy
from midiprism.pipeline.splitter import Splitter
from midiprism.pipeline.summary import Summary
from midiprism.pipeline.worker_config import KnownSongLookup, WorkerConfig
from midiprism.results.identity import Identity
from midiprism.smf.types import SplitTrack
from midiprism.sources import PathReader, SongContent, SongRef, UnreadableError
from midiprism.stores import FileStore, MemoryStore, StoredTrack, TrackScanner, track_path
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_stem

MAX_SONGS_NAMED = 3
BRING_BACK_HINT = "bring it back, run `midiprism split` on its folder, and repair again"


class Repairer:
    """Mends what a check found.

    Args:
        out: the folder of the result, which is held; for writing, unless in a dry run.
        identity: what its splits were made with.
        repair: what was done is told there.
        check: the check that was made.
        catalog: its catalogue, open for writing, unless in a dry run.
        mending: what can be mended.
        split: bytes of a song to its splits.
        stop: once true, what is in hand is finished.
    """

    def __init__(
        self,
        out: str,
        identity: Identity,
        report: RepairReport,
        verifier: Verifier,
        catalog: Catalog,
        repair_queue: RepairQueue,
        splitter: Splitter,
        stop: Callable[[], bool],
    ) -> None:
        self._identity = identity
        self._report = report
        self._verifier = verifier
        self._catalog = catalog
        self._audit = IntegrityQueries(catalog, verifier.damage_report.scope)
        self._repair_queue = repair_queue
        self._splitter = splitter
        self._stop = stop
        self._writes = not report.dry_run
        self._store: FileStore | MemoryStore = self._open_store(out)
        self._scanner = TrackScanner(out)
        self._path_reader = PathReader()
        self._summary = Summary(catalog.path, report.dry_run, identity.by, identity.context)
        self._expected_numbers: set[str] = set()  # of a dry run: numbers of tracks that would come to be
        self._has_missing_songs = False
        self._processed = 0
        self._total = sum(repair_queue.remaining())

    def run_steps(self) -> None:
        """Mend everything, in an order in which nothing is lost that a later step needs."""
        try:
            for step in self._steps():
                if self._stop():
                    break
                step()
            self._summary.state = "interrupted" if self._stop() else "done"
        except BaseException:
            self._summary.state = "stopped"
            raise
        finally:
            if self._report.run_id is not None:
                with contextlib.suppress(MidiprismError):  # a full disk: the run will be found cut off
                    self._catalog.end_run(
                        self._report.run_id, self._summary.state, self._summary.totals(), _now()
                    )

    def _open_store(self, out: str) -> "FileStore | MemoryStore":
        """Where splits go."""
        return _ReplacingFileStore(out)

    def _steps(self) -> Sequence[Callable[[], None]]:
        return (
            self._restore_files,
            self._resplit_damaged_songs,
            self._resplit_lost_songs,
            self._drop_lost_links,
            self._report_lost_files,
            self._remove_unlinked,
            self._remove_orphans,
        )

    def _restore_files(self) -> None:
        """Files come back from the first of their songs that is there as it was."""
        for number in self._repair_queue.songs_with_damaged_tracks():
            if self._stop():
                break
            self._report_progress()
            song = self._read_song(number)
            if song is None:
                continue
            wanted = {track.digest: track for track in self._repair_queue.damaged_tracks_of(number)}
            mended = []
            for split in self._split_content(song[1]):
                track = wanted.pop(blake3(split.data).digest(), None)
                if track is not None:
                    self._restore_track(track, split)
                    mended.append(track.id)
            if wanted:  # it has no such split: its links are wrong
                self._repair_queue.add_damaged_songs([number])
                if not self._writes:  # they would lose their links, and their rows with them
                    self._repair_queue.remove_repaired_tracks(track.id for track in wanted.values())
            self._report.files += len(mended)
            self._repair_queue.remove_repaired_tracks(mended)
        if self._writes and self._report.files:
            self._flush()

    def _flush(self) -> None:
        """What was restored is durable from here on."""
        self._store.flush()

    def _restore_track(self, track: TrackFile, split: SplitTrack) -> None:
        if not self._writes:
            return
        stored = self._store.put(split.data, track.digest, split.name, split.own_instrument, split.own_family)
        now = track._replace(
            size=len(split.data), family=split.own_family, stem=stored.stem, digest_digits=stored.digits
        )
        if now != track:
            self._repair_queue.correct_row(now)

    def _resplit_damaged_songs(self) -> None:
        """Songs whose links are not what they should be are split again."""
        batch = RepairBatch()
        for number in self._repair_queue.damaged_songs():
            if self._stop():
                return
            self._report_progress()
            song = self._read_song(number)
            if song is None:
                paths = self._audit.paths_of(number)
                name = paths[0].path if paths else f"song {number}".encode()
                self._has_missing_songs = True
                self._report.add_unrepaired(
                    "links", name, f"No file with the bytes of this song was found: {BRING_BACK_HINT}."
                )
            elif batch.add(*song):
                self._commit_batch(batch)
        self._commit_batch(batch)

    def _resplit_lost_songs(self) -> None:
        """Paths whose songs the catalogue has lost are split as if they were new."""
        batch = RepairBatch()
        for path in self._repair_queue.lost_paths():
            if self._stop():
                return
            self._report_progress()
            try:
                content = self._path_reader.read(path.path, DEFAULT_LIMITS.input_bytes)
            except UnreadableError as error:
                self._has_missing_songs = True
                self._report.add_unrepaired(
                    "lost_path", path.path, f"{error} To mend its links, {BRING_BACK_HINT}."
                )
                continue
            if batch.add(path, content):
                self._commit_batch(batch)
        self._commit_batch(batch)

    def _commit_batch(self, batch: RepairBatch) -> None:
        """Split what is in hand as a run does, and record it in place of what was known."""
        if not batch.songs:
            return
        self._report.songs += len(batch.songs)
        if not self._writes:
            for _, content in batch.songs:
                self._simulate_resplit(content)
            batch.clear()
            return
        run_id = self._begin_run()
        contents = {path.path: content for path, content in batch.songs}
        duty = WorkerConfig(
            MemorySource(contents),
            self._store,
            self._splitter,
            DEFAULT_LIMITS.input_bytes,
            KnownSongLookup(self._catalog.address, RerunPolicy(redo=True), run_id),
            replaces=True,
        )
        record = duty.make_worker(self._catalog).process_batch(
            tuple(
                SongRef(path.path, path.root_length, content.size, content.mtime_ns)
                for path, content in batch.songs
            )
        )
        self._store.flush()
        self._catalog.update_run(run_id, self._summary.totals(), _now())
        for committed in self._catalog.commit(run_id, [record], _now(), self._shard_sink(record)):
            self._summary.add_commit(record, committed)
        batch.clear()

    def _begin_run(self) -> int:
        """The run that mends; it is recorded once there is something to record with it."""
        if self._report.run_id is None:
            self._repair_queue.reserve_lost_ids()
            self._report.run_id = self._summary.run_id = self._catalog.begin_run(self._run_settings(), _now())
        return self._report.run_id

    def _shard_sink(self, record: BatchRecord) -> ShardSink | None:  # noqa: ARG002
        """Who writes the tracks of a commit; None where they were put."""
        return None

    def _simulate_resplit(self, content: SongContent) -> None:
        """What splitting a song again would mend."""
        for split in self._split_content(content):
            digest = blake3(split.data).digest()
            number = digest.hex()
            known = [track.id for track in self._audit.tracks_by_digest_prefix([number])[number]]
            self._report.files += self._repair_queue.remove_repaired_tracks(known)
            if not known:
                self._expected_numbers.add(number[:SHORT_DIGEST_DIGITS])

    def _drop_lost_links(self) -> None:
        """Links of a song of which neither row nor path is left lead nowhere."""
        if self._verifier.damage_report.counts.get("lost_links"):
            count = (
                self._repair_queue.delete_lost_links()
                if self._writes
                else self._verifier.damage_report.counts["lost_links"]
            )
            self._report.lost_links = count

    def _report_lost_files(self) -> None:
        """Which files are damaged still, of tracks that a song has."""
        self._repair_queue.remove_unlinked_tracks()
        for page in self._repair_queue.damaged_tracks():
            if self._stop():
                return
            left = [
                track for track in page if damage_kind(track, self._scanner.status_of(track_file_path(track)))
            ]
            self._report.files += len(page) - len(left)
            shown = left[: max(0, MAX_EXAMPLES - len(self._report.unrepaired))]
            songs = self._audit.song_paths_of([track.id for track in shown])
            for track in left:
                names = [os.fsdecode(song) for song in songs.get(track.id, ())[:MAX_SONGS_NAMED]]
                of = f" of {' or '.join(names)}" if names else ""
                message = f"No file with the bytes of its song{of} was found: {BRING_BACK_HINT}."
                self._report.add_unrepaired("missing", os.fsencode(track_file_path(track)), message)

    def _remove_unlinked(self) -> None:
        """Tracks that no song has: first the row, then the file."""
        found = self._verifier.damage_report.counts.get("unlinked", 0)
        if self._has_missing_songs:
            for damage in self._verifier.damage_report.examples.get("unlinked", ()):
                self._report.add_unrepaired("unlinked", damage.name, KEPT_MESSAGE)
            self._report.unrepaired_count += max(0, found - MAX_EXAMPLES)
        elif not self._writes:
            self._report.unlinked = found
        elif found or self._report.songs or self._report.lost_links:
            self._report.unlinked += self._delete_unlinked()

    def _delete_unlinked(self) -> int:
        places = self._catalog.delete_unlinked_tracks(self._report.run_id)
        for place in places:
            # What cannot be removed is found among the strays, and told of there.
            with contextlib.suppress(StoreError):
                self._scanner.remove_file(track_path(*place))
        return len(places)

    def _remove_orphans(self) -> None:
        """Files that no track speaks of, and temporary ones."""
        if self._verifier.damage_report.files is None:
            return
        scope = self._verifier.damage_report.scope
        for entry, kind in find_orphans(self._scanner, self._audit, scope, self._stop):
            name = os.fsencode(entry.path)
            if kind == "unreadable":
                self._report.add_unrepaired(kind, name, "The folder cannot be read: see to its permissions.")
            elif kind == "orphan" and not self._is_expected(entry.digest_prefix):
                if self._has_missing_songs:
                    self._report.add_unrepaired(kind, name, KEPT_MESSAGE)
                elif self._try_remove(kind, entry.path):
                    self._report.orphans += 1
            elif kind == "temporary" and self._try_remove(kind, entry.path):
                self._report.temporaries += 1

    def _try_remove(self, kind: str, path: str) -> bool:
        try:
            if self._writes:
                self._scanner.remove_file(path)
        except StoreError as error:
            self._report.add_unrepaired(kind, os.fsencode(path), str(error))
            return False
        return True

    def _is_expected(self, number: str) -> bool:
        return number[:SHORT_DIGEST_DIGITS] in self._expected_numbers

    def _read_song(self, song_id: int) -> tuple[SongPath, SongContent] | None:
        """A path of a song, and its content, where it is what was split."""
        digest = self._audit.song_digest(song_id)
        for path in self._audit.paths_of(song_id) if digest is not None else ():
            with contextlib.suppress(UnreadableError):  # another path may do; what is left in the end is told
                content = self._path_reader.read(path.path, DEFAULT_LIMITS.input_bytes)
                if content.digest == digest and content.data is not None:
                    return path, content
        return None

    def _split_content(self, content: SongContent) -> Sequence[SplitTrack]:
        if content.data is None:
            return ()
        try:
            return self._splitter(content.data).tracks
        except CorruptMidiError:
            return ()
        except MidiprismError:
            raise
        except Exception:  # noqa: BLE001 - a bug in the splitter costs this song, and its files are told of
            return ()

    def _run_settings(self) -> dict[str, object]:
        return {
            **self._identity.as_dict(),
            "sources": [],
            "workers": 0,
            "batch_size": SONGS_PER_BATCH,
            "in_flight": None,
            "redo": True,
            "retry_failed": False,
            "repair": True,
        }

    def _report_progress(self) -> None:
        self._processed += 1
        self._verifier.report_progress("mending", self._processed, max(self._total, self._processed))


KEPT_MESSAGE = (
    "It is kept, since it may belong to a song that was not found: bring that back, and repair again."
)


class _ReplacingFileStore(FileStore):
    """A store that takes away what keeps a file from its place."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._scanner = TrackScanner(root)

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        try:
            return super().put(data, digest, name, instrument, family)
        except StoreError:
            path = track_path(family, track_stem(name, instrument), digest)
            state = self._scanner.status_of(path).state
            if state not in ("not_a_file", "unreadable"):
                raise
            self._scanner.remove_obstacles(path)
            return super().put(data, digest, name, instrument, family)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
