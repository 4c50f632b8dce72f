"""What a Standard MIDI File is. Bytes in, bytes out: no files, no clock, no database."""

from typing import TYPE_CHECKING, Any

from midiprism.smf.inspection import Inspection, KeySignature, Meter, TempoChange, TrackFacts
from midiprism.smf.types import (
    CONTRACT_VERSION,
    By,
    Context,
    Limits,
    Outcome,
    Problem,
    Split,
    SplitTrack,
    Stated,
)

if TYPE_CHECKING:
    from midiprism.smf.inspecting import inspect as inspect
    from midiprism.smf.splitting import split as split

__all__ = [
    "CONTRACT_VERSION",
    "By",
    "Context",
    "Inspection",
    "KeySignature",
    "Limits",
    "Meter",
    "Outcome",
    "Problem",
    "Split",
    "SplitTrack",
    "Stated",
    "TempoChange",
    "TrackFacts",
    "inspect",
    "split",
]


def __getattr__(name: str) -> Any:
    # The types are wanted where the compiler is not.
    value: Any
    if name == "split":
        from midiprism.smf.splitting import split as value
    elif name == "inspect":
        from midiprism.smf.inspecting import inspect as value
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
