"""Strategies off and on, alone and together, on a sample of a library: predicted and measured."""

import contextlib
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

from midiprism.advise.bench.sample_run import MeasuredRun, apply_changes, measure_run
from midiprism.advise.bottleneck import MIN_GAIN
from midiprism.advise.model import what_if as may_be
from midiprism.advise.model.optimizer import changed_settings
from midiprism.advise.model.strategies import RunModel, best_setting, model_run
from midiprism.advise.model.throughput import Setup
from midiprism.advise.model.what_if import Change
from midiprism.advise.probe.disk_results import DiskSpeed, load_disk_speed
from midiprism.advise.probe.probe import probe
from midiprism.advise.probe.temp_dir import temp_dir
from midiprism.advise.report.explanations import STRATEGY_INFO, StrategyId, explain_not_applicable
from midiprism.errors import MidiprismError, UsageError
from midiprism.pipeline import Settings
from midiprism.pipeline.resource_defaults import cpus, default_in_flight
from midiprism.sources import Notice, SongContent, SongRef, Source

_DEFAULT = Settings()
_WARM_UP_SHARE = 0.5
_STEP_FACTOR = 4
_SETTING_OF_STRATEGY: dict[StrategyId, str] = {
    "workers": "workers",
    "batches": "batch_size",
    "in-flight": "in_flight",
}
_NEW_PLACE_STRATEGIES = ("parquet", "output-device", "postgresql")


@dataclass(frozen=True)
class SampledSource(Source):
    """Some songs of a library, and no others.

    Attributes:
        inner: the library.
        songs: which of them, in its order.
    """

    inner: Source
    songs: Sequence[SongRef]

    @property
    def source_paths(self) -> Sequence[bytes]:
        return self.inner.source_paths

    def walk(self) -> Iterator[SongRef | Notice]:
        return iter(self.songs)

    def running_count(self) -> Iterator[int]:
        return iter((len(self.songs),))

    def missing_paths(self) -> list[bytes]:
        return self.inner.missing_paths()

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        return self.inner.read(song_ref, limit)

    def seek(self, song_ref: SongRef) -> None:
        self.inner.seek(song_ref)


@dataclass(frozen=True, slots=True)
class ExperimentResult:
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
class ExperimentOptions:
    """How strategies are to be tried.

    Attributes:
        work: a folder for results, in a new folder there that is removed at the end.
        places: folders in other places to be tried for results, likewise.
        database: address of one of PostgreSQL to be tried; schemas are made there, and dropped.
        settings: of the base.
        seconds: of each run.
        rounds: how often all take turns.
    """

    work_folder: str
    places: tuple[str, ...] = ()
    database: str | None = None
    settings: Settings = _DEFAULT
    run_seconds: float = 5.0
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class _Experiment:
    id: str
    title: str
    changes: tuple[Change, ...]
    values: Mapping[str, Any]
    folder: str
    at_most: bool


def sample_songs(source: Source, songs: int) -> SampledSource:
    """So many songs, or up to twice as many, spread evenly over a library.

    Raises:
        UsageError: there are none.
    """
    kept: list[SongRef] = []
    step = 1
    for number, found in enumerate(one for one in source.walk() if isinstance(one, SongRef)):
        if number % step == 0:
            kept.append(found)
        if len(kept) > 2 * songs:
            kept, step = kept[::2], 2 * step
    if not kept:
        raise UsageError("There are no songs to measure with: name another SOURCE.")
    return SampledSource(source, kept)


