"""Reads the songs of damaged tracks and links, and splits them again.

A file counts as a song only if its bytes have the digest of the song's row.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from blake3 import blake3

from midiprism.catalog import SongPath
from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.integrity.repair_session import BRING_BACK_HINT, SONGS_PER_BATCH, RepairSession, utc_now
from midiprism.integrity.store_repair import StoreRepair
from midiprism.pipeline.settings import WIDEST_LIMITS, RerunPolicy
from midiprism.pipeline.worker_config import KnownSongLookup, WorkerConfig
from midiprism.smf.types import SplitTrack
from midiprism.sources import Notice, PathReader, SongContent, SongRef, Source, UnreadableError
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS

_BATCH_BYTES = 64 << 20


class ReadSong(NamedTuple):
    """A song that was read."""

    path: SongPath
    content: SongContent


class SongRepair:
    """Splits songs again.

    Args:
        session: the repair.
        store_repair: writes tracks and links.
    """

    def __init__(self, session: RepairSession, store_repair: StoreRepair) -> None:
        self._session = session
        self._store_repair = store_repair
        self._path_reader = PathReader()
        self._batch = _SongBatch()
        self._expected_prefixes: set[str] = set()

    def restore_tracks(self) -> None:
        """Restore damaged tracks from the first of their songs that is there as it was."""
        session, queue = self._session, self._session.queue
        restored_count = 0
        for song_id in queue.songs_with_damaged_tracks():
            if session.stop():
                break
            session.report_song()
            song = self._read_song(song_id)
            if song is None:
                continue
            damaged = {track.digest: track for track in queue.damaged_tracks_of(song_id)}
            restored_ids = []
            for split in self._split(song.content):
                track = damaged.pop(blake3(split.data).digest(), None)
                if track is not None:
                    if session.writes:
                        self._store_repair.restore(track, split)
                    restored_ids.append(track.id)
            if damaged:  # splitting the song does not give these tracks: its links are wrong
                queue.add_damaged_songs([song_id])
                if not session.writes:  # a repair would delete those links, and then the tracks
                    queue.remove_repaired_tracks(track.id for track in damaged.values())
            restored_count += len(restored_ids)
            queue.remove_repaired_tracks(restored_ids)
        session.report.count(files=restored_count)
        if session.writes and restored_count:
            self._store_repair.flush()

    def split_damaged_songs(self) -> None:
        """Split songs again whose links are not what they should be."""
        session = self._session
        for song_id in session.queue.damaged_songs():
            if session.stop():
                return
            session.report_song()
            song = self._read_song(song_id)
            if song is None:
                paths = session.queries.paths_of(song_id)
                name = paths[0].path if paths else f"song {song_id}".encode()
                session.note_missing_song()
                message = f"No file with the bytes of this song was found: {BRING_BACK_HINT}."
                session.report.add_unrepaired("links", name, message)
            elif self._batch.add(song):
                self._commit_batch()
        self._commit_batch()

    def split_lost_songs(self) -> None:
        """Split the songs at paths whose songs the catalog has lost, as if they were new."""
        session = self._session
        for path in session.queue.lost_paths():
            if session.stop():
                return
            session.report_song()
            try:
                content = self._path_reader.read(path.path, WIDEST_LIMITS.input_bytes)
            except UnreadableError as error:
                session.note_missing_song()
                message = f"{error} To repair its links, {BRING_BACK_HINT}."
                session.report.add_unrepaired("lost_path", path.path, message)
                continue
            if self._batch.add(ReadSong(path, content)):
                self._commit_batch()
        self._commit_batch()

    def would_write(self, digest_prefix: str) -> bool:
        """Return whether a repair would write a track, given by its digest's hex digits; for a dry run."""
        return digest_prefix[:SHORT_DIGEST_DIGITS] in self._expected_prefixes

    def _commit_batch(self) -> None:
        """Split the songs that were read as a run does, and record them in place of what was known."""
        session, songs = self._session, self._batch.songs
        if not songs:
            return
        session.report.count(songs=len(songs))
        if session.writes:
            self._split_and_commit(songs)
        else:
            for song in songs:
                self._simulate_commit(song.content)
        self._batch.clear()

    def _split_and_commit(self, songs: "Sequence[ReadSong]") -> None:
        session, catalog = self._session, self._session.catalog
        run_id = session.begin_run()
        config = WorkerConfig(
            _MemorySource({song.path.path: song.content for song in songs}),
            session.store,
            session.splitter,
            WIDEST_LIMITS.input_bytes,
            KnownSongLookup(catalog.address, RerunPolicy(redo=True), run_id),
            replaces=True,
        )
        worker = config.make_worker(catalog)
        rest = tuple(
            SongRef(path.path, path.root_length, content.size, content.mtime_ns) for path, content in songs
        )
        while rest:  # songs with large tracks are recorded a few at a time
            record = worker.process_batch(rest)
            rest = rest[len(record.songs) :]
            session.store.flush()
            catalog.update_run(run_id, session.summary.totals(), utc_now())
            sink = session.store.commit_sink(run_id, [record])
            for committed in catalog.commit(run_id, [record], utc_now(), sink):
                session.summary.add_commit(committed, record.bytes_written)
                session.summary.add_failed_songs([*record.failed_songs(), *committed.refused_songs])

    def _simulate_commit(self, content: SongContent) -> None:
        """Remember which tracks splitting a song again would restore or add."""
        session = self._session
        for split in self._split(content):
            number = blake3(split.data).digest().hex()
            known_ids = [track.id for track in session.queries.tracks_by_digest_prefix([number])[number]]
            session.report.count(files=session.queue.remove_repaired_tracks(known_ids))
            if not known_ids:
                self._expected_prefixes.add(number[:SHORT_DIGEST_DIGITS])

    def _read_song(self, song_id: int) -> ReadSong | None:
        """Return a song from the first of its paths where it is as it was split; None if there is none."""
        queries = self._session.queries
        digest = queries.song_digest(song_id)
        for path in queries.paths_of(song_id) if digest is not None else ():
            with contextlib.suppress(UnreadableError):  # it may be at another path
                content = self._path_reader.read(path.path, WIDEST_LIMITS.input_bytes)
                if content.digest == digest and content.data is not None:
                    return ReadSong(path, content)
        return None

    def _split(self, content: SongContent) -> Sequence[SplitTrack]:
        if content.data is None:
            return ()
        try:
            return self._session.splitter(content.data).tracks
        except CorruptMidiError:
            return ()
        except MidiprismError:
            raise
        except Exception:  # noqa: BLE001 - a bug in the splitter costs this song; its tracks stay damaged
            return ()


class _SongBatch:
    """Songs that were read, to be split and committed together."""

    def __init__(self) -> None:
        self.songs: list[ReadSong] = []
        self._bytes = 0

    def add(self, song: ReadSong) -> bool:
        """Add a song, and return whether the batch is full."""
        self.songs.append(song)
        self._bytes += song.content.size
        return len(self.songs) >= SONGS_PER_BATCH or self._bytes >= _BATCH_BYTES

    def clear(self) -> None:
        self.songs = []
        self._bytes = 0


@dataclass(frozen=True)
class _MemorySource(Source):
    """A source of a few songs that were read already."""

    contents: dict[bytes, SongContent]

    @property
    def source_paths(self) -> Sequence[bytes]:
        return ()

    def walk(self) -> Iterator[SongRef | Notice]:
        return iter(())

    def running_count(self) -> Iterator[int]:
        return iter((len(self.contents),))

    def missing_paths(self) -> list[bytes]:
        return []

    def read(self, song_ref: SongRef, limit: int) -> SongContent:  # noqa: ARG002 - it was read already
        return self.contents[song_ref.path]
