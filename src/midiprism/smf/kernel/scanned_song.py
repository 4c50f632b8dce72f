"""A song after its scan: what the planning and the writing of its splits need to know."""

from typing import Any, NamedTuple


class SplitOptions(NamedTuple):
    """The options of a split, resolved for its song.

    ``by`` is BY_TRACK, BY_CHANNEL or BY_PROGRAM, and by drum holds for what is not divided by piece.
    ``keeps_zones`` says whether the channels of an MPE zone stay together, ``merges`` whether events of other
    tracks are merged.
    """

    by: Any
    keeps_zones: Any
    merges: Any
    full_context: Any
    event_by_event: Any
    midi_format: Any


class ScannedSong(NamedTuple):
    """A song's bytes, the tables of its scan, and what all of its tracks share."""

    data: Any
    tables: Any
    counters: Any
    conductor: Any
    setup_groups: Any
    context_groups: Any
    options: Any
