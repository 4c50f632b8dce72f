"""Moving the rows of songs, and of tracks that no other song has, to tables of removed rows and back.

Everything here is done inside a transaction that is open.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, insert, literal, null, select

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import (
    links,
    removed_links,
    removed_paths,
    removed_songs,
    removed_tracks,
    shards,
    song_paths,
    songs,
    tracks,
)
from midiprism.catalog.types import TrackPathFields

_TABLES: Sequence[tuple[Table, Table, str]] = (
    (links, removed_links, "song_id"),
    (song_paths, removed_paths, "song_id"),
    (songs, removed_songs, "id"),
)
"""Tables with rows of songs, the tables of their removed rows, and the column with the id of the song."""


class RemovedTrack(NamedTuple):
    """A track that was removed.

    Attributes:
        place: the fields of its file's path.
        shard_name: name of the shard that held it; None where it was a file of its own.
        shard_row: 0-based, in that shard.
    """

    id: int
    size: int
    place: TrackPathFields
    shard_name: str | None
    shard_row: int | None


class RemovalQueries:
    """Moves rows between the tables of a catalog and those of removed rows.

    Args:
        catalog: open for writing.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @property
    def _connection(self) -> Connection:
        return self._catalog.connection

    def song_digests(self, song_ids: Iterable[int]) -> list[bytes]:
        """Return the digests of those songs that were read."""
        found: list[bytes] = []
        for part in query_chunks(sorted(song_ids)):
            query = select(songs.c.digest).where(songs.c.id.in_(part), songs.c.digest.is_not(None))
            found += self._connection.scalars(query)
        return found

    def link_shards(self, song_ids: Iterable[int]) -> set[int]:
        """Return the ids of the shards that hold links of these songs."""
        found: set[int] = set()
        for part in query_chunks(sorted(song_ids)):
            query = select(songs.c.shard_id).where(songs.c.id.in_(part), songs.c.shard_id.is_not(None))
            found.update(self._connection.scalars(query))
        return found

    def remove_songs(self, removal_id: int, song_ids: Iterable[int]) -> int:
        """Remove songs with their paths and links. Return how many there were."""
        count = 0
        for part in query_chunks(sorted(song_ids)):
            for table, removed, key in _TABLES:
                condition = table.c[key].in_(part)
                self._copy(table, removed, condition, {"removal_id": literal(removal_id)})
                deleted = self._connection.execute(delete(table).where(condition)).rowcount
            count += deleted  # of the last table
        return count

    def remove_unlinked_tracks(self, removal_id: int) -> set[int]:
        """Remove the tracks of removed songs that no song has. Return the ids of shards that hold some."""
        of_removal = removed_links.c.removal_id == removal_id
        unlinked = select(removed_links.c.track_id).where(of_removal).except_(select(links.c.track_id))
        shard_name = select(shards.c.name).where(shards.c.id == tracks.c.shard_id).scalar_subquery()
        constants = {"removal_id": literal(removal_id), "shard_name": shard_name}
        self._copy(tracks, removed_tracks, tracks.c.id.in_(unlinked), constants)
        removed = removed_tracks.c
        of_tracks = removed.removal_id == removal_id
        self._connection.execute(delete(tracks).where(tracks.c.id.in_(select(removed.id).where(of_tracks))))
        query = select(removed.shard_id).where(of_tracks, removed.shard_id.is_not(None))
        return set(self._connection.scalars(query.distinct()))

    def removed_tracks(self, removal_id: int | None = None) -> list[RemovedTrack]:
        """Return the tracks that a removal removed; None for all removals."""
        row = removed_tracks.c
        place = [row[name] for name in TrackPathFields._fields]
        query = select(row.id, row.size, row.shard_name, row.shard_row, *place).order_by(row.id)
        if removal_id is not None:
            query = query.where(row.removal_id == removal_id)
        return [
            RemovedTrack(track_id, size, TrackPathFields(*fields), shard_name, shard_row)
            for track_id, size, shard_name, shard_row, *fields in self._connection.execute(query)
        ]

    def count_removed_links(self, removal_id: int) -> int:
        """Return how many links a removal removed."""
        query = select(func.count()).where(removed_links.c.removal_id == removal_id)
        return self._connection.scalar(query) or 0

    def songs_with_tracks(self, removal_id: int, digests: Collection[bytes]) -> set[int]:
        """Return the ids of the songs that a removal removed and that have one of these removed tracks."""
        found: set[int] = set()
        link = removed_links.c
        for part in query_chunks(sorted(digests)):
            track_ids = select(removed_tracks.c.id).where(removed_tracks.c.digest.in_(part))
            query = select(link.song_id).where(link.removal_id == removal_id, link.track_id.in_(track_ids))
            found.update(self._connection.scalars(query.distinct()))
        return found

    def known_digests(self, digests: Iterable[bytes]) -> set[bytes]:
        """Return those of these digests whose tracks are in the catalog."""
        return self._stored_values(tracks.c.digest, digests)

    def last_removal(self) -> int | None:
        """Return the id of the last removal; None without any that can be undone."""
        last: int | None = self._connection.scalar(select(func.max(removed_songs.c.removal_id)))
        return last

    def has_removed_rows(self) -> bool:
        """Return whether there is any removed row; an undo may leave those of tracks."""
        return any(
            self._connection.scalar(select(removed.c.id).limit(1)) is not None
            for removed in (removed_songs, removed_tracks)
        )

    def discard(self) -> int:
        """Delete all removed rows. Return how many songs can be restored no more."""
        for removed in (removed_links, removed_paths, removed_tracks):
            self._connection.execute(delete(removed))
        return self._connection.execute(delete(removed_songs)).rowcount

    def discard_songs(self, removal_id: int) -> None:
        """Delete the removed rows of the songs of a removal; earlier removals may need its tracks."""
        for removed in (removed_links, removed_paths, removed_songs):
            self._connection.execute(delete(removed).where(removed.c.removal_id == removal_id))

    def restorable_songs(self, removal_id: int) -> dict[int, set[int]]:
        """Return the songs of a removal whose content is not in the catalog again, with their tracks' ids."""
        row = removed_songs.c
        query = select(row.id).where(
            row.removal_id == removal_id,
            row.digest.is_not(None),
            row.digest.not_in(select(songs.c.digest).where(songs.c.digest.is_not(None))),
        )
        track_ids: dict[int, set[int]] = {song_id: set() for song_id in self._connection.scalars(query)}
        link = removed_links.c
        pairs = select(link.song_id, link.track_id).where(link.removal_id == removal_id)
        for song_id, track_id in self._connection.execute(pairs):
            if song_id in track_ids:
                track_ids[song_id].add(track_id)
        return track_ids

    def existing_tracks(self, track_ids: Iterable[int]) -> set[int]:
        """Return those of these ids that tracks have."""
        return self._stored_values(tracks.c.id, track_ids)

    def restore_tracks(self, track_ids: Iterable[int]) -> None:
        """Put back removed tracks, in no shard."""
        nowhere = {"shard_id": null(), "shard_row": null()}
        for part in query_chunks(sorted(track_ids)):
            self._copy(removed_tracks, tracks, removed_tracks.c.id.in_(part), nowhere)
            self._connection.execute(delete(removed_tracks).where(removed_tracks.c.id.in_(part)))

    def restore_songs(self, removal_id: int, song_ids: Iterable[int]) -> None:
        """Put back removed songs, with those of their paths at which no other song is, and their links."""
        removed, track = removed_tracks.c, tracks.c
        same_track = (
            select(track.id)
            .where(track.digest == removed.digest, removed.id == removed_links.c.track_id)
            .limit(1)
            .scalar_subquery()
        )
        track_id = func.coalesce(same_track, removed_links.c.track_id)
        taken = select(song_paths.c.path)
        for part in query_chunks(sorted(song_ids)):
            of_removal = removed_songs.c.removal_id == removal_id
            self._copy(removed_songs, songs, of_removal & removed_songs.c.id.in_(part), {"shard_id": null()})
            for source, target, constants in (
                (removed_paths, song_paths, {"gone_at": null()}),
                (removed_links, links, {"track_id": track_id}),
            ):
                condition = (source.c.removal_id == removal_id) & source.c.song_id.in_(part)
                if target is song_paths:
                    condition &= source.c.path.not_in(taken)
                self._copy(source, target, condition, constants)

    def _stored_values(self, column: Column[Any], values: Iterable[Any]) -> set[Any]:
        """Return those of some values that a column has."""
        found: set[Any] = set()
        for part in query_chunks(sorted(values)):
            found.update(self._connection.scalars(select(column).where(column.in_(part))))
        return found

    def _copy(
        self,
        source: Table,
        target: Table,
        condition: ColumnElement[bool],
        constants: Mapping[str, ColumnElement[Any]],
    ) -> None:
        """Insert the rows of one table into another, with other values for some columns."""
        names = [
            column.name for column in target.columns if column.name in source.c or column.name in constants
        ]
        values = [constants[name] if name in constants else source.c[name] for name in names]
        self._connection.execute(insert(target).from_select(names, select(*values).where(condition)))
