"""Strategies off and on, alone and together, on a sample of a library: predicted and measured."""

import contextlib
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

from midiprism.advise import changes as may_be
from midiprism.advise.bottleneck import WORTH
from midiprism.advise.changes import Change
from midiprism.advise.model import Setup
from midiprism.advise.places import Figures, figures_for
from midiprism.advise.probe import probe
from midiprism.advise.reasons import ABOUT, StrategyId, out_of_the_question
from midiprism.advise.scratch import scratch
from midiprism.advise.search import values_of
from midiprism.advise.strategies import Modelled, best_setting, modelled
from midiprism.advise.trial import Measured, measured, with_changes
from midiprism.errors import MidiprismError, UsageError
from midiprism.library import Approaching, Content, Found, Library, Notice
from midiprism.run import Settings
from midiprism.run.machine import cpus, default_in_flight

_DEFAULT = Settings()
_WARM = 0.5
_MORE = 4
_SETTINGS: dict[StrategyId, str] = {"workers": "workers", "batches": "batch_size", "in-flight": "in_flight"}
_ELSEWHERE = ("parquet", "output-device", "postgresql")


@dataclass(frozen=True)
class Sampled:
    """Some songs of a library, and no others.

    Attributes:
        inner: the library.
        songs: which of them, in its order.
    """

    inner: Library
    songs: Sequence[Found]

    @property
    def sources(self) -> Sequence[bytes]:
        return self.inner.sources

    def walk(self) -> Iterator[Found | Notice]:
        return iter(self.songs)

    def count(self) -> Iterator[int]:
        return iter((len(self.songs),))

    def missing(self) -> list[bytes]:
        return self.inner.missing()

    def read(self, found: Found, limit: int) -> Content:
        return self.inner.read(found, limit)

    def approach(self, found: Found) -> None:
        if isinstance(self.inner, Approaching):
            self.inner.approach(found)


@dataclass(frozen=True, slots=True)
class Row:
    """A strategy of the table.

    Attributes:
        id: which; ``base`` for none, ``together`` for all that is expected to help.
        title: what it is.
        changes: what was tried, see ``Strategy.changes``; empty for nothing.
        predicted: songs a second by the model, out of what the base measured; None where nothing was tried.
        measured: the same as they were; both are medians over the rounds.
        rates: the measured ones of each round.
        at_most: whether what the prediction rests on was not measured.
        reason: why nothing was tried.
    """

    id: str
    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    predicted: float | None = None
    measured: float | None = None
    rates: tuple[float, ...] = ()
    at_most: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """How strategies are to be tried.

    Attributes:
        work: a folder for results, in a new folder there that is removed at the end.
        places: folders in other places to be tried for results, likewise.
        database: address of one of PostgreSQL to be tried; schemas are made there, and dropped.
        settings: of the base.
        seconds: of each run.
        rounds: how often all take turns.
    """

    work: str
    places: tuple[str, ...] = ()
    database: str | None = None
    settings: Settings = _DEFAULT
    seconds: float = 5.0
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class _Try:
    id: str
    title: str
    changes: tuple[Change, ...]
    values: Mapping[str, Any]
    folder: str
    at_most: bool


def sampled(library: Library, songs: int) -> Sampled:
    """So many songs, or up to twice as many, spread evenly over a library.

    Raises:
        UsageError: there are none.
    """
    kept: list[Found] = []
    step = 1
    for number, found in enumerate(one for one in library.walk() if isinstance(one, Found)):
        if number % step == 0:
            kept.append(found)
        if len(kept) > 2 * songs:
            kept, step = kept[::2], 2 * step
    if not kept:
        raise UsageError("There are no songs to measure with: name another SOURCE.")
    return Sampled(library, kept)


