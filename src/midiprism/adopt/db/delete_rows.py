"""Delete rows that runs have added to another program's tables, when their songs are removed."""

from collections.abc import Sequence
from typing import NamedTuple

from midiprism.adopt.db.foreign_keys import (
    lock_against_writes,
    temporary_parent_index,
    unreferenced_condition,
)
from midiprism.adopt.db.foreign_reader import ForeignLibrary
from midiprism.adopt.db.foreign_schema import hide_schema
from midiprism.adopt.db.foreign_tables import ForeignTables
from midiprism.catalog.commit_hook import BatchTransaction
from midiprism.catalog.postgres.server import driver_connection

_COUNT_ROWS = """
SELECT
    (SELECT count(*) FROM {links} d WHERE d.id IN (SELECT link_id FROM [own].foreign_links_added)
        AND (d.parent_file_id IN (SELECT id FROM {files} WHERE content_hash = ANY(:songs))
            OR d.split_file_id IN (SELECT id FROM {files} WHERE content_hash = ANY(:tracks)))),
    (SELECT count(*) FROM {files} d WHERE d.id IN (SELECT file_id FROM [own].foreign_files_added)
        AND d.content_hash = ANY(:tracks))
"""


class AddedRows(NamedTuple):
    """Numbers of rows that runs have added."""

    links: int
    files: int


def count_added_rows(
    library: ForeignLibrary, song_digests: Sequence[bytes], track_digests: Sequence[bytes]
) -> AddedRows:
    """Count the rows that a removal of some songs would delete, unless others refer to them.

    Args:
        library: whose tables they are in.
        song_digests: of the songs.
        track_digests: of tracks that no other song has.
    """
    own = f'"{library.address.schema}"'.replace(":", "\\:")
    values = {"songs": list(song_digests), "tracks": list(track_digests)}
    ((links, files),) = library.fetch_rows(_COUNT_ROWS.replace("[own]", own), **values)
    return AddedRows(int(links), int(files))


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
        of_songs = (
            f"(d.parent_file_id IN (SELECT id FROM {tables.files} WHERE content_hash = ANY(%b)) "  # noqa: S608
            f"OR d.split_file_id IN (SELECT id FROM {tables.files} WHERE content_hash = ANY(%b)))"
        )
        for table, added, key, condition, parameters in (
            (tables.links, "foreign_links_added", "link_id", of_songs, (songs, tracks)),
            (tables.files, "foreign_files_added", "file_id", "d.content_hash = ANY(%b)", (tracks,)),
        ):
            deleted = driver.execute(
                f"DELETE FROM {table} d WHERE d.id IN (SELECT {key} FROM {own}.{added}) "  # noqa: S608
                f"AND {condition} AND {unreferenced_condition(connection, table, 'd')} RETURNING d.id",
                parameters,
            ).fetchall()
            driver.execute(
                f"DELETE FROM {own}.{added} WHERE {key} = ANY(%b)",  # noqa: S608
                ([row_id for (row_id,) in deleted],),
            )
        kept = driver.execute(
            f"SELECT content_hash FROM {tables.files} WHERE content_hash = ANY(%b) "  # noqa: S608
            f"AND id IN (SELECT file_id FROM {own}.foreign_files_added)",
            (tracks,),
        ).fetchall()
    return {bytes(digest) for (digest,) in kept}
