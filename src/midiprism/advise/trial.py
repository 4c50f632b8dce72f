"""Runs for a few seconds, to measure a setting: with changes that a strategy or a plan asks for."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from midiprism.advise.series import typical
from midiprism.catalog import PostgresAddress
from midiprism.catalog.history import settings_of
from midiprism.catalog.samples import samples_of
from midiprism.errors import MidiprismError
from midiprism.library import Library
from midiprism.meter.sample import Sample, Window
from midiprism.run import Settings, split_library
from midiprism.run.progress import Progress
from midiprism.run.result import catalog_of
from midiprism.run.scene import Opening


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of some seconds did.

    Attributes:
        window: the part of it that is typical.
        facts: what was recorded of it when it began.
    """

    window: Window
    facts: Mapping[str, Any]

    @property
    def rate(self) -> float:
        """Songs a second."""
        return self.window.rate


def measured(
    library: Library,
    out: str,
    settings: Settings,
    seconds: float,
    *,
    opening: Opening | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Measured:
    """Split a library for so many seconds of work, or to its end, and say how that went.

    Args:
        out: where to; a folder that is not there, and that is removed when all is over.
        stop: once true, it ends sooner.

    Raises:
        MidiprismError: the run could not go on, or was over before there was anything to measure.
    """
    over = False

    def listen(progress: Progress) -> None:
        nonlocal over
        over = over or progress.seconds >= seconds

    try:
        summary = split_library(
            library, out, settings, opening=opening, stop=lambda: over or stop(), listener=listen
        )
        if summary.error is not None:
            raise summary.error
        number = summary.run_id
        if number is not None:
            with catalog_of(out, settings.database) as catalog, catalog.view() as connection:
                samples = [Sample.from_dict(it) for it in samples_of(connection, number)]
                facts = dict(settings_of(connection, [number])[0])
            window = typical(samples, running=False)
            if window is not None:
                return Measured(window, facts)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    raise MidiprismError(
        "The run was over before there was anything to measure: take more songs, or seconds."
    )


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Settings with what ``Strategy.changes`` asks for; where the result goes is not among them."""
    database = settings.database
    if "database" in changes:
        database = PostgresAddress(changes["database"]) if changes["database"] else None
    return replace(
        settings,
        workers=changes.get("workers", settings.workers),
        batch_parents=changes.get("batch_size", settings.batch_parents),
        in_flight=changes.get("in_flight", settings.in_flight),
        store=changes.get("store", settings.store),
        database=database,
    )
