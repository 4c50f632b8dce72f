"""Split libraries of MIDI songs into single tracks: lossless, stored once, catalogued.

    >>> import midiprism
    >>> result = midiprism.split(open("song.mid", "rb").read())
    >>> [(track.name, track.instrument, track.note_count) for track in result.tracks]

The names below are the public interface; they are loaded on first use, so that importing the package stays
fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from midiprism.errors import CorruptMidiError as CorruptMidiError
    from midiprism.errors import MidiprismError as MidiprismError
    from midiprism.smf import Inspection as Inspection
    from midiprism.smf import Limits as Limits
    from midiprism.smf import Problem as Problem
    from midiprism.smf import SplitSong as SplitSong
    from midiprism.smf import SplitTrack as SplitTrack
    from midiprism.smf import StatedMeta as StatedMeta
    from midiprism.smf import inspect as inspect
    from midiprism.smf import split as split

__version__ = "0.1.0"

__all__ = [
    "CorruptMidiError",
    "Inspection",
    "Limits",
    "MidiprismError",
    "Problem",
    "SplitSong",
    "SplitTrack",
    "StatedMeta",
    "inspect",
    "split",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("CorruptMidiError", "MidiprismError"):
        from midiprism import errors as home
    else:
        from midiprism import smf as home  # type: ignore[no-redef]
    value = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
