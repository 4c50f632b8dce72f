"""What a Standard MIDI File is. Bytes in, bytes out: no files, no clock, no database."""

from typing import TYPE_CHECKING, Any

from midiprism.smf.types import CONTRACT_VERSION, By, Context, Limits, Outcome, Problem, Split, SplitTrack

if TYPE_CHECKING:
    from midiprism.smf.splitting import split as split

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


def __getattr__(name: str) -> Any:
    # The types are wanted where the compiler is not.
    if name != "split":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from midiprism.smf.splitting import split

    globals()["split"] = split
    return split
