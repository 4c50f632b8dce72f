"""The settings of a run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from midiprism.catalog import LEASE_SECONDS, Address, KnownSong, PostgresAddress, UpToDate
from midiprism.errors import UsageError
from midiprism.pipeline.progress import RunListener
from midiprism.pipeline.track_listener import MakeTrackListener
from midiprism.records.outcomes import ADOPTED, FAILED_OUTCOMES
from midiprism.results.background import Background
from midiprism.results.identity import RequestedIdentity, ResultRequest
from midiprism.smf.types import CONTRACT_VERSION, MAX_SONG_BYTES, Limits

if TYPE_CHECKING:  # which loads the database
    from midiprism.catalog.commit_hook import CommitHook

DEFAULT_LIMITS = Limits()

WIDEST_LIMITS = Limits(input_bytes=MAX_SONG_BYTES)
"""For a song that some run has split, whatever its limits were."""

DEFAULT_TIMEOUT_SECONDS = 60.0

RECORD_REST_FACTOR = 9.0
"""After recording progress, nothing is recorded for so many times as long: a server may be far away."""


def song_limits(max_song_size: int | None) -> Limits:
    """Return the limits for songs of at most ``max_song_size`` bytes; None for the default.

    Raises:
        UsageError: it is not a size that a song may have.
    """
    if max_song_size is None:
        return DEFAULT_LIMITS
    if not 0 < max_song_size <= MAX_SONG_BYTES:
        raise UsageError(f"A song may have from 1 to {MAX_SONG_BYTES:,} bytes, not {max_song_size:,}.")
    return Limits(input_bytes=max_song_size)


@dataclass(frozen=True, slots=True)
class RerunPolicy:
    """The choice of songs that are split again although they have an outcome.

    Attributes:
        redo: split all again.
        retry_failed: split again what failed.
        redo_adopted: split again what the owner of an adopted library had split.
    """

    redo: bool = False
    retry_failed: bool = False
    redo_adopted: bool = False

    def up_to_date(self, oldest_contract: int | None) -> UpToDate | None:
        """Return the songs that are up to date by their path alone; None if all known songs are."""
        outcomes = self._outcomes_to_redo()
        if outcomes or (oldest_contract is not None and oldest_contract < CONTRACT_VERSION):
            return UpToDate(CONTRACT_VERSION, tuple(sorted(outcomes)))
        return None

    def is_up_to_date(self, song: KnownSong, run_id: int) -> bool:
        """Return whether run ``run_id`` has nothing to do with a known song."""
        if song.run_id == run_id:
            return True
        if self.redo or song.contract_version < CONTRACT_VERSION:
            return False
        return song.outcome not in self._outcomes_to_redo()

    def _outcomes_to_redo(self) -> set[str]:
        return {*(FAILED_OUTCOMES if self.retry_failed else ()), *((ADOPTED,) if self.redo_adopted else ())}


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of the resources of a run. None depends on the machine, and a tuner may change it.

    Attributes:
        workers: processes that split; 0 to do all in this one.
        batch_songs: most songs of a batch, which is stored, flushed and committed as one.
        batch_bytes: most bytes of a batch.
        in_flight: most batches handed out and not yet committed.
        timeout: seconds that a worker may spend on one song, not counting the time to store its tracks; None
            for no limit.
        executor: name of an executor in ``midiprism.pipeline.executors``; None to choose by ``workers``.
    """

    workers: int | None = None
    batch_songs: int | None = None
    batch_bytes: int = 64 << 20
    in_flight: int | None = None
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS
    executor: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """The place of the catalog of a result, and its options.

    Attributes:
        database: in PostgreSQL; None for a file in the result.
        lease_seconds: time that batches stay reserved for a run after it has died, if several runs share a
            catalog.
        hooks: take part in each commit.
    """

    database: PostgresAddress | None = None
    lease_seconds: float = LEASE_SECONDS
    hooks: "tuple[CommitHook, ...]" = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """The songs that a run looks at.

    Attributes:
        limit: look at the first so many songs only, in the order of the source; None for all.
        count_songs: whether to count the songs during the work, for the percentage.
        source_options: options with which the source was opened, recorded for a command that resumes the run.
        prune: remove the songs that the scan has not seen anywhere.
        trust_scan: believe a scan by which most songs of a source are gone.
    """

    limit: int | None = None
    count_songs: bool = True
    source_options: tuple[str, ...] = ()
    prune: bool = False
    trust_scan: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run.

    Attributes:
        identity: settings that define a track.
        limits: bounds on what one song may cost.
        resources: processes, batches and time.
        rerun_policy: songs with an outcome that are split again.
        catalog: its place and options.
        scope: songs to look at.
        encoding: of the texts of songs, see ``midiprism.split``; None to guess it.
        dry_run: read and split, and write nothing.
        facts: compute the facts of tracks, such as their keys.
    """

    identity: RequestedIdentity = field(default_factory=RequestedIdentity)
    limits: Limits = DEFAULT_LIMITS
    resources: Resources = Resources()
    rerun_policy: RerunPolicy = RerunPolicy()
    catalog: CatalogSettings = CatalogSettings()
    scope: Scope = Scope()
    encoding: str | None = None
    dry_run: bool = False
    facts: bool = True

    @property
    def result_request(self) -> ResultRequest:
        """The result that such a run asks for."""
        adopted = any(hook.needs_files for hook in self.catalog.hooks)
        return ResultRequest(self.identity, self.catalog.database, adopted, self.rerun_policy.redo)


@dataclass(frozen=True, slots=True)
class RunCallbacks:
    """Functions that a run calls in the thread that started it.

    Attributes:
        stop: once it returns true, the songs in hand are finished and committed, and the run ends.
        on_compile: called while the splitter is being compiled, with the seconds so far; first with 0.
        on_warning: receives warnings while there is time to act.
        on_progress: receives the progress of the run, at most ten times a second; or None.
        track_listener: given the folder of the result, returns what makes for each worker the listener of its
            new tracks; None for no listeners.
        after_run: begins to bring up to date what derives from the catalog, and returns what completes that;
            called when a run that recorded something is done. It is given the folder of the result, the
            address of the catalog, what can do a part of it in another process, and whether this process has
            other work to do meanwhile. If it fails, the run has not.
        load_after_run: loads what ``after_run`` needs, in another thread while workers begin.
    """

    stop: Callable[[], bool] = lambda: False
    on_compile: Callable[[float], None] = lambda _seconds: None
    on_warning: Callable[[str], None] = lambda _message: None
    on_progress: RunListener | None = None
    track_listener: Callable[[str], MakeTrackListener | None] = lambda _out: None
    after_run: Callable[[str, Address, Background, bool], Callable[[], None]] | None = None
    load_after_run: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class RunIntervals:
    """Seconds between two reports of a run.

    Attributes:
        report: between two reports of progress.
        record: between two records of progress in the catalog.
        record_rest_factor: the next record also waits for so many times as long as the last one took.
        downsample: between two rounds in which samples that are no longer needed are dropped.
    """

    report: float = 0.1
    record: float = 1.0
    record_rest_factor: float = RECORD_REST_FACTOR
    downsample: float = 60.0
