"""Measure strategies, alone and together, with short runs, and compare that with the predictions."""

import contextlib
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

from midiprism.advise.bench.sample_run import MeasuredRun, apply_changes, measure_run
from midiprism.advise.bottleneck import MIN_GAIN
from midiprism.advise.model import what_if
from midiprism.advise.model.optimizer import changed_settings
from midiprism.advise.model.run_facts import TunableName
from midiprism.advise.model.what_if import Change
from midiprism.advise.probe.disk_results import DiskSpeed, load_disk_speed
from midiprism.advise.probe.probe import probe
from midiprism.advise.probe.temp_dir import temp_dir
from midiprism.advise.report.explanations import STRATEGY_INFO, StrategyId, explain_not_applicable
from midiprism.advise.report.strategies import RunModel, best_setting, model_run
from midiprism.errors import MidiprismError, UsageError
from midiprism.optional_packages import MissingPackageError
from midiprism.pipeline import Settings
from midiprism.pipeline.resource_defaults import cpus, default_in_flight
from midiprism.pipeline.tuner import Tunables
from midiprism.sources import Notice, SongContent, SongRef, Source

_DEFAULT = Settings()
_TOGETHER_TITLE = "everything that helps"
_WARM_UP_SHARE = 0.5
_STEP_FACTOR = 4
_SETTING_OF_STRATEGY: dict[StrategyId, TunableName] = {
    "workers": "workers",
    "batches": "batch_size",
    "in-flight": "in_flight",
}
_RESULT_STRATEGIES = ("parquet", "output-device", "postgresql")


@dataclass(frozen=True)
class SampledSource(Source):
    """Some songs of another source, in its order."""

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
    """The rates of one strategy, in songs per second.

    Attributes:
        id: of a strategy, with the folder for ``output-device``; ``base`` for the run as it is, ``together``
            for everything that is expected to help.
        title: what it changes.
        changes: what was changed, see ``Strategy.changes``.
        predicted: median over the rounds of the rate predicted from the base; None for the base and for
            strategies that were not tried.
        measured: median of the measured rates; None if it was not tried.
        rates: the measured rate of each round.
        upper_bound: whether the prediction is an upper bound.
        reason: why it was not tried.
    """

    id: str
    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    predicted: float | None = None
    measured: float | None = None
    rates: tuple[float, ...] = ()
    upper_bound: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ExperimentOptions:
    """The strategies to try, and the length of the runs.

    Attributes:
        work_folder: where temporary results go.
        other_folders: folders on other disks to try for results.
        database: address of a PostgreSQL database to try; temporary schemas are created in it.
        settings: of the run as it is.
        run_seconds: duration of each run.
        rounds: how often each strategy is measured; the strategies take turns.
    """

    work_folder: str
    other_folders: tuple[str, ...] = ()
    database: str | None = None
    settings: Settings = _DEFAULT
    run_seconds: float = 5.0
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class _Experiment:
    """A strategy to try.

    Attributes:
        changes: what the model predicts the rates of, and ``values`` what is set in the run.
        folder: where its results go.
        rates: the measured rate of each round, likewise ``predicted``.
    """

    id: str
    title: str
    changes: tuple[Change, ...]
    values: Mapping[str, Any]
    folder: str
    upper_bound: bool
    rates: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)

    def result(self) -> ExperimentResult:
        return ExperimentResult(
            id=self.id,
            title=self.title,
            changes=self.values,
            predicted=statistics.median(self.predicted) if self.predicted else None,
            measured=statistics.median(self.rates),
            rates=tuple(self.rates),
            upper_bound=self.upper_bound,
        )


def sample_songs(source: Source, songs: int) -> SampledSource:
    """Return ``songs`` songs of a source, or up to twice as many, evenly distributed.

    Raises:
        UsageError: the source has none.
    """
    sample: list[SongRef] = []
    step = 1
    for number, song in enumerate(entry for entry in source.walk() if isinstance(entry, SongRef)):
        if number % step == 0:
            sample.append(song)
        if len(sample) > 2 * songs:
            sample, step = sample[::2], 2 * step
    if not sample:
        raise UsageError("There are no songs to measure with: name another source.")
    return SampledSource(source, sample)


