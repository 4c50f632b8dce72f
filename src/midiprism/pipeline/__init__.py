"""The flow: songs come from a library, tracks go to a store, the catalogue learns of them in one commit."""

from midiprism.pipeline.progress import RunProgress
from midiprism.pipeline.runner import split_library
from midiprism.pipeline.settings import RerunPolicy, Settings
from midiprism.pipeline.summary import Failure, Summary

__all__ = ["Failure", "RerunPolicy", "RunProgress", "Settings", "Summary", "split_library"]
