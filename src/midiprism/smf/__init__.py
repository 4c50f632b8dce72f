"""What a Standard MIDI File is. Bytes in, bytes out: no files, no clock, no database."""

from midiprism.smf.split import split
from midiprism.smf.types import CONTRACT_VERSION, By, Context, Limits, Outcome, Problem, Split, SplitTrack

__all__ = [
    "CONTRACT_VERSION",
    "By",
    "Context",
    "Limits",
    "Outcome",
    "Problem",
    "Split",
    "SplitTrack",
    "split",
]
