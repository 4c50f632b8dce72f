"""The flow of a run: songs come from a source, tracks go to a store, one commit records both.

The names below are loaded on first use: a worker process needs a small part of them.
"""

from typing import TYPE_CHECKING

from midiprism.lazy_names import load_on_first_use

if TYPE_CHECKING:
    from midiprism.pipeline.progress import RunProgress as RunProgress
    from midiprism.pipeline.runner import RunParts as RunParts
    from midiprism.pipeline.runner import run_pipeline as run_pipeline
    from midiprism.pipeline.settings import CatalogSettings as CatalogSettings
    from midiprism.pipeline.settings import RerunPolicy as RerunPolicy
    from midiprism.pipeline.settings import Resources as Resources
    from midiprism.pipeline.settings import RunCallbacks as RunCallbacks
    from midiprism.pipeline.settings import Scope as Scope
    from midiprism.pipeline.settings import Settings as Settings
    from midiprism.pipeline.settings import song_limits as song_limits
    from midiprism.pipeline.summary import Failure as Failure
    from midiprism.pipeline.summary import Summary as Summary
    from midiprism.results.identity import RequestedIdentity as RequestedIdentity

_MODULES = {
    "CatalogSettings": "midiprism.pipeline.settings",
    "Failure": "midiprism.pipeline.summary",
    "RequestedIdentity": "midiprism.results.identity",
    "RerunPolicy": "midiprism.pipeline.settings",
    "Resources": "midiprism.pipeline.settings",
    "RunCallbacks": "midiprism.pipeline.settings",
    "RunParts": "midiprism.pipeline.runner",
    "RunProgress": "midiprism.pipeline.progress",
    "Scope": "midiprism.pipeline.settings",
    "Settings": "midiprism.pipeline.settings",
    "Summary": "midiprism.pipeline.summary",
    "run_pipeline": "midiprism.pipeline.runner",
    "song_limits": "midiprism.pipeline.settings",
}

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

__getattr__ = load_on_first_use(globals(), _MODULES)
