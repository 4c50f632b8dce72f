"""Standard MIDI Files: parse, split, inspect. Bytes in, bytes out: no files, no clock, no database."""

from typing import TYPE_CHECKING

from midiprism.lazy_names import load_on_first_use
from midiprism.smf.types import (
    CONTRACT_VERSION,
    By,
    Context,
    Limits,
    Outcome,
    Problem,
    SplitSong,
    SplitTrack,
)

if TYPE_CHECKING:
    from midiprism.smf.inspect_song import inspect as inspect
    from midiprism.smf.inspect_types import Inspection as Inspection
    from midiprism.smf.inspect_types import KeySignature as KeySignature
    from midiprism.smf.inspect_types import SourceTrack as SourceTrack
    from midiprism.smf.inspect_types import TempoChange as TempoChange
    from midiprism.smf.inspect_types import TimeSignature as TimeSignature
    from midiprism.smf.split_song import split as split

__all__ = [
    "CONTRACT_VERSION",
    "By",
    "Context",
    "Inspection",
    "KeySignature",
    "Limits",
    "Outcome",
    "Problem",
    "SourceTrack",
    "SplitSong",
    "SplitTrack",
    "TempoChange",
    "TimeSignature",
    "inspect",
    "split",
]


# Code that needs only the types must not load the compiler.
__getattr__ = load_on_first_use(
    globals(),
    {
        "inspect": "midiprism.smf.inspect_song",
        "split": "midiprism.smf.split_song",
        "Inspection": "midiprism.smf.inspect_types",
        "KeySignature": "midiprism.smf.inspect_types",
        "SourceTrack": "midiprism.smf.inspect_types",
        "TempoChange": "midiprism.smf.inspect_types",
        "TimeSignature": "midiprism.smf.inspect_types",
    },
)
