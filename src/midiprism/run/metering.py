"""What a run tells of itself while it goes on: samples for the catalogue, progress for a person."""

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

from midiprism.catalog import Catalog, PostgresAddress
from midiprism.meter.clocks import (
    COMMITS,
    FLUSHES,
    IDLE,
    POLLING,
    QUEUED,
    ROWS,
    Clocks,
    added,
    seconds,
    stages,
)
from midiprism.meter.devices import Place, place_of
from midiprism.meter.sample import Sample, Window
from midiprism.meter.sampler import Sampler
from midiprism.meter.thinning import superfluous
from midiprism.run import machine
from midiprism.run.progress import Progress
from midiprism.run.settings import Identity, Settings
from midiprism.run.tuning import Knobs, Tuner

if TYPE_CHECKING:
    from midiprism.library import Library
    from midiprism.run.group import Group
    from midiprism.run.plan import Plan
    from midiprism.run.pool import Pool
    from midiprism.run.summary import Summary

WINDOW_SECONDS = 10.0
TELL_REST = 9.0
"""After it was told how far the run is, so many times as long nothing is told: a server may be far away."""

_ASK_SECONDS = 10.0
_THIN_SECONDS = 60.0
_DECISIONS = 100


class Metering:
    """The samples of one run, taken while it is entered.

    Args:
        summary: what the run has done.
        plan: what it comes to.
        facts: see ``facts_of``.
        tuner: decides what is in force; None where nobody does.

    Attributes:
        clocks: of the stages that this process does itself.
        facts: see ``facts_of``.
        knobs: what is in force.
        pool: who works; None before it is there.
        group: what waits for its commit.
        total: songs that there will be; None while nobody knows.
        decisions: of the tuner, in terms of JSON.
    """

    def __init__(
        self, summary: "Summary", plan: "Plan", facts: Mapping[str, Any], tuner: Tuner | None
    ) -> None:
        self.clocks = Clocks()
        self.knobs = Knobs(0, 0, 0)
        self.pool: Pool | None = None
        self.group: Group | None = None
        self.total: int | None = None
        self.decisions: list[dict[str, Any]] = []
        self._summary = summary
        self._plan = plan
        self._tuner = tuner
        self._standing: tuple[float, Mapping[str, int]] = (0.0, {})
        self._asked = -_ASK_SECONDS
        self._moments: list[float] = []
        self._thinned = self._decided = 0.0
        self.facts = facts
        places = {role: Place.from_dict(place) for role, place in facts["places"].items()}
        self._sampler = Sampler(self, places)

    def __enter__(self) -> "Metering":
        self._sampler.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sampler.__exit__(kind, error, trace)

    def pids(self) -> Collection[int]:
        """For the sampler."""
        return self.pool.pids() if self.pool else ()

    def sample(self) -> Sample:
        """For the sampler."""
        pool, summary = self.pool, self._summary
        parents, _, tracks, tracks_new = _counts(pool)
        values = added([self.clocks.values(), pool.clocks()]) if pool else self.clocks.values()
        collected = self.group.batches if self.group else 0
        round_trip, connections = self._standing
        return Sample(
            parents=parents,
            committed=summary.parents_done + summary.parents_copies,
            skipped=max(0, self._plan.skipped),
            tracks=tracks,
            tracks_new=max(tracks_new, summary.tracks_new),
            stages=stages(values),
            idle=seconds(values, IDLE),
            queued=seconds(values, QUEUED),
            polling=seconds(values, POLLING),
            commits=values[COMMITS],
            rows=values[ROWS],
            flushes=values[FLUSHES],
            workers=self.knobs.workers,
            ready=pool.ready if pool else 0,
            batch_size=self.knobs.batch_size,
            in_flight=(pool.in_flight if pool else 0) + collected,
            in_flight_most=self.knobs.in_flight,
            queue=pool.waiting if pool else 0,
            collected=collected,
            round_trip=round_trip,
            connections=dict(connections),
            total=self.total,
        )

    def take(self) -> None:
        """Take a sample of this moment, which may be the last one of processes that end."""
        self._sampler.take()

    def window(self) -> Window | None:
        """The last seconds; None before there are any."""
        return self._sampler.window(WINDOW_SECONDS)

    def record(self, catalog: Catalog, run_id: int, now: str, *, last: bool = False) -> None:
        """Put the samples into the catalogue, and how far the run is; let the tuner decide.

        Args:
            last: take one more of this moment.
        """
        if last:
            self._sampler.take()
        samples = self._sampler.unrecorded()
        at = samples[-1].at if samples else 0.0
        if at - self._asked >= _ASK_SECONDS:
            self._asked = at
            self._standing = catalog.standing()
        thinned: list[float] = []
        if at - self._thinned >= _THIN_SECONDS:
            self._thinned = at
            thinned = superfluous(self._moments, at)
            gone = set(thinned)
            self._moments = [at for at in self._moments if at not in gone]
        self._moments += [sample.at for sample in samples]
        catalog.tell_run(run_id, self.totals(), now, [sample.as_dict() for sample in samples], thinned)

    def totals(self) -> dict[str, Any]:
        """What the run did, and what was decided on the way."""
        return self._summary.totals() | ({"decisions": self.decisions} if self.decisions else {})

    def decide(self) -> Knobs | None:
        """What the tuner wants to be in force now; None for no change."""
        window = self._sampler.window(0.0) if self._tuner else None
        if window is None or self._tuner is None or window.last.at <= self._decided:
            return None
        self._decided = window.last.at
        decision = self._tuner.decide(window.last, self.knobs)
        if decision is None or decision.knobs == self.knobs:
            return None
        self.knobs = decision.knobs
        self.decisions = [
            *self.decisions[-_DECISIONS + 1 :],
            {"at": round(window.last.at, 1), **asdict(decision.knobs), "why": decision.why},
        ]
        return decision.knobs

    def progress(self, passed: float) -> Progress:
        """How far the run is, ``passed`` seconds after its beginning."""
        summary, skipped = self._summary, self._plan.skipped
        parents, failed, tracks, written = _counts(self.pool)
        tracks, written = max(tracks, summary.tracks), max(written, summary.tracks_new)
        return Progress(
            total=self.total,
            seen=skipped + max(parents, summary.parents_done + summary.parents_copies),
            skipped=skipped + summary.parents_copies,
            failed=summary.folders_failed + max(failed, summary.parents_failed),
            tracks=tracks,
            tracks_new=written,
            tracks_duplicate=tracks - written,
            seconds=passed,
            window=self.window(),
            facts=self.facts,
        )


