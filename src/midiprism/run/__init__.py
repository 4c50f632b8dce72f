"""The flow: parents come from a library, tracks go to a store, the catalogue learns of them in one commit."""

from midiprism.run.engine import split_library
from midiprism.run.progress import Progress
from midiprism.run.settings import Settings, Wish
from midiprism.run.summary import Failure, Summary

__all__ = ["Failure", "Progress", "Settings", "Summary", "Wish", "split_library"]