def tried(
    library: Library, asked: Asked, stop: Callable[[], bool], tell: Callable[[str], None]
) -> list[Row] | None:
    """Measure all strategies that can be tried; None where it was stopped. All that was written is removed.

    Args:
        library: what is split.
        stop: once true, the run in hand ends, and no other begins.
        tell: is told what is being done.

    Raises:
        MidiprismError: a run could not go on.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(_StoppedError))
        work, *places = (stack.enter_context(scratch(folder)) for folder in (asked.work, *asked.places))
        trials = _Trials(library, asked, stop, tell)
        figures = [trials.figures(folder) for folder in (work, *places)]
        tell("Warming up ...")
        trials.go({}, work, _WARM * asked.seconds)
        base = trials.go({}, work, asked.seconds)
        run = modelled(base.window, base.facts, figures)
        assert run is not None
        tries = list(_tries(run, asked, dict(zip(places, figures[1:], strict=True)), work))
        tries += _together(run, tries, work)
        rates: dict[str, list[float]] = {one.id: [] for one in tries}
        gains: dict[str, list[float]] = {one.id: [] for one in tries}
        bases: list[float] = []
        for number in range(1, asked.rounds + 1):
            if number > 1:
                tell(f"Round {number} of {asked.rounds}: as it is ...")
                base = trials.go({}, work, asked.seconds)
            bases.append(base.rate)
            model = modelled(base.window, base.facts, figures) or run
            for one in tries:
                tell(f"Round {number} of {asked.rounds}: {one.title} ...")
                rates[one.id].append(trials.go(one.values, one.folder, asked.seconds).rate)
                gains[one.id].append(base.rate * model.gain(*one.changes))
        return _rows(run, tries, asked, bases, rates, gains)
    return None


class _StoppedError(Exception):
    """It was asked to stop."""


def _rows(
    run: Modelled,
    tries: Sequence[_Try],
    asked: Asked,
    bases: Sequence[float],
    rates: Mapping[str, Sequence[float]],
    predicted: Mapping[str, Sequence[float]],
) -> list[Row]:
    rows = [Row("base", "as it is", _in_force(run.setup), None, statistics.median(bases), tuple(bases))]
    for one in tries:
        found = rates[one.id]
        rows.append(
            Row(
                one.id,
                one.title,
                one.values,
                statistics.median(predicted[one.id]),
                statistics.median(found),
                tuple(found),
                one.at_most,
            )
        )
    rows += (Row(name, ABOUT[name].title, reason=why) for name, why in _not_tried(asked).items())
    if not any(one.id == "together" for one in tries):
        rows.append(Row("together", "all that helps", reason="Fewer than two are expected to help."))
    return rows


class _Trials:
    """Single runs, one after the other."""

    def __init__(
        self,
        library: Library,
        asked: Asked,
        stop: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> None:
        self._library = library
        self._asked = asked
        self._stop = stop
        self._tell = tell
        workers = asked.settings.workers
        # Few songs would be split by the coordinator itself.
        self._base = replace(asked.settings, workers=cpus() if workers is None else workers, scan=False)

    def figures(self, folder: str) -> Figures:
        """What is known of a place, or else is measured now."""
        known = figures_for(folder)
        if known is not None and known.create_us:
            return known
        self._tell(f"Measuring {os.path.dirname(folder)} ...")
        return probe(folder)

    def go(self, values: Mapping[str, Any], folder: str, seconds: float) -> Measured:
        """A run of the base with some changes, of which nothing is left."""
        out = os.path.join(folder, "result")
        apart = {name: value for name, value in values.items() if name not in ("output", "database")}
        settings = with_changes(self._base, apart)
        try:
            with contextlib.ExitStack() as stack:
                if values.get("database"):
                    from midiprism.catalog.passing import passing_schema

                    address = stack.enter_context(passing_schema(values["database"]))
                    settings = replace(settings, database=address)
                found = measured(self._library, out, settings, seconds, stop=self._stop)
        except MidiprismError:
            if self._stop():  # too soon for anything to be measured
                raise _StoppedError from None
            raise
        if self._stop():
            raise _StoppedError
        return found


def _tries(run: Modelled, asked: Asked, places: Mapping[str, Figures], work: str) -> Iterator[_Try]:
    for name, setting in _SETTINGS.items():
        change = best_setting(run, setting)
        if not change.values:  # nothing is expected to help: then that is tried
            change = _another(run, setting)
        yield _Try(name, ABOUT[name].title, (change,), change.values, work, change.at_most)
    if find_spec("pyarrow") is not None:
        change = may_be.parquet(run.facts, run.figures)
        yield _Try("parquet", ABOUT["parquet"].title, (change,), change.values, work, change.at_most)
    for place, figures in places.items():
        folder = os.path.dirname(place)
        change = may_be.other_output(run.facts, run.figures, folder, figures)
        title = f"the result in {folder}"
        yield _Try(f"output-device {folder}", title, (change,), change.values, place, change.at_most)
    if asked.database is not None:
        change = may_be.on_server(run.facts)
        values = {"database": asked.database}
        yield _Try("postgresql", ABOUT["postgresql"].title, (change,), values, work, change.at_most)


def _another(run: Modelled, name: str) -> Change:
    """A setting that nobody has asked for."""
    setup = run.setup
    if name == "workers":
        workers = 2 * max(1, setup.workers)
        follows = "in_flight" not in run.facts.asked
        usual = default_in_flight(workers, setup.batch, shared=setup.shared)
        setup = replace(setup, workers=workers, in_flight=usual if follows else setup.in_flight)
    elif name == "batch_size":
        setup = replace(setup, batch=_MORE * setup.batch)
    else:
        fewer = setup.in_flight // _MORE
        setup = replace(setup, in_flight=fewer or _MORE * setup.in_flight)
    return may_be.set_to(setup, dict(values_of(setup, run.setup)))


def _together(run: Modelled, tries: Sequence[_Try], work: str) -> Iterator[_Try]:
    """All that is expected to help, with the best settings for it; nothing if that is less than two."""
    helping = sorted(
        (one for one in tries if run.gain(*one.changes) >= WORTH), key=lambda one: -run.gain(*one.changes)
    )
    elsewhere: dict[str, _Try] = {}
    for one in helping:
        kind = one.id.partition(" ")[0]
        if kind in _ELSEWHERE:
            elsewhere.setdefault(kind, one)
    changes = tuple(change for one in elsewhere.values() for change in one.changes)
    _, setup = run.after(*changes)
    _, best = run.best(*changes)
    settings = values_of(best, setup)
    if len(elsewhere) + len(settings) < 2:
        return
    values: dict[str, Any] = {**settings}
    folder = work
    for one in elsewhere.values():
        values |= one.values
        folder = one.folder if "output" in one.values else folder
    changes = (*changes, may_be.set_to(best, settings))
    yield _Try(
        "together", "all that helps", changes, values, folder, any(one.at_most for one in elsewhere.values())
    )


def _in_force(setup: Setup) -> dict[str, int]:
    return {"workers": setup.workers, "batch_size": setup.batch, "in_flight": setup.in_flight}


def _not_tried(asked: Asked) -> dict[StrategyId, str]:
    """Strategies that were left out, with the reason."""
    found: dict[StrategyId, str] = {}
    if find_spec("pyarrow") is None:
        found["parquet"] = "It needs pyarrow: pip install 'midiprism[parquet]'."
    if not asked.places:
        found["output-device"] = "Name a folder on another device with --place."
    if asked.database is None:
        found["postgresql"] = "Name a database with --database."
    with_result = "A catalogue that is a file goes with its result: try that with --place."
    found["catalogue-device"] = with_result
    found["separate-devices"] = "Sources stay where they are: try another device for the result with --place."
    for name in ("sqlite", "temporary-device"):
        found[name] = out_of_the_question(name)
    return found