def run_experiments(
    source: Source, options: ExperimentOptions, stop: Callable[[], bool], on_progress: Callable[[str], None]
) -> list[ExperimentResult] | None:
    """Measure all strategies that can be tried, and remove everything that was written.

    Args:
        source: the songs to split.
        options: what to try.
        stop: once it returns true, the present run ends, and no other begins.
        on_progress: called with a sentence before each step.

    Returns:
        The results; None if it was stopped.

    Raises:
        MidiprismError: a run failed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(_StoppedError))
        work, *other_folders = (
            stack.enter_context(temp_dir(folder)) for folder in (options.work_folder, *options.other_folders)
        )
        runner = _ExperimentRunner(source, options, stop, on_progress)
        speeds = {folder: runner.disk_speed(folder) for folder in (work, *other_folders)}
        disk_speeds = list(speeds.values())
        on_progress("Warming up ...")
        runner.run({}, work, _WARM_UP_SHARE * options.run_seconds)
        base_run = runner.run({}, work, options.run_seconds)
        model = model_run(base_run.window, base_run.facts, disk_speeds)
        assert model is not None
        base = _Experiment("base", "as it is", (), _settings_of(model.tunables), work, upper_bound=False)
        targets = {folder: speeds[folder] for folder in other_folders}
        experiments = list(_make_experiments(model, options, targets, work))
        experiments += _combined_experiment(model, experiments, work)
        for number in range(1, options.rounds + 1):
            if number > 1:
                on_progress(f"Round {number} of {options.rounds}: as it is ...")
                base_run = runner.run({}, work, options.run_seconds)
                model = model_run(base_run.window, base_run.facts, disk_speeds) or model
            base.rates.append(base_run.rate)
            for experiment in experiments:
                on_progress(f"Round {number} of {options.rounds}: {experiment.title} ...")
                measured = runner.run(experiment.values, experiment.folder, options.run_seconds)
                experiment.rates.append(measured.rate)
                experiment.predicted.append(base_run.rate * model.gain(*experiment.changes))
        results = [experiment.result() for experiment in (base, *experiments)]
        return results + _untried_results(experiments, options)
    return None


class _StoppedError(Exception):
    """The experiments were stopped."""


def _untried_results(
    experiments: Sequence[_Experiment], options: ExperimentOptions
) -> list[ExperimentResult]:
    results = [
        ExperimentResult(name, STRATEGY_INFO[name].title, reason=reason)
        for name, reason in _skip_reasons(options).items()
    ]
    if not any(experiment.id == "together" for experiment in experiments):
        reason = "Fewer than two changes are expected to help."
        results.append(ExperimentResult("together", _TOGETHER_TITLE, reason=reason))
    return results


class _ExperimentRunner:
    """Runs single experiments."""

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
        self._run_count = 0
        settings, workers = options.settings, options.settings.resources.workers
        # By default, the coordinator would split a small sample itself.
        self._base = replace(
            settings,
            resources=replace(settings.resources, workers=cpus() if workers is None else workers),
            scope=replace(settings.scope, count_songs=False),
        )

    def disk_speed(self, folder: str) -> DiskSpeed:
        """Return the stored speed of a disk, or measure it now."""
        speed = load_disk_speed(folder)
        if speed is not None and speed.create_us:
            return speed
        self._on_progress(f"Measuring {os.path.dirname(folder)} ...")
        return probe(folder)

    def run(self, changes: Mapping[str, Any], folder: str, seconds: float) -> MeasuredRun:
        """Run with changes to the base.

        Results stay until all runs are done: a file system that is still removing the files of one run slows
        the next one down, which is true of ext4.
        """
        self._run_count += 1
        out = os.path.join(folder, f"result-{self._run_count}")
        settings_changes = {
            name: value for name, value in changes.items() if name not in ("output", "database")
        }
        settings = apply_changes(self._base, settings_changes)
        try:
            with contextlib.ExitStack() as stack:
                if changes.get("database"):
                    from midiprism.catalog.postgres.temporary_schema import temporary_schema

                    address = stack.enter_context(temporary_schema(changes["database"]))
                    settings = replace(settings, catalog=replace(settings.catalog, database=address))
                measured = measure_run(self._source, out, settings, seconds, stop=self._stop)
        except MidiprismError:
            if self._stop():  # it was too early for anything to be measured
                raise _StoppedError from None
            raise
        if self._stop():
            raise _StoppedError
        return measured


def _make_experiments(
    model: RunModel, options: ExperimentOptions, targets: Mapping[str, DiskSpeed], work: str
) -> Iterator[_Experiment]:
    """Yield each strategy that can be tried.

    Args:
        model: of the run as it is.
        options: what to try.
        targets: temporary folders on other disks, with their speeds.
        work: temporary folder for all other results.
    """

    def experiment(name: StrategyId, change: Change, values: Mapping[str, Any]) -> _Experiment:
        return _Experiment(name, STRATEGY_INFO[name].title, (change,), values, work, change.upper_bound)

    for name, setting in _SETTING_OF_STRATEGY.items():
        change = best_setting(model, setting)
        if not change.values:  # the present value is the best by the model: another one tests that
            change = _other_setting(model, setting)
        yield experiment(name, change, change.values)
    if find_spec("pyarrow") is not None:
        change = what_if.use_parquet(model.facts, model.disk_speeds)
        yield experiment("parquet", change, change.values)
    for target, speed in targets.items():
        folder = os.path.dirname(target)
        change = what_if.move_output(model.facts, model.disk_speeds, folder, speed)
        yield _Experiment(
            f"output-device {folder}",
            f"the result in {folder}",
            (change,),
            change.values,
            target,
            change.upper_bound,
        )
    if options.database is not None:
        yield experiment("postgresql", what_if.use_postgresql(model.facts), {"database": options.database})


def _other_setting(model: RunModel, name: TunableName) -> Change:
    """Return the change to another value of a setting."""
    tunables = model.tunables
    if name == "workers":
        workers, in_flight = 2 * max(1, tunables.workers), tunables.in_flight
        if "in_flight" not in model.facts.requested:
            in_flight = default_in_flight(workers, tunables.batch_size, shared=model.facts.workers_commit)
        tunables = replace(tunables, workers=workers, in_flight=in_flight)
    elif name == "batch_size":
        tunables = replace(tunables, batch_size=_STEP_FACTOR * tunables.batch_size)
    else:
        fewer = tunables.in_flight // _STEP_FACTOR
        tunables = replace(tunables, in_flight=fewer or _STEP_FACTOR * tunables.in_flight)
    return what_if.change_settings(tunables, model.tunables)


def _combined_experiment(
    model: RunModel, experiments: Sequence[_Experiment], work: str
) -> Iterator[_Experiment]:
    """Yield everything that is expected to help, with the best settings, if that is at least two changes."""
    gains = {experiment.id: model.gain(*experiment.changes) for experiment in experiments}
    helpful = [experiment for experiment in experiments if gains[experiment.id] >= MIN_GAIN]
    chosen: dict[str, _Experiment] = {}
    for experiment in sorted(helpful, key=lambda experiment: -gains[experiment.id]):
        strategy = experiment.id.partition(" ")[0]
        if strategy in _RESULT_STRATEGIES:
            chosen.setdefault(strategy, experiment)
    changes = tuple(change for experiment in chosen.values() for change in experiment.changes)
    _, tunables = model.apply(*changes)
    _, best = model.best_gain(*changes)
    settings = changed_settings(best, tunables)
    if len(chosen) + len(settings) < 2:
        return
    values: dict[str, Any] = dict(settings.items())
    folder = work
    for experiment in chosen.values():
        values |= experiment.values
        folder = experiment.folder if "output" in experiment.values else folder
    yield _Experiment(
        id="together",
        title=_TOGETHER_TITLE,
        changes=(*changes, what_if.change_settings(best, tunables)),
        values=values,
        folder=folder,
        upper_bound=any(experiment.upper_bound for experiment in chosen.values()),
    )


def _settings_of(tunables: Tunables) -> dict[str, int]:
    return {"workers": tunables.workers, "batch_size": tunables.batch_size, "in_flight": tunables.in_flight}


def _skip_reasons(options: ExperimentOptions) -> dict[StrategyId, str]:
    """Return the strategies that are not tried, with the reason."""
    reasons: dict[StrategyId, str] = {}
    if find_spec("pyarrow") is None:
        reasons["parquet"] = str(MissingPackageError("pyarrow", "It"))
    if not options.other_folders:
        reasons["output-device"] = "No folder on another disk was named to try."
    if options.database is None:
        reasons["postgresql"] = "No database was named to try."
    reasons["catalog-device"] = (
        "A catalog that is a file moves with its result: name a folder on another disk."
    )
    reasons["separate-devices"] = "Sources are not moved: name a folder on another disk for the result."
    for name in ("sqlite", "temporary-device"):
        reasons[name] = explain_not_applicable(name)
    return reasons