def _counts(pool: "Pool | None") -> tuple[int, int, int, int]:
    """Parents, failed, tracks, and how many of these were written."""
    parents, failed, tracks, written = pool.counts() if pool else (0, 0, 0, 0)
    # Workers write the tracks of many parents before they have done with the first.
    return parents, failed, max(tracks, written), written


def facts_of(identity: Identity, library: "Library", out: str, settings: Settings) -> dict[str, Any]:
    """What is recorded of a run when it begins, in terms of JSON: what it was asked to do, and where."""
    return {
        **identity.as_dict(),
        "out": os.path.abspath(out),
        "sources": [os.fsdecode(source) for source in library.sources],
        "reading": list(settings.reading),
        "workers": settings.workers,
        "batch_size": settings.batch_parents,
        "in_flight": settings.in_flight,
        "redo": settings.wish.redo,
        "retry_failed": settings.wish.retry_failed,
        "database": None if settings.database is None else settings.database.options,
        "cpus": machine.cpus(),
        "places": {
            role: place.as_dict()
            for role, place in places_of(library.sources, out, settings.database).items()
        },
    }


def places_of(sources: Sequence[bytes], out: str, database: PostgresAddress | None) -> dict[str, Place]:
    """Where a run reads and writes, by role; of several sources that of the first."""
    output = place_of(out)
    places = {
        "output": output,
        "catalogue": output if database is None else Place(str(database), kind=_server(database)),
        "temporary": place_of(tempfile.gettempdir()),
    }
    if sources:
        places["source"] = place_of(os.fsdecode(sources[0]))
    return places


def _server(database: PostgresAddress) -> str:
    return "local server" if database.local else "server"
