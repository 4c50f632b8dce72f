"""The state that all steps of a repair share: the result, what was found, and the run that records it."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from midiprism.catalog import Catalog, IntegrityQueries, RepairQueue
from midiprism.errors import MidiprismError
from midiprism.integrity.damage_report import DamageReport, RepairReport
from midiprism.integrity.verify import Verifier
from midiprism.pipeline.splitter import Splitter
from midiprism.pipeline.summary import Summary
from midiprism.results.identity import Identity
from midiprism.stores import TrackStore

SONGS_PER_BATCH = 250

BRING_BACK_HINT = "bring it back, split its folder again, and then repair again"
KEPT_MESSAGE = (
    "It is kept, since it may belong to a song that was not found: bring that back, and repair again."
)


@dataclass(slots=True)
class RepairSession:
    """A repair of one result.

    Attributes:
        identity: what its tracks were made with.
        store: of the result, which is locked; for writing, unless in a dry run.
        catalog: open for writing, unless in a dry run.
        queue: what can be repaired.
        report: gets what is done.
        verifier: that made the check.
        splitter: splits the bytes of a song.
        stop: once it returns True, the repair ends after the songs that it has read.
        summary: of the run that records the repair.
        queries: of the catalog, for the part of the result that was checked.
        has_missing_songs: whether a song was not found whose tracks or links are damaged.
    """

    identity: Identity
    store: TrackStore
    catalog: Catalog
    queue: RepairQueue
    report: RepairReport
    verifier: Verifier
    splitter: Splitter
    stop: Callable[[], bool]
    summary: Summary = field(init=False)
    queries: IntegrityQueries = field(init=False)
    has_missing_songs: bool = False
    _songs_read: int = 0
    _songs_total: int = field(init=False)

    def __post_init__(self) -> None:
        self.summary = Summary(
            self.catalog.path, self.report.dry_run, self.identity.by, self.identity.context
        )
        self.queries = IntegrityQueries(self.catalog, self.damage_report.scope)
        self._songs_total = sum(self.queue.remaining())

    @property
    def writes(self) -> bool:
        """True unless this is a dry run."""
        return not self.report.dry_run

    @property
    def damage_report(self) -> DamageReport:
        """The report of the check."""
        return self.report.damage_report

    def begin_run(self) -> int:
        """Return the run that records the repair, which begins with the first change."""
        if self.report.run_id is None:
            self.queue.reserve_lost_ids()
            run_id = self.catalog.begin_run(self._run_settings(), utc_now())
            self.report.record_begin(run_id)
            self.summary.record_begin(run_id)
        assert self.report.run_id is not None
        return self.report.run_id

    def end_run(self, state: Literal["done", "interrupted", "stopped"]) -> None:
        """Record how the repair ended, if anything was recorded."""
        self.summary.end(state)
        if self.report.run_id is not None:
            with contextlib.suppress(MidiprismError):  # a full disk: the run counts as cut off then
                self.catalog.end_run(self.report.run_id, state, self.summary.totals(), utc_now())

    def note_missing_song(self) -> None:
        """Remember that a song was not found, so that nothing is removed that may belong to it."""
        self.has_missing_songs = True

    def report_song(self) -> None:
        """Report the progress before a song is read."""
        self._songs_read += 1
        self.verifier.report_progress("repair", self._songs_read, max(self._songs_total, self._songs_read))

    def _run_settings(self) -> dict[str, object]:
        return {
            **self.identity.as_dict(),
            "sources": [],
            "workers": 0,
            "batch_size": SONGS_PER_BATCH,
            "in_flight": None,
            "redo": True,
            "retry_failed": False,
            "command": "repair",
        }


def utc_now() -> str:
    """Return the time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