def run_experiments(
    source: Source, options: ExperimentOptions, stop: Callable[[], bool], on_progress: Callable[[str], None]
) -> list[ExperimentResult] | None:
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
        work, *places = (
            stack.enter_context(temp_dir(folder)) for folder in (options.work_folder, *options.places)
        )
        trials = _ExperimentRunner(source, options, stop, on_progress)
        figures = [trials.disk_speed(folder) for folder in (work, *places)]
        on_progress("Warming up ...")
        trials.run({}, work, _WARM_UP_SHARE * options.run_seconds)
        base = trials.run({}, work, options.run_seconds)
        run = model_run(base.window, base.recorded_settings, figures)
        assert run is not None
        tries = list(_make_experiments(run, options, dict(zip(places, figures[1:], strict=True)), work))
        tries += _combined_experiment(run, tries, work)
        rates: dict[str, list[float]] = {one.id: [] for one in tries}
        gains: dict[str, list[float]] = {one.id: [] for one in tries}
        bases: list[float] = []
        for number in range(1, options.rounds + 1):
            if number > 1:
                on_progress(f"Round {number} of {options.rounds}: as it is ...")
                base = trials.run({}, work, options.run_seconds)
            bases.append(base.rate)
            model = model_run(base.window, base.recorded_settings, figures) or run
            for one in tries:
                on_progress(f"Round {number} of {options.rounds}: {one.title} ...")
                rates[one.id].append(trials.run(one.values, one.folder, options.run_seconds).rate)
                gains[one.id].append(base.rate * model.gain(*one.changes))
        return _results(run, tries, options, bases, rates, gains)
    return None


class _StoppedError(Exception):
    """It was asked to stop."""


def _results(
    run: RunModel,
    experiments: Sequence[_Experiment],
    options: ExperimentOptions,
    bases: Sequence[float],
    rates: Mapping[str, Sequence[float]],
    predicted: Mapping[str, Sequence[float]],
) -> list[ExperimentResult]:
    rows = [
        ExperimentResult(
            "base", "as it is", _settings_of(run.setup), None, statistics.median(bases), tuple(bases)
        )
    ]
    for one in experiments:
        found = rates[one.id]
        rows.append(
            ExperimentResult(
                one.id,
                one.title,
                one.values,
                statistics.median(predicted[one.id]),
                statistics.median(found),
                tuple(found),
                one.at_most,
            )
        )
    rows += (
        ExperimentResult(name, STRATEGY_INFO[name].title, reason=why)
        for name, why in _skip_reasons(options).items()
    )
    if not any(one.id == "together" for one in experiments):
        rows.append(
            ExperimentResult("together", "all that helps", reason="Fewer than two are expected to help.")
        )
    return rows


class _ExperimentRunner:
    """Single runs, one after the other."""

    def __init__(
        self,
        source: Source,
        options: ExperimentOptions,
        stop: Callable[[], bool],
        on_progress: Callable[[str], None],
    ) -> None:
        self._source = source
        self._options = options
        self._stop = stop
        self._on_progress = on_progress
        settings, workers = options.settings, options.settings.resources.workers
        # Few songs would be split by the coordinator itself.
        self._base = replace(
            settings,
            resources=replace(settings.resources, workers=cpus() if workers is None else workers),
            scope=replace(settings.scope, count_songs=False),
        )

    def disk_speed(self, folder: str) -> DiskSpeed:
        """What is known of a place, or else is measured now."""
        known = load_disk_speed(folder)
        if known is not None and known.create_us:
            return known
        self._on_progress(f"Measuring {os.path.dirname(folder)} ...")
        return probe(folder)

    def run(self, changes: Mapping[str, Any], folder: str, seconds: float) -> MeasuredRun:
        """A run of the base with some changes, of which nothing is left."""
        out = os.path.join(folder, "result")
        apart = {name: value for name, value in changes.items() if name not in ("output", "database")}
        settings = apply_changes(self._base, apart)
        try:
            with contextlib.ExitStack() as stack:
                if changes.get("database"):
                    from midiprism.catalog.postgres.temporary_schema import temporary_schema

                    address = stack.enter_context(temporary_schema(changes["database"]))
                    settings = replace(settings, catalog=replace(settings.catalog, database=address))
                found = measure_run(self._source, out, settings, seconds, stop=self._stop)
        except MidiprismError:
            if self._stop():  # too soon for anything to be measured
                raise _StoppedError from None
            raise
        if self._stop():
            raise _StoppedError
        return found


