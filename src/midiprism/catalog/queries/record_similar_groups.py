"""Records the groups of similar tracks and songs."""

from collections.abc import Mapping

from sqlalchemy import bindparam, delete, insert, update

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.queries.similar_tracks import GROUPING_KEY
from midiprism.catalog.schema import properties, songs, tracks


def set_groups(
    catalog: Catalog,
    of_tracks: Mapping[int, int | None],
    of_songs: Mapping[int, int | None],
    state: str,
) -> None:
    """Record groups, inside a transaction that is open.

    Args:
        of_tracks: groups of the tracks whose group changes, by their ids; None for no group.
        of_songs: the same of songs.
        state: of the grouping, for ``grouping_state``.
    """
    for table, column, groups in (
        (tracks, tracks.c.similar_track_group, of_tracks),
        (songs, songs.c.similar_song_group, of_songs),
    ):
        if groups:
            statement = update(table).where(table.c.id == bindparam("row_id"))
            statement = statement.values({column.name: bindparam("new_group")})
            rows = [{"row_id": row_id, "new_group": group} for row_id, group in groups.items()]
            catalog.connection.execute(statement, rows)
    catalog.connection.execute(delete(properties).where(properties.c.key == GROUPING_KEY))
    catalog.connection.execute(insert(properties).values(key=GROUPING_KEY, value=state))
