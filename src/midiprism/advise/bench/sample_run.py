"""Runs for a few seconds, to measure a setting: with changes that a strategy or a plan asks for."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from midiprism.advise.model.timeline import typical_window
from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.run_history import run_settings
from midiprism.catalog.queries.run_samples import samples_of
from midiprism.errors import MidiprismError
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.pipeline import RunCallbacks, RunParts, Settings, run_pipeline
from midiprism.pipeline.open_result import ResultOpener
from midiprism.pipeline.progress import RunProgress
from midiprism.results.result_dir import open_catalog_of
from midiprism.sources import Source


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What a run of some seconds did.

    Attributes:
        window: the part of it that is typical.
        facts: what was recorded of it when it began.
    """

    window: SampleWindow
    recorded_settings: Mapping[str, Any]

    @property
    def rate(self) -> float:
        """Songs a second."""
        return self.window.rate


def measure_run(
    source: Source,
    out: str,
    settings: Settings,
    seconds: float,
    *,
    opening: ResultOpener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> MeasuredRun:
    """Split a library for so many seconds of work, or to its end, and say how that went.

    Args:
        out: where to; a folder that is not there, and that is removed when all is over.
        stop: once true, it ends sooner.

    Raises:
        MidiprismError: the run could not go on, or was over before there was anything to measure.
    """
    over = False

    def listen(progress: RunProgress) -> None:
        nonlocal over
        over = over or progress.seconds >= seconds

    try:
        callbacks = RunCallbacks(stop=lambda: over or stop(), on_progress=listen)
        summary = run_pipeline(source, out, settings, callbacks, RunParts(open_result=opening))
        if summary.error is not None:
            raise summary.error
        number = summary.run_id
        if number is not None:
            with (
                open_catalog_of(out, settings.catalog.database) as catalog,
                catalog.read_transaction() as connection,
            ):
                samples = [RunSample.from_dict(it) for it in samples_of(connection, number)]
                facts = dict(run_settings(connection, [number])[0])
            window = typical_window(samples, running=False)
            if window is not None:
                return MeasuredRun(window, facts)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    raise MidiprismError(
        "The run was over before there was anything to measure: take more songs, or seconds."
    )


def apply_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Settings with what ``Strategy.changes`` asks for; where the result goes is not among them."""
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
