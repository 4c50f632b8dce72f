"""Split libraries of MIDI songs into single tracks: lossless, stored once, cataloged.

    >>> import midiprism
    >>> result = midiprism.split(open("song.mid", "rb").read())
    >>> [(track.name, track.instrument, track.note_count) for track in result.tracks]

Whole collections::

    >>> summary = midiprism.split_library("songs", "result")
    >>> for track in midiprism.open_result("result").find(instrument="bass"):
    ...     print(track.song_name)

The names below are the public interface. They are loaded on first use, so importing the package is fast.
"""

from typing import TYPE_CHECKING

from midiprism.lazy_names import load_on_first_use

if TYPE_CHECKING:
    from midiprism.api import Result as Result
    from midiprism.api import SongRow as SongRow
    from midiprism.api import open_result as open_result
    from midiprism.api import split_library as split_library
    from midiprism.errors import CorruptMidiError as CorruptMidiError
    from midiprism.errors import MidiprismError as MidiprismError
    from midiprism.generations.table_files import table_files as table_files
    from midiprism.pipeline.progress import RunProgress as RunProgress
    from midiprism.pipeline.summary import Summary as Summary
    from midiprism.smf import Inspection as Inspection
    from midiprism.smf import Limits as Limits
    from midiprism.smf import Problem as Problem
    from midiprism.smf import SplitSong as SplitSong
    from midiprism.smf import SplitTrack as SplitTrack
    from midiprism.smf import inspect as inspect
    from midiprism.smf import split as split
    from midiprism.smf.types import CONTRACT_VERSION as CONTRACT_VERSION

__version__ = "0.1.0"

_MODULES = {
    "CONTRACT_VERSION": "midiprism.smf.types",
    "CorruptMidiError": "midiprism.errors",
    "Inspection": "midiprism.smf",
    "Limits": "midiprism.smf",
    "MidiprismError": "midiprism.errors",
    "Problem": "midiprism.smf",
    "Result": "midiprism.api",
    "RunProgress": "midiprism.pipeline.progress",
    "SongRow": "midiprism.api",
    "SplitSong": "midiprism.smf",
    "SplitTrack": "midiprism.smf",
    "Summary": "midiprism.pipeline.summary",
    "inspect": "midiprism.smf",
    "open_result": "midiprism.api",
    "split": "midiprism.smf",
    "split_library": "midiprism.api",
    "table_files": "midiprism.generations.table_files",
}

__all__ = [
    "CONTRACT_VERSION",
    "CorruptMidiError",
    "Inspection",
    "Limits",
    "MidiprismError",
    "Problem",
    "Result",
    "RunProgress",
    "SongRow",
    "SplitSong",
    "SplitTrack",
    "Summary",
    "inspect",
    "open_result",
    "split",
    "split_library",
    "table_files",
]


__getattr__ = load_on_first_use(globals(), _MODULES)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
