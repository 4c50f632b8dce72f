"""Standard MIDI Files: parse, split, inspect. Bytes in, bytes out: no files, no clock, no database."""

from typing import TYPE_CHECKING, Any

from midiprism.smf.inspect_types import Inspection, KeySignature, SourceTrack, TempoChange, TimeSignature
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


def __getattr__(name: str) -> Any:
    # Code that needs only the types must not load the compiler.
    value: Any
    if name == "split":
        from midiprism.smf.split_song import split as value
    elif name == "inspect":
        from midiprism.smf.inspect_song import inspect as value
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
