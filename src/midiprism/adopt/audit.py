"""Comparing the splits that another program made with the songs they were made from.

Each song is split anew, and each of its splits is heard beside the track that it was made from.
"""

import time
from collections.abc import Callable, Sequence

from blake3 import blake3

from midiprism.adopt.audit_report import AuditFinding, AuditProgress, AuditReport
from midiprism.adopt.db.foreign_reader import ForeignFile, ForeignLibrary, ForeignLink
from midiprism.adopt.note_timing import TOLERANCE_SECONDS, TimedNotes, extract_timed_notes, max_time_shifts
from midiprism.adopt.track_matching import ExpectedTrack, ForeignTrack, TrackMatcher
from midiprism.catalog import PostgresAddress
from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.pipeline.settings import DEFAULT_LIMITS
from midiprism.pipeline.splitter import LazySplitter
from midiprism.results.identity import Identity
from midiprism.sources.path_map import PathMap
from midiprism.sources.read_file import read_file
from midiprism.sources.source import SongContent, UnreadableError

_SONGS_PER_QUERY = 100
"""Songs that the database is asked of at once."""
_REPORT_SECONDS = 0.1
_HASH_RANGE = 1 << 64


def audit_library(
    address: PostgresAddress,
    path_map: PathMap,
    *,
    sample_share: float = 1.0,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    on_compile: Callable[[], None] = lambda: None,
    listener: Callable[[AuditProgress], None] | None = None,
) -> AuditReport:
    """Compare the splits of a library with their songs; only reads.

    Args:
        address: of its database.
        paths: where its files are.
        share: of the songs with splits that are looked at.
        seed: which ones; the same number gives the same ones.
        stop: once true, the audit ends after the song in hand.
        compiling: called when it has to wait for the splitter to be compiled.
        listener: is told how far it is.

    Raises:
        CatalogError: the database cannot be read, or holds no such library.
        MidiprismError: the splitter cannot be loaded.
    """
    with ForeignLibrary(address) as library:
        library.require_tables()
        return _Auditor(library, path_map, AuditReport(sample_share, seed), stop, listener).audit(on_compile)


def is_sampled(song_id: int, sample_share: float, seed: int) -> bool:
    """Whether a song is in the sample that a number gives."""
    mark = blake3(f"{seed} {song_id}".encode()).digest(length=8)
    return int.from_bytes(mark, "big") < sample_share * _HASH_RANGE


