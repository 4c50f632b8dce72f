"""Counts the rows that the tables of a data set have."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from midiprism.catalog.schema import songs, tracks


class TableSizes(NamedTuple):
    """Numbers of tracks, of links, and of songs whose content is known."""

    tracks: int
    links: int
    songs: int


def table_sizes(connection: Connection) -> TableSizes:
    """Return how many tracks, links and songs there are. It reads the table of songs, and no links."""
    known_songs = select(func.count(), func.coalesce(func.sum(songs.c.link_count), 0)).where(
        songs.c.digest.is_not(None)
    )
    song_count, link_count = connection.execute(known_songs).one()
    track_count = connection.scalar(select(func.count()).select_from(tracks)) or 0
    return TableSizes(track_count, int(link_count), song_count)
