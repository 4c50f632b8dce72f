"""The tracks that only some songs have: a removal of these songs removes them too."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import links, tracks

_FETCH_ROWS = 10_000


class SoleTrack(NamedTuple):
    """A track that no other song has."""

    digest: bytes
    size: int


def tracks_of_no_other_song(catalog: Catalog, song_ids: Collection[int]) -> list[SoleTrack]:
    """Return the tracks of some songs that no other song has. All links are read once."""
    chosen, track_ids = frozenset(song_ids), set[int]()
    for part in query_chunks(sorted(chosen)):
        of_songs = select(links.c.track_id).where(links.c.song_id.in_(part)).distinct()
        track_ids.update(track_id for (track_id,) in catalog.fetch_all(of_songs))
    if track_ids:
        with catalog.read_transaction() as connection:
            every_link = select(links.c.song_id, links.c.track_id).execution_options(yield_per=_FETCH_ROWS)
            for song_id, track_id in connection.execute(every_link):
                if track_id in track_ids and song_id not in chosen:
                    track_ids.discard(track_id)
    found: list[SoleTrack] = []
    for part in query_chunks(sorted(track_ids)):
        query = select(tracks.c.digest, tracks.c.size).where(tracks.c.id.in_(part))
        found += [SoleTrack(*row) for row in catalog.fetch_all(query)]
    return found
