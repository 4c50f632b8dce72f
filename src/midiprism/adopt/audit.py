"""An audit of the tracks that another program split.

Each song is split again, and each track of the other program is compared with what it is: a track of the
song, or a part of one, such as a channel.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from itertools import chain

from blake3 import blake3

from midiprism.adopt.audit_report import AuditFinding, AuditProgress, AuditReport, FindingKind
from midiprism.adopt.db.foreign_reader import ForeignFile, ForeignLibrary, ForeignLink
from midiprism.adopt.note_timing import TOLERANCE_SECONDS, TimedNotes, extract_timed_notes, max_time_shift
from midiprism.adopt.track_matching import ExpectedTrack, ForeignTrack, TrackMatcher
from midiprism.catalog import PostgresAddress
from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.metrics.progress_reporter import ProgressReporter
from midiprism.pipeline.compile_splitter import CompileListener, compile_splitter
from midiprism.pipeline.settings import DEFAULT_LIMITS
from midiprism.pipeline.splitter import LazySplitter
from midiprism.results.identity import Identity
from midiprism.smf.types import By
from midiprism.sources.folder import read_file
from midiprism.sources.path_map import PathMap
from midiprism.sources.source import SongContent, UnreadableError

SONGS_PER_QUERY = 100
"""Songs whose rows are read from the database at once."""
_DIVISIONS: tuple[By, ...] = ("channel", "program", "drum")
"""The ways to divide a track into parts."""
_HASH_RANGE = 1 << 64
_HASH_MISMATCH = "The BLAKE3 of its bytes is not its content_hash."


def audit_library(
    address: PostgresAddress,
    path_map: PathMap,
    *,
    sample_share: float = 1.0,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    on_compile: CompileListener = lambda _seconds: None,
    listener: Callable[[AuditProgress], None] | None = None,
) -> AuditReport:
    """Compare the tracks of a library with their songs. Nothing is written.

    Args:
        address: of the library's database.
        path_map: maps the library's recorded paths to local ones.
        sample_share: share of the songs with links that is audited.
        seed: selects the sample; the same seed selects the same songs.
        stop: once true, the audit ends after the current song.
        on_compile: called while the splitter is being compiled, with the seconds so far; first with 0.
        listener: called with the progress, at most ten times a second.

    Raises:
        ForeignTablesError: the database holds no such library.
        CatalogError: the database cannot be read.
        MidiprismError: the splitter cannot be loaded.
    """
    with ForeignLibrary(address) as library:
        library.require_tables()
        return _Auditor(library, path_map, AuditReport(sample_share, seed), stop, listener).audit(on_compile)


def is_sampled(song_id: int, sample_share: float, seed: int) -> bool:
    """Return True if a song is in the sample that a seed selects."""
    song_hash = blake3(f"{seed} {song_id}".encode()).digest(length=8)
    return int.from_bytes(song_hash, "big") < sample_share * _HASH_RANGE


class _Auditor:
    """An audit in progress."""

    def __init__(
        self,
        library: ForeignLibrary,
        path_map: PathMap,
        report: AuditReport,
        stop: Callable[[], bool],
        listener: Callable[[AuditProgress], None] | None,
    ) -> None:
        self._library = library
        self._path_map = path_map
        self._report = report
        self._stop = stop
        self._matcher = TrackMatcher()
        self._splitter = LazySplitter(Identity(by="track"), DEFAULT_LIMITS)
        self._part_splitters = [LazySplitter(Identity(by=by), DEFAULT_LIMITS) for by in _DIVISIONS]
        # In a file of several tracks, events of one track may affect the channel of another.
        self._foreign_splitter = LazySplitter(Identity(by="track", context="full"), DEFAULT_LIMITS)
        self._reporter = ProgressReporter(listener)
        self._songs_seen = 0
        self._stopped = False

    def audit(self, on_compile: CompileListener) -> AuditReport:
        report = self._report
        report.count(songs_total=self._library.count_already_split())
        if report.songs_total:
            compile_splitter(self._stop, on_compile)  # once stopped, no song is audited
        for page in self._library.already_split_ids():
            for first in range(0, len(page), SONGS_PER_QUERY):
                ids = page[first : first + SONGS_PER_QUERY]
                self._audit_songs(
                    [song_id for song_id in ids if is_sampled(song_id, report.sample_share, report.seed)]
                )
                self._songs_seen += len(ids)
                self._report_progress()
            if self._stopped:
                break
        report.finish(self._reporter.seconds, stopped=self._stopped)
        return report

    def _audit_songs(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        songs, links = self._library.songs(ids), self._library.links(ids)
        for song_id in ids:
            if self._stop():
                self._stopped = True
                return
            self._audit_song(songs.get(song_id), links.get(song_id, []))
            self._report_progress()

    def _audit_song(self, song: ForeignFile | None, links: Sequence[ForeignLink]) -> None:
        self._report.count(links=len(links))
        song_path = self._path_map.to_local(song.path) if song else b""
        data = self._read_song(song, song_path)
        expected_tracks = None if data is None else self._split_into_tracks(data, song_path)
        foreign_tracks = [self._read_foreign_track(link, song_path) for link in links]
        if data is None or expected_tracks is None:
            self._report.add_song(0, 0)
            for foreign_track in foreign_tracks:
                foreign_track.load_notes()  # adds a finding if the file is not MIDI
            return
        self._matcher.match(expected_tracks, foreign_tracks)
        divisions: list[list[ExpectedTrack]] = []
        if not _are_all_correct(expected_tracks, foreign_tracks):
            divisions = self._split_into_parts(data, expected_tracks)
            parts = dict.fromkeys(chain(expected_tracks, *divisions))
            self._matcher.match([*parts], foreign_tracks)
        for foreign_track in foreign_tracks:
            self._record_verdict(foreign_track, song_path)
        verdicts = [track.verdict for track in foreign_tracks if track.verdict is not None]
        self._report.add_song(len(verdicts), verdicts.count("wrong_time"))
        self._find_not_linked(expected_tracks, divisions, foreign_tracks, song_path)

    def _read_song(self, song: ForeignFile | None, song_path: bytes) -> bytes | None:
        """Return the bytes of a song; None if it cannot be read."""
        if song is None:
            self._add_finding("song_missing", b"", b"", None, "Its row in files is missing.")
            return None
        try:
            content = read_file(song_path, DEFAULT_LIMITS.input_bytes)
            if content.digest != song.content_hash:
                self._add_finding("song_changed", song_path, song_path, None, _HASH_MISMATCH)
            return _require_data(content)
        except UnreadableError as error:
            kind: FindingKind = "song_missing" if _is_missing(error) else "song_unreadable"
            self._add_finding(kind, song_path, song_path, None, str(error))
            return None

    def _split_into_tracks(self, data: bytes, song_path: bytes) -> list[ExpectedTrack] | None:
        """Return the tracks of a song; None if it is not MIDI."""
        try:
            tracks = self._splitter(data).tracks
        except CorruptMidiError as error:
            self._add_finding("song_unreadable", song_path, song_path, None, str(error))
            return None
        return [ExpectedTrack(track, position) for position, track in enumerate(tracks)]

    def _split_into_parts(self, data: bytes, tracks: Sequence[ExpectedTrack]) -> list[list[ExpectedTrack]]:
        """Return the parts of the tracks of a song, for each way of dividing them."""
        by_digest = {track.digest: track for track in tracks}
        divisions = []
        for splitter in self._part_splitters:
            parts = splitter(data).tracks
            for part in parts:
                if part.digest not in by_digest:
                    by_digest[part.digest] = ExpectedTrack(part, len(tracks) + len(by_digest), is_part=True)
            divisions.append([by_digest[part.digest] for part in parts])
        return divisions

    def _read_foreign_track(self, link: ForeignLink, song_path: bytes) -> ForeignTrack:
        """Read the bytes of a track of the other program, whose notes are extracted later."""
        number, file = link.track_number, link.track_file
        if file is None:
            self._add_finding("missing", b"", song_path, number, "Its row in files is missing.")
            return ForeignTrack(number, b"", b"")
        path = self._path_map.to_local(file.path)
        try:
            content = read_file(path, DEFAULT_LIMITS.input_bytes)
            if content.digest != file.content_hash:
                self._add_finding("changed", path, song_path, number, _HASH_MISMATCH)
            data = _require_data(content)
        except UnreadableError as error:
            kind: FindingKind = "missing" if _is_missing(error) else "unreadable"
            self._add_finding(kind, path, song_path, number, str(error))
            return ForeignTrack(number, path, file.content_hash)

        def extract_notes() -> TimedNotes | None:
            try:
                return extract_timed_notes(self._foreign_splitter(data).tracks)
            except CorruptMidiError as error:
                self._add_finding("unreadable", path, song_path, number, str(error))
                return None

        return ForeignTrack(number, path, content.digest, extract_notes)

    def _record_verdict(self, track: ForeignTrack, song_path: bytes) -> None:
        if track.verdict is None:
            return
        if track.verdict == "correct":
            self._report.count(tracks_correct=1)
        else:
            self._add_finding(
                track.verdict, track.path, song_path, track.track_number, _explain_verdict(track)
            )
        expected = track.matched_track
        if expected is None or track.digest == expected.digest:
            return
        notes = track.load_notes()
        if notes is None:
            return
        lost_events = (expected.timed_notes.other_events - notes.other_events).total()
        if lost_events:
            message = f"It lacks {lost_events:,} of its track's channel events that are not notes."
            self._add_finding("lost_events", track.path, song_path, track.track_number, message)

    def _find_not_linked(
        self,
        expected_tracks: Sequence[ExpectedTrack],
        divisions: Sequence[Sequence[ExpectedTrack]],
        foreign_tracks: Sequence[ForeignTrack],
        song_path: bytes,
    ) -> None:
        """Add a finding for each track that no link leads to, nor links to its parts.

        Identical tracks of a song count as one.
        """
        linked = _linked_digests(foreign_tracks)
        first_by_digest = {track.digest: track for track in reversed(expected_tracks)}
        for digest, track in reversed(first_by_digest.items()):
            parts = [] if digest in linked else _linked_division(track, divisions, linked)
            self._report.count(tracks_expected=len(parts) or 1)
            missing = [part for part in parts or [track] if part.digest not in linked]
            for each in missing:
                what = "a part of track" if each.is_part else "track"
                message = f"No link of its song leads to {what} {track.track_number}, counted from 0."
                self._add_finding("not_linked", song_path, song_path, track.track_number, message)

    def _add_finding(
        self, kind: FindingKind, path: bytes, song_path: bytes, track_number: int | None, message: str
    ) -> None:
        self._report.add(AuditFinding(kind, path, song_path, track_number, message))

    def _report_progress(self) -> None:
        report = self._report
        self._reporter.report(
            lambda seconds: AuditProgress(
                self._songs_seen,
                report.songs_total,
                report.tracks_compared,
                report.counts.get("wrong_time", 0),
                seconds,
            )
        )


def _linked_digests(foreign_tracks: Iterable[ForeignTrack]) -> set[bytes]:
    """Return the digests of the tracks that links lead to."""
    return {track.matched_track.digest for track in foreign_tracks if track.matched_track is not None}


def _are_all_correct(
    expected_tracks: Iterable[ExpectedTrack], foreign_tracks: Sequence[ForeignTrack]
) -> bool:
    """Return whether every link leads to a track of the song, and every track has a link."""
    linked = _linked_digests(foreign_tracks)
    return all(track.verdict in ("correct", None) for track in foreign_tracks) and all(
        track.digest in linked for track in expected_tracks
    )


def _linked_division(
    track: ExpectedTrack, divisions: Iterable[Sequence[ExpectedTrack]], linked: Set[bytes]
) -> list[ExpectedTrack]:
    """Return the parts of a track by the division of which the largest share has links; empty for none."""
    best: list[ExpectedTrack] = []
    best_share = 0.0
    for division in divisions:
        parts = [part for part in division if part.track_number == track.track_number]
        share = sum(part.digest in linked for part in parts) / max(1, len(parts))
        if share > best_share:
            best, best_share = parts, share
    return best


def _require_data(content: SongContent) -> bytes:
    if content.data is None:
        raise UnreadableError("song_size", f"It has {content.size:,} bytes, more than midiprism splits.")
    return content.data


def _is_missing(error: MidiprismError) -> bool:
    return isinstance(error, UnreadableError) and error.code == "vanished"


def _explain_verdict(track: ForeignTrack) -> str:
    """Return a sentence that says why a track is not correct."""
    actual = track.load_notes()
    assert actual is not None
    if track.matched_track is None:
        return f"It has {_format_notes(len(actual.notes))}, and no track of its song has any of them."
    expected = track.matched_track.timed_notes
    if track.verdict == "wrong_time":
        shift = max_time_shift(expected, actual)
        if abs(shift.onset) > TOLERANCE_SECONDS:
            return f"Its notes begin up to {abs(shift.onset):.3f} s too {_late_or_early(shift.onset)}."
        return f"Its notes end up to {abs(shift.end):.3f} s too {_late_or_early(shift.end)}."
    lost = (expected.note_counts - actual.note_counts).total()
    added = (actual.note_counts - expected.note_counts).total()
    if not lost:
        return f"It has {_format_notes(added)} that its track does not have."
    rest = f", and has {added:,} that its track does not have" if added else ""
    return f"It lacks {lost:,} of its track's {_format_notes(len(expected.notes))}{rest}."


def _late_or_early(seconds: float) -> str:
    return "late" if seconds > 0 else "early"


def _format_notes(count: int) -> str:
    return "1 note" if count == 1 else f"{count:,} notes"