class _Auditor:
    """An audit under way."""

    def __init__(
        self,
        library: ForeignLibrary,
        path_map: PathMap,
        audit_report: AuditReport,
        stop: Callable[[], bool],
        listener: Callable[[AuditProgress], None] | None,
    ) -> None:
        self._library = library
        self._path_map = path_map
        self._audit_report = audit_report
        self._stop = stop
        self._listener = listener
        self._matcher = TrackMatcher()
        self._splitter = LazySplitter(Identity(by="track"), DEFAULT_LIMITS)
        # Where a file of theirs has several tracks, what one says of another's channel belongs to it.
        self._foreign_splitter = LazySplitter(Identity(by="track", context="full"), DEFAULT_LIMITS)
        self._started = time.perf_counter()
        self._last_report_seconds = -_REPORT_SECONDS
        self._songs_seen = 0

    def audit(self, on_compile: Callable[[], None]) -> AuditReport:
        found = self._audit_report
        found.songs_total = self._library.count_already_split()
        if found.songs_total and not self._splitter.is_compiled():
            on_compile()
        for page in self._library.already_split_ids():
            for first in range(0, len(page), _SONGS_PER_QUERY):
                ids = page[first : first + _SONGS_PER_QUERY]
                self._audit_songs(
                    [number for number in ids if is_sampled(number, found.sample_share, found.seed)]
                )
                self._songs_seen += len(ids)
                self._report_progress()
            if found.stopped:
                break
        found.seconds = time.perf_counter() - self._started
        return found

    def _audit_songs(self, ids: Sequence[int]) -> None:
        """Look at a few songs."""
        if not ids:
            return
        songs, links = self._library.songs(ids), self._library.links(ids)
        for number in ids:
            if self._stop():
                self._audit_report.stopped = True
                return
            self._audit_song(songs.get(number), links.get(number, []))
            self._report_progress()

    def _audit_song(self, song: ForeignFile | None, links: Sequence[ForeignLink]) -> None:
        """Look at a song and its splits."""
        found = self._audit_report
        found.links += len(links)
        song_path = self._path_map.to_local(song.path) if song else b""
        parts = self._read_expected_tracks(song, song_path)
        splits = [self._read_foreign_track(link, song_path) for link in links]
        if parts is None:
            found.add_song(0, 0)
            for split in splits:
                split.timed_notes  # noqa: B018 - what is wrong with the file alone is told
            return
        self._matcher.match(parts, splits)
        for split in splits:
            self._record_verdict(split, song_path)
        wrong = sum(split.verdict == "wrong_time" for split in splits)
        found.add_song(sum(split.verdict is not None for split in splits), wrong)
        self._find_never_linked(parts, splits, song_path)

    def _read_expected_tracks(self, song: ForeignFile | None, song_path: bytes) -> list[ExpectedTrack] | None:
        """The tracks of a song; None where they cannot be had."""
        if song is None:
            self._add_finding("song_missing", b"", b"", None, "Its row in files is gone.")
            return None
        try:
            content = read_file(song_path, DEFAULT_LIMITS.input_bytes)
            if content.digest != song.content_hash:
                self._add_finding("song_changed", song_path, song_path, None, _HASH_MISMATCH)
            tracks = self._splitter(_require_data(content)).tracks
        except (UnreadableError, CorruptMidiError) as error:
            self._add_finding(f"song_{_finding_kind(error)}", song_path, song_path, None, str(error))
            return None
        return [ExpectedTrack(track, place) for place, track in enumerate(tracks)]

    def _read_foreign_track(self, link: ForeignLink, song_path: bytes) -> ForeignTrack:
        """A split of theirs, read but not heard yet."""
        number, file = link.track_number, link.track_file
        if file is None:
            self._add_finding("missing", b"", song_path, number, "Its row in files is gone.")
            return ForeignTrack(number, b"", b"")
        path = self._path_map.to_local(file.path)
        try:
            content = read_file(path, DEFAULT_LIMITS.input_bytes)
            if content.digest != file.content_hash:
                self._add_finding("other_content", path, song_path, number, _HASH_MISMATCH)
            data = _require_data(content)
        except UnreadableError as error:
            self._add_finding(_finding_kind(error), path, song_path, number, str(error))
            return ForeignTrack(number, path, file.content_hash)

        def hear() -> TimedNotes | None:
            try:
                return extract_timed_notes(self._foreign_splitter(data).tracks)
            except CorruptMidiError as error:
                self._add_finding("unreadable", path, song_path, number, str(error))
                return None

        return ForeignTrack(number, path, content.digest, hear)

    def _record_verdict(self, foreign_track: ForeignTrack, song_path: bytes) -> None:
        """Tell what became of a split."""
        if foreign_track.verdict is None:
            return
        if foreign_track.verdict == "right":
            self._audit_report.tracks_correct += 1
        else:
            self._add_finding(
                foreign_track.verdict,
                foreign_track.path,
                song_path,
                foreign_track.track_number,
                _explain(foreign_track),
            )
        if (
            foreign_track.matched_track is None
            or foreign_track.digest == foreign_track.matched_track.digest
            or foreign_track.timed_notes is None
        ):
            return
        lost = (
            foreign_track.matched_track.timed_notes.other_events - foreign_track.timed_notes.other_events
        ).total()
        if lost:
            message = f"It lacks {lost:,} of its track's channel events that are no notes."
            self._add_finding(
                "lost_events", foreign_track.path, song_path, foreign_track.track_number, message
            )

    def _find_never_linked(
        self,
        expected_tracks: Sequence[ExpectedTrack],
        foreign_tracks: Sequence[ForeignTrack],
        song_path: bytes,
    ) -> None:
        """Tell which contents none of the links leads to; identical tracks of a song are one content."""
        linked = {split.matched_track.digest for split in foreign_tracks if split.matched_track is not None}
        contents = {part.digest: part for part in reversed(expected_tracks)}
        self._audit_report.tracks_expected += len(contents)
        for digest, part in reversed(contents.items()):
            if digest not in linked:
                message = f"No link of its song leads to track {part.track_number}, counted from 0."
                self._add_finding("never_linked", song_path, song_path, part.track_number, message)

    def _add_finding(
        self, kind: str, path: bytes, song_path: bytes, track_number: int | None, message: str
    ) -> None:
        self._audit_report.add(AuditFinding(kind, path, song_path, track_number, message))

    def _report_progress(self) -> None:
        """Tell the listener, unless it was told just now."""
        seconds = time.perf_counter() - self._started
        if self._listener and seconds - self._last_report_seconds >= _REPORT_SECONDS:
            self._last_report_seconds = seconds
            found = self._audit_report
            wrong = found.counts.get("wrong_time", 0)
            self._listener(
                AuditProgress(self._songs_seen, found.songs_total, found.tracks_compared, wrong, seconds)
            )


_HASH_MISMATCH = "The BLAKE3 of its bytes is not its content_hash."


def _require_data(content: SongContent) -> bytes:
    if content.data is None:
        raise UnreadableError("limit", f"It has {content.size:,} bytes, more than midiprism splits.")
    return content.data


def _finding_kind(error: MidiprismError) -> str:
    return "missing" if isinstance(error, UnreadableError) and error.code == "vanished" else "unreadable"


def _explain(foreign_track: ForeignTrack) -> str:
    """Why a split is not right."""
    sound = foreign_track.timed_notes
    assert sound is not None
    if foreign_track.matched_track is None:
        return f"It has {_format_notes(len(sound.notes))}, and no track of its song has any of them."
    track = foreign_track.matched_track.timed_notes
    if foreign_track.verdict == "wrong_time":
        onset, end = max_time_shifts(track, sound)
        if abs(onset) > TOLERANCE_SECONDS:
            return f"Its notes begin up to {abs(onset):.3f} s too {'late' if onset > 0 else 'early'}."
        return f"Its notes end up to {abs(end):.3f} s too {'late' if end > 0 else 'early'}."
    lost, others = (
        (track.note_counts - sound.note_counts).total(),
        (sound.note_counts - track.note_counts).total(),
    )
    if not lost:
        return f"It has {_format_notes(others)} that its track has not."
    rest = f", and has {others:,} that its track has not" if others else ""
    return f"It lacks {lost:,} of its track's {_format_notes(len(track.notes))}{rest}."


def _format_notes(count: int) -> str:
    return "1 note" if count == 1 else f"{count:,} notes"
