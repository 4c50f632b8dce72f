"""A few tracks from all over a catalog, found by their ids without reading the table."""

from typing import NamedTuple

from sqlalchemy import func, select

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.schema import shards, tracks
from midiprism.catalog.types import TrackPathFields


class SampledTrack(NamedTuple):
    """A track and where it is.

    Attributes:
        place: the fields of its file's path.
        shard_name: name of the shard that holds it; None where it is a file of its own.
    """

    place: TrackPathFields
    shard_name: str | None


def sample_tracks(catalog: Catalog, count: int) -> list[SampledTrack]:
    """Return at most ``count`` tracks, spread evenly; the first and the last are among them."""
    (bounds,) = catalog.fetch_all(select(func.min(tracks.c.id), func.max(tracks.c.id)))
    first, last = bounds
    if first is None:
        return []
    wanted = {first + (last - first) * number // max(1, count - 1) for number in range(count)}
    place = [tracks.c[name] for name in TrackPathFields._fields]
    query = select(shards.c.name, *place).select_from(tracks)
    query = query.outerjoin(shards, shards.c.id == tracks.c.shard_id).where(tracks.c.id.in_(sorted(wanted)))
    return [SampledTrack(TrackPathFields(*fields), name) for name, *fields in catalog.fetch_all(query)]
