"""Makes the fingerprints that a search by example lacks, while pages show how far that is."""

from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from midiprism.catalog.queries.index_rows import CatalogState, catalog_state
from midiprism.errors import MidiprismError
from midiprism.web.served_result import ServedResult, Snapshot

_PATIENCE_SECONDS = 0.4
"""A request waits so long: the fingerprints of a few new tracks take less."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The work that is under way.

    Attributes:
        seen: tracks that were looked at.
        total: all that are to be looked at; 0 until that is known, while the compiler is loaded.
        seconds: since the work began.
    """

    seen: int = 0
    total: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as the answer to a request that cannot be answered yet."""
        return {"pending": {"seen": self.seen, "total": self.total, "seconds": round(self.seconds, 1)}}


class FingerprintUpdate:
    """Brings the fingerprints of a result up to date in a thread of its own. Any thread may use it.

    Args:
        result: that is served.
        patience: seconds for which a request waits before the answer is to ask again.
    """

    def __init__(self, result: ServedResult, patience: float = _PATIENCE_SECONDS) -> None:
        self._result = result
        self._patience = patience
        self._lock = Lock()
        self._stopped = Event()
        self._done: tuple[str, CatalogState] | None = None
        self._work: _Work | None = None

    def bring_up_to_date(self, snapshot: Snapshot) -> Pending | None:
        """Make what is missing; return how far that is, or None once a search can be answered.

        Args:
            snapshot: in which is searched.

        Raises:
            StoreError: fingerprints cannot be written.
            CatalogError: the catalog cannot be read.
        """
        wanted = snapshot.folder, catalog_state(snapshot.reader)
        with self._lock:
            if self._done == wanted:
                return None
            if self._work is None:
                self._work = _Work(self._result, self._stopped)
            work = self._work
        work.ended.wait(self._patience)
        if not work.ended.is_set():
            return work.pending
        with self._lock:
            if self._work is work:
                self._work, self._done = None, work.made_for
        if work.error is not None:
            raise work.error
        return None

    def stop(self) -> None:
        """End after the tracks that are being read; the next update resumes there."""
        self._stopped.set()


class _Work:
    """One update.

    Attributes:
        pending: how far it is.
        ended: set once it is no longer running.
        made_for: the folder and the state of the catalog whose tracks have fingerprints; None if it failed.
        error: why it failed.
    """

    def __init__(self, result: ServedResult, stopped: Event) -> None:
        self._result = result
        self._stopped = stopped
        self.pending = Pending()
        self.ended = Event()
        self.made_for: tuple[str, CatalogState] | None = None
        self.error: MidiprismError | None = None
        Thread(target=self._run, name="midiprism-fingerprints", daemon=True).start()

    def _run(self) -> None:
        from midiprism.similarity.types import FingerprintProgress
        from midiprism.similarity.update import update_fingerprints  # which loads the compiler

        def note(progress: FingerprintProgress) -> None:
            self.pending = Pending(*progress)

        try:
            with self._result.snapshot() as snapshot:
                state = catalog_state(snapshot.reader)
                update_fingerprints(
                    snapshot.folder, snapshot.reader, retry=False, stop=self._stopped.is_set, on_progress=note
                )
                self.made_for = snapshot.folder, state
        except MidiprismError as error:
            self.error = error
        finally:
            self.ended.set()
