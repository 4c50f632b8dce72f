"""Run for a few seconds to measure settings, possibly with the changes of a strategy or plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from midiprism.advise.model.run_facts import RunFacts
from midiprism.advise.model.timeline import typical_window
from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.run_history import run_settings, samples_of
from midiprism.errors import MidiprismError
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline import RunCallbacks, RunParts, Settings, run_pipeline
from midiprism.pipeline.open_result import ResultOpener
from midiprism.pipeline.progress import RunProgress
from midiprism.results.result_dir import open_snapshots_of
from midiprism.sources import Source


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """The result of a short run.

    Attributes:
        window: its typical part.
        facts: its settings.
    """

    window: SampleWindow
    facts: RunFacts

    @property
    def rate(self) -> float:
        """Songs per second."""
        return self.window.rate


def measure_run(
    source: Source,
    out: str,
    settings: Settings,
    seconds: float,
    *,
    opener: ResultOpener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> MeasuredRun:
    """Split songs for some seconds, or to their end, and return how that went.

    Args:
        source: the songs.
        out: folder of the result; it must not exist, and is left for the caller to remove.
        settings: of the run.
        seconds: of work; loading the splitter is not counted.
        opener: opens the result; None for the usual way.
        stop: once it returns true, the run ends early.

    Raises:
        MidiprismError: the run failed, or ended before there was anything to measure.
    """
    time_over = False

    def listen(progress: RunProgress) -> None:
        nonlocal time_over
        time_over = time_over or progress.seconds >= seconds

    callbacks = RunCallbacks(stop=lambda: time_over or stop(), on_progress=listen)
    summary = run_pipeline(source, out, settings, callbacks, RunParts(open_result=opener))
    if summary.error is not None:
        raise summary.error
    run_id = summary.run_id
    if run_id is not None:
        with open_snapshots_of(out, settings.catalog.database) as snapshots, snapshots() as reader:
            samples = [RunSample.from_dict(data) for data in samples_of(reader, run_id)]
            facts = RunFacts.from_settings(run_settings(reader, [run_id])[0])
        window = typical_window(samples, running=False)
        if window is not None:
            return MeasuredRun(window, facts)
    raise MidiprismError(
        "The run ended before there was anything to measure: use more songs, or more seconds."
    )


def apply_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return settings with the changes of a strategy, except those of the folder of the result."""
    resources, catalog = settings.resources, settings.catalog
    database = catalog.database
    if "database" in changes:
        database = PostgresAddress(changes["database"]) if changes["database"] else None
    return replace(
        settings,
        identity=replace(settings.identity, store=changes.get("store", settings.identity.store)),
        resources=replace(
            resources,
            workers=changes.get("workers", resources.workers),
            batch_songs=changes.get("batch_size", resources.batch_songs),
            in_flight=changes.get("in_flight", resources.in_flight),
        ),
        catalog=replace(catalog, database=database),
    )
