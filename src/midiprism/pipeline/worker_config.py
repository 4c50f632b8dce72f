"""The configuration of the workers of a run, ready to cross to another process."""

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from midiprism.catalog import Address, PostgresAddress
from midiprism.pipeline.digesting_worker import DigestingWorker
from midiprism.pipeline.resource_defaults import WORKER_LIMITS, WorkerLimits
from midiprism.pipeline.settings import RerunPolicy
from midiprism.pipeline.shared_counters import SHARED_COUNTER_COUNT, SharedCounters
from midiprism.pipeline.splitter import (
    LoadFacts,
    Splitter,
    facts_are_compiled,
    is_compiled,
    load_facts_calculator,
    prepare,
    prepare_bytes,
)
from midiprism.pipeline.track_listener import MakeTrackListener
from midiprism.pipeline.worker import Worker
from midiprism.sources import Source
from midiprism.stores import TrackStore

if TYPE_CHECKING:  # which load the database
    from midiprism.catalog import Catalog
    from midiprism.catalog.commit_hook import CommitHook


@dataclass(frozen=True, slots=True)
class KnownSongLookup:
    """Finds the songs with which a run has nothing to do.

    Attributes:
        address: the catalog to look in; None if it knew nothing when the run began.
        rerun_policy: songs with an outcome that are split again.
        run_id: of this run.
    """

    address: Address | None
    rerun_policy: RerunPolicy
    run_id: int

    def find(self, catalog: "Catalog", digests: Iterable[bytes]) -> Set[bytes]:
        """Return those of these digests whose songs are up to date."""
        songs = catalog.known_songs(digests)
        return {
            digest for digest, song in songs.items() if self.rerun_policy.is_up_to_date(song, self.run_id)
        }


@dataclass(frozen=True, slots=True)
class WorkerHooks:
    """The means by which a worker and the executor that runs it communicate.

    Attributes:
        counters: in which the worker counts its work.
        stop: once true, a batch ends after the song in hand.
        on_song: called for each song once it is recorded.
    """

    counters: SharedCounters
    stop: Callable[[], bool]
    on_song: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class WorkerCommit:
    """The catalog in which workers commit their own batches.

    Attributes:
        address: the catalog.
        hooks: take part in each commit.
    """

    address: PostgresAddress
    hooks: "tuple[CommitHook, ...]" = ()


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The configuration of the workers of a run, ready to cross to another process.

    Attributes:
        source: reads songs.
        store: keeps tracks.
        splitter: bytes of a song to its tracks.
        input_limit: songs of more bytes are not loaded.
        lookup: finds the songs with which there is nothing to do.
        replaces: whether a song that has an outcome from an earlier run may get another.
        commit: the catalog in which workers commit their own batches; None where the coordinator commits.
        limits: bounds on the memory of a worker.
        facts: whether to compute the facts of tracks.
        load_facts: loads what computes them.
        make_listener: makes the listener of new tracks; None for no listener.
        digests_only: whether songs are split only to digest their tracks, by a ``DigestingWorker``.
    """

    source: Source
    store: TrackStore
    splitter: Splitter
    input_limit: int
    lookup: KnownSongLookup
    replaces: bool
    commit: WorkerCommit | None = None
    limits: WorkerLimits = WORKER_LIMITS
    facts: bool = False
    load_facts: LoadFacts = load_facts_calculator
    make_listener: MakeTrackListener | None = None
    digests_only: bool = False

    @property
    def run_id(self) -> int:
        return self.lookup.run_id

    @property
    def sends_tracks(self) -> bool:
        """True if a batch's tracks are sent to another process, which commits it."""
        return self.store.capabilities.writes_in_commit and self.commit is None

    def is_compiled(self) -> bool:
        """Return whether a worker can start at once.

        Raises:
            MidiprismError: something cannot be loaded at all.
        """
        return is_compiled(self.splitter) and (not self.facts or facts_are_compiled())

    @contextmanager
    def open_worker(self, hooks: WorkerHooks) -> Iterator[Worker | DigestingWorker]:
        """Open a worker with its own connection to the catalog; its splitter is loaded.

        Raises:
            MidiprismError: the splitter cannot be loaded, or the catalog cannot be opened.
        """
        address = self.lookup.address
        with nullcontext() if address is None else _open_read_only(address) as catalog:
            worker = (
                self._make_digesting_worker(hooks) if self.digests_only else self.make_worker(catalog, hooks)
            )
            try:
                yield worker
            finally:
                worker.close()

    def make_worker(self, catalog: "Catalog | None", hooks: WorkerHooks | None = None) -> Worker:
        """Return a worker that looks in ``catalog`` for known songs. Its splitter is loaded."""
        hooks = hooks or WorkerHooks([0] * SHARED_COUNTER_COUNT, lambda: False)
        return Worker(
            self.source,
            self.store,
            prepare(self.splitter),
            None if catalog is None else partial(self.lookup.find, catalog),
            self.input_limit,
            self.replaces,
            stop=hooks.stop,
            on_song=hooks.on_song,
            counters=hooks.counters,
            limits=self.limits,
            compute_facts=self.load_facts() if self.facts else None,
            listener=None if self.make_listener is None else self.make_listener(),
        )

    def _make_digesting_worker(self, hooks: WorkerHooks) -> DigestingWorker:
        return DigestingWorker(
            self.source,
            prepare_bytes(self.splitter),
            self.input_limit,
            stop=hooks.stop,
            on_song=hooks.on_song,
            counters=hooks.counters,
            limits=self.limits,
        )


def _open_read_only(address: Address) -> "Catalog":
    """Open a catalog; only then is the database loaded, which a worker for a new result does not need."""
    from midiprism.catalog import open_read_only

    return open_read_only(address)
