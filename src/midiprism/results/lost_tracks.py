"""Looks for a few tracks of a result, so that the loss of its folders is noticed early."""

import os

from midiprism.catalog import Catalog
from midiprism.catalog.queries.track_sample import sample_tracks
from midiprism.fs.path_text import native_path
from midiprism.stores import TrackLocation, TrackStore

_SAMPLE = 32
"""Tracks that are looked for: few enough to cost nothing, enough to notice that a folder is gone."""


def find_lost_track(catalog: Catalog, store: TrackStore, out: str) -> str | None:
    """Return the path of a file of tracks that is not there, below ``out``; None if all of a sample are.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    for track in sample_tracks(catalog, _SAMPLE):
        path = track.shard_name or store.path_of(TrackLocation(*track.place))
        if path is not None and not os.path.lexists(os.path.join(out, *map(native_path, path.split("/")))):
            return path
    return None
