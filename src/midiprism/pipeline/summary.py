"""The summary of a run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from midiprism.catalog import CommitResult, SongRecord
from midiprism.errors import MidiprismError
from midiprism.pipeline.missing_songs import MissingSongs
from midiprism.records.outcomes import ADOPTED, FAILED_OUTCOMES
from midiprism.results.removal_counts import RemovalCounts
from midiprism.sources import JUNK, Notice

_MAX_FAILURES_SHOWN = 100

State = Literal["running", "done", "interrupted", "stopped"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be split.

    Attributes:
        path: of the song or folder, in the file system's bytes.
        code: stable, short reason.
        message: one sentence.
    """

    path: bytes
    code: str
    message: str


@dataclass(slots=True)
class Summary:
    """The figures of a run. A song is ``done`` if it got an outcome in this run, else ``skipped``.

    So ``songs_seen == songs_done + songs_skipped``, the values of ``outcomes`` add up to ``songs_done``, and
    ``songs_failed`` and ``songs_repaired`` are among those done.

    Attributes:
        catalog: address of the catalog, absolute, without a password.
        state: ``running`` until the run ends, then ``done``, ``interrupted`` or ``stopped``.
        songs_skipped: songs known before: by path, size and time, or by content (``songs_copies`` of them).
        songs_copies: songs that were opened and whose content has an outcome; only the path is new.
            ``songs_moved`` of them are no longer at a path where they were.
        tracks: links of the songs done.
        tracks_new: tracks that the catalog did not have.
        bytes_written: bytes of the track files, or of the Parquet files, written.
        outcomes: number of songs by outcome.
        songs_with_loss: songs done of which damage has cost music.
        songs_with_other_metadata: songs of the result of which sources say different things at their paths.
        folders_failed: folders and archives that could not be read, and members of archives not taken.
        results_skipped: folders that were skipped because they hold a midiprism result.
        markers_ignored: folders that were read although they have a ``midiprism.json`` that midiprism did not
            write.
        archives_skipped: archives in archives, which are not entered.
        junk_skipped: empty files, and files and folders that macOS or Windows made, which were passed over.
        values_nulled: values that the tables of an adopted library cannot hold.
        rows_replaced: rows of its owner that were taken out.
        failures: the first failures, in order.
        notices: the first folders that were skipped, or whose marker was ignored.
        run_id: number of the run in the catalog; None if nothing was recorded.
        error: why the run stopped, if it could not go on.
        loading_seconds: part of ``seconds`` until the splitter was loaded, or compiled, and work began.
        compiling_seconds: part of ``loading_seconds`` in which the splitter was compiled.
        songs_total: number of songs in the source; None if they were not counted to the end.
        missing: the songs of each source that the scan has not seen anywhere.
        removed: what a prune has removed; None without one.
        lost_track: path of a file of tracks that the store has lost; None if a sample is there.
    """

    catalog: str
    dry_run: bool
    by: str
    context: str
    state: State = "running"
    songs_skipped: int = 0
    songs_copies: int = 0
    songs_moved: int = 0
    tracks: int = 0
    tracks_new: int = 0
    bytes_written: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    songs_with_loss: int = 0
    songs_with_other_metadata: int = 0
    folders_failed: int = 0
    results_skipped: int = 0
    markers_ignored: int = 0
    archives_skipped: int = 0
    junk_skipped: int = 0
    values_nulled: int = 0
    rows_replaced: int = 0
    failures: list[Failure] = field(default_factory=list)
    notices: list[Failure] = field(default_factory=list)
    run_id: int | None = None
    error: MidiprismError | None = None
    loading_seconds: float = 0.0
    compiling_seconds: float = 0.0
    songs_total: int | None = None
    missing: Sequence[MissingSongs] = ()
    removed: RemovalCounts | None = None
    lost_track: str | None = None
    _failed_digests: set[bytes] = field(default_factory=set, repr=False)

    @property
    def songs_done(self) -> int:
        return self.outcomes.total()

    @property
    def songs_seen(self) -> int:
        return self.songs_done + self.songs_skipped

    @property
    def songs_failed(self) -> int:
        return sum(self.outcomes[outcome] for outcome in FAILED_OUTCOMES)

    @property
    def songs_adopted(self) -> int:
        """Songs that the owner of an adopted library had split."""
        return self.outcomes[ADOPTED]

    @property
    def songs_split(self) -> int:
        """Songs that this run has split into tracks."""
        return self.outcomes["split"] + self.outcomes["repaired"]

    @property
    def songs_repaired(self) -> int:
        return self.outcomes["repaired"]

    @property
    def tracks_duplicate(self) -> int:
        return self.tracks - self.tracks_new

    @property
    def working_seconds(self) -> float:
        """The duration without the time to compile the splitter, which says nothing about the next run."""
        return max(0.0, self.seconds - self.compiling_seconds)

    @property
    def songs_per_second(self) -> float:
        """Songs seen per second of ``working_seconds``."""
        return self.songs_seen / self.working_seconds if self.working_seconds > 0 else 0.0

    @property
    def songs_gone(self) -> int:
        """Known songs that the scan has not seen, unless it is doubted."""
        return sum(len(lost.song_ids) for lost in self.missing if not lost.doubted)

    @property
    def songs_doubted(self) -> int:
        """Known songs that the scan has not seen, of sources of which too much is missing to believe it."""
        return sum(len(lost.song_ids) for lost in self.missing if lost.doubted)

    @property
    def has_failures(self) -> bool:
        """True if anything failed."""
        return self.songs_failed > 0 or self.folders_failed > 0

    @property
    def nothing_new(self) -> bool:
        """True if everything was known before."""
        return self.songs_done == 0 and self.songs_copies == 0

    def record_begin(self, run_id: int) -> None:
        """Set the number under which the run is recorded."""
        self.run_id = run_id

    def update(
        self, *, songs_skipped: int, songs_total: int | None, seconds: float, loading_seconds: float
    ) -> None:
        """Set the figures that the run counts.

        Args:
            songs_skipped: songs that were skipped unopened.
            songs_total: songs that there are, as far as they were counted.
        """
        self.songs_skipped = songs_skipped + self.songs_copies
        self.songs_total = songs_total
        self.seconds = seconds
        self.loading_seconds = loading_seconds

    def finish(self, *, interrupted: bool) -> None:
        """Set the state of a run that ended by itself, or was interrupted."""
        self.end("interrupted" if interrupted else "done")

    def end(self, state: State) -> None:
        """Set the state in which a run ended."""
        self.state = state

    def stop(self, error: MidiprismError) -> None:
        """Set the state and the error of a run that cannot go on."""
        self.state, self.error = "stopped", error

    def complete_totals(self) -> None:
        """Set the total of a run that is done: it has seen all songs."""
        if self.state == "done":
            self.songs_total = self.songs_seen

    def add_notice(self, notice: Notice) -> None:
        """Count a folder or an archive that was not entered, or a file or member that was not taken."""
        if notice.failed:
            self.folders_failed += 1
            self._add_failure(Failure(notice.path, notice.code, notice.message))
        elif notice.code == "nested":
            self.archives_skipped += 1
        elif notice.code == JUNK:
            self.junk_skipped += 1
        else:
            if notice.code == "marker":
                self.markers_ignored += 1
            else:
                self.results_skipped += 1
            if len(self.notices) < _MAX_FAILURES_SHOWN:
                self.notices.append(Failure(notice.path, notice.code, notice.message))

    def add_commit(self, committed: CommitResult, bytes_written: int) -> None:
        """Count the rows that a commit of a batch added.

        Args:
            bytes_written: bytes of the files that the batch has written before its commit.
        """
        self.outcomes += committed.outcomes
        self.songs_with_loss += committed.songs_with_loss
        self.songs_copies += committed.paths_of_known_songs
        self.tracks += committed.links
        self.tracks_new += committed.tracks_new
        self.bytes_written += 0 if self.dry_run else bytes_written + committed.shard_bytes
        self.values_nulled += committed.values_nulled

    def add_failed_songs(self, songs: Iterable[SongRecord]) -> None:
        """List songs that failed, each with its first problem; of copies one, as one is counted."""
        for song in songs:
            if song.digest is None or song.digest not in self._failed_digests:
                if song.digest is not None and len(self.failures) < _MAX_FAILURES_SHOWN:
                    self._failed_digests.add(song.digest)
                self._add_failure(Failure(song.path, song.problems[0].code, song.problems[0].message))

    def totals(self) -> dict[str, Any]:
        """Return the figures in terms of JSON, as the catalog records them."""
        return {
            "songs_total": self.songs_total,
            "songs_seen": self.songs_seen,
            "songs_done": self.songs_done,
            "songs_skipped": self.songs_skipped,
            "songs_copies": self.songs_copies,
            "songs_moved": self.songs_moved,
            "songs_failed": self.songs_failed,
            "songs_repaired": self.songs_repaired,
            "songs_with_loss": self.songs_with_loss,
            "songs_with_other_metadata": self.songs_with_other_metadata,
            "folders_failed": self.folders_failed,
            "tracks": self.tracks,
            "tracks_new": self.tracks_new,
            "tracks_duplicate": self.tracks_duplicate,
            "bytes_written": self.bytes_written,
            "values_nulled": self.values_nulled,
            "rows_replaced": self.rows_replaced,
            "lost_track": self.lost_track,
            "songs_gone": self.songs_gone,
            "songs_doubted": self.songs_doubted,
            "songs_removed": self.removed.songs if self.removed else 0,
            "tracks_removed": self.removed.tracks if self.removed else 0,
            "seconds": round(self.seconds, 3),
            "loading_seconds": round(self.loading_seconds, 3),
            "compiling_seconds": round(self.compiling_seconds, 3),
            "songs_per_second": round(self.songs_per_second, 1),
            "error": None if self.error is None else str(self.error),
            "outcomes": {outcome: count for outcome, count in sorted(self.outcomes.items()) if count},
        }

    def _add_failure(self, failure: Failure) -> None:
        if len(self.failures) < _MAX_FAILURES_SHOWN:
            self.failures.append(failure)
