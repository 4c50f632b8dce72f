"""The flow of a run: songs come from a source, tracks go to a store, one commit records both."""

from midiprism.pipeline.progress import RunProgress
from midiprism.pipeline.runner import RunParts, run_pipeline
from midiprism.pipeline.settings import (
    CatalogSettings,
    RerunPolicy,
    Resources,
    RunCallbacks,
    Scope,
    Settings,
    song_limits,
)
from midiprism.pipeline.summary import Failure, Summary
from midiprism.results.identity import RequestedIdentity

__all__ = [
    "CatalogSettings",
    "Failure",
    "RequestedIdentity",
    "RerunPolicy",
    "Resources",
    "RunCallbacks",
    "RunParts",
    "RunProgress",
    "Scope",
    "Settings",
    "Summary",
    "run_pipeline",
    "song_limits",
]
