"""Delete rows that runs have added to another program's tables, when their songs are removed."""

from collections.abc import Sequence

from midiprism.adopt.db.foreign_keys import (
    lock_against_writes,
    temporary_parent_index,
    unreferenced_condition,
)
from midiprism.adopt.db.foreign_schema import hide_schema
from midiprism.adopt.db.foreign_tables import ForeignTables
from midiprism.catalog.commit_hook import BatchTransaction
from midiprism.catalog.postgres.server import driver_connection


def delete_added_rows(
    transaction: BatchTransaction,
    tables: ForeignTables,
    song_digests: Sequence[bytes],
    track_digests: Sequence[bytes],
) -> set[bytes]:
    """Delete the rows of ``track_splits`` and ``files`` that runs have added for some songs and tracks.

    Rows that the library's owner has added stay, and so do rows to which others refer.

    Args:
        transaction: that is open.
        tables: the library's tables.
        song_digests: of the songs.
        track_digests: of tracks that no other song has.

    Returns:
        Digests of the tracks whose rows of ``files`` stay.
    """
    connection, driver = transaction.connection, driver_connection(transaction.connection)
    own = f'"{tables.own_schema}"'
    songs, tracks = list(song_digests), list(track_digests)
    hide_schema(connection, tables.own_schema)  # the library's triggers find its own tables
    lock_against_writes(connection, tables.links, tables.files)
    with temporary_parent_index(connection, tables.files):
        deleted = driver.execute(
            f"DELETE FROM {tables.links} l WHERE l.id IN (SELECT link_id FROM {own}.foreign_links_added) "  # noqa: S608
            f"AND (l.parent_file_id IN (SELECT id FROM {tables.files} WHERE content_hash = ANY(%b)) "
            f"OR l.split_file_id IN (SELECT id FROM {tables.files} WHERE content_hash = ANY(%b))) "
            f"AND {unreferenced_condition(connection, tables.links, 'l')} RETURNING l.id",
            (songs, tracks),
        ).fetchall()
        driver.execute(
            f"DELETE FROM {own}.foreign_links_added WHERE link_id = ANY(%b)",  # noqa: S608
            ([link_id for (link_id,) in deleted],),
        )
        deleted = driver.execute(
            f"DELETE FROM {tables.files} f WHERE f.id IN (SELECT file_id FROM {own}.foreign_files_added) "  # noqa: S608
            f"AND f.content_hash = ANY(%b) AND {unreferenced_condition(connection, tables.files, 'f')} "
            "RETURNING f.id",
            (tracks,),
        ).fetchall()
        driver.execute(
            f"DELETE FROM {own}.foreign_files_added WHERE file_id = ANY(%b)",  # noqa: S608
            ([file_id for (file_id,) in deleted],),
        )
        kept = driver.execute(
            f"SELECT content_hash FROM {tables.files} WHERE content_hash = ANY(%b) "  # noqa: S608
            f"AND id IN (SELECT file_id FROM {own}.foreign_files_added)",
            (tracks,),
        ).fetchall()
    return {bytes(digest) for (digest,) in kept}