def _make_experiments(
    run: RunModel, options: ExperimentOptions, places: Mapping[str, DiskSpeed], work: str
) -> Iterator[_Experiment]:
    for name, setting in _SETTING_OF_STRATEGY.items():
        change = best_setting(run, setting)
        if not change.values:  # nothing is expected to help: then that is tried
            change = _untried_setting(run, setting)
        yield _Experiment(name, STRATEGY_INFO[name].title, (change,), change.values, work, change.at_most)
    if find_spec("pyarrow") is not None:
        change = may_be.use_parquet(run.facts, run.disk_speeds)
        yield _Experiment(
            "parquet", STRATEGY_INFO["parquet"].title, (change,), change.values, work, change.at_most
        )
    for place, figures in places.items():
        folder = os.path.dirname(place)
        change = may_be.move_output(run.facts, run.disk_speeds, folder, figures)
        title = f"the result in {folder}"
        yield _Experiment(f"output-device {folder}", title, (change,), change.values, place, change.at_most)
    if options.database is not None:
        change = may_be.use_postgresql(run.facts)
        values = {"database": options.database}
        yield _Experiment(
            "postgresql", STRATEGY_INFO["postgresql"].title, (change,), values, work, change.at_most
        )


def _untried_setting(run: RunModel, name: str) -> Change:
    """A setting that nobody has asked for."""
    setup = run.setup
    if name == "workers":
        workers = 2 * max(1, setup.workers)
        follows = "in_flight" not in run.facts.requested
        usual = default_in_flight(workers, setup.batch_size, shared=setup.shared)
        setup = replace(setup, workers=workers, in_flight=usual if follows else setup.in_flight)
    elif name == "batch_size":
        setup = replace(setup, batch_size=_STEP_FACTOR * setup.batch_size)
    else:
        fewer = setup.in_flight // _STEP_FACTOR
        setup = replace(setup, in_flight=fewer or _STEP_FACTOR * setup.in_flight)
    return may_be.change_settings(setup, dict(changed_settings(setup, run.setup)))


def _combined_experiment(
    run: RunModel, experiments: Sequence[_Experiment], work: str
) -> Iterator[_Experiment]:
    """All that is expected to help, with the best settings for it; nothing if that is less than two."""
    helping = sorted(
        (one for one in experiments if run.gain(*one.changes) >= MIN_GAIN),
        key=lambda one: -run.gain(*one.changes),
    )
    elsewhere: dict[str, _Experiment] = {}
    for one in helping:
        kind = one.id.partition(" ")[0]
        if kind in _NEW_PLACE_STRATEGIES:
            elsewhere.setdefault(kind, one)
    changes = tuple(change for one in elsewhere.values() for change in one.changes)
    _, setup = run.apply(*changes)
    _, best = run.best_gain(*changes)
    settings = changed_settings(best, setup)
    if len(elsewhere) + len(settings) < 2:
        return
    values: dict[str, Any] = {**settings}
    folder = work
    for one in elsewhere.values():
        values |= one.values
        folder = one.folder if "output" in one.values else folder
    changes = (*changes, may_be.change_settings(best, settings))
    yield _Experiment(
        "together", "all that helps", changes, values, folder, any(one.at_most for one in elsewhere.values())
    )


def _settings_of(setup: Setup) -> dict[str, int]:
    return {"workers": setup.workers, "batch_size": setup.batch_size, "in_flight": setup.in_flight}


def _skip_reasons(options: ExperimentOptions) -> dict[StrategyId, str]:
    """Strategies that were left out, with the reason."""
    found: dict[StrategyId, str] = {}
    if find_spec("pyarrow") is None:
        found["parquet"] = "It needs pyarrow: pip install 'midiprism[parquet]'."
    if not options.places:
        found["output-device"] = "Name a folder on another device with --place."
    if options.database is None:
        found["postgresql"] = "Name a database with --database."
    with_result = "A catalogue that is a file goes with its result: try that with --place."
    found["catalogue-device"] = with_result
    found["separate-devices"] = "Sources stay where they are: try another device for the result with --place."
    for name in ("sqlite", "temporary-device"):
        found[name] = explain_not_applicable(name)
    return found
