"""The catalog's record of shards: the tracks and links in each, and moving these to new shards."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, or_, select, update

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.rows import query_chunks, track_is_unlinked
from midiprism.catalog.schema import links, shards, songs, tracks
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS
from midiprism.records.track_record import TrackRecord
from midiprism.stores.parquet.schema import ParquetLink
from midiprism.stores.sharded import WrittenShard


class KnownShard(NamedTuple):
    """A shard that a commit recorded.

    Attributes:
        size: bytes of the file.
        digest: BLAKE3 of the file.
        run_id: of the run that wrote it.
        stale: 1 if it holds links of songs that were split again, else 0.
    """

    id: int
    name: str
    rows: int
    size: int
    digest: bytes
    run_id: int
    stale: int


class ShardTrack(NamedTuple):
    """A track that is in a shard, and its row there, from 0."""

    id: int
    digest: bytes
    row: int


class ShardLink(NamedTuple):
    """A link of a song, as a row of a shard."""

    song_id: int
    row: ParquetLink


class ShardIndex:
    """The shards of a catalog that is open.

    Changes are made inside a transaction that is open, such as that of ``Catalog.exclusive``.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def all_shards(self) -> list[KnownShard]:
        """Return all shards, in the order of their ids."""
        row = shards.c
        query = select(row.id, row.name, row.rows, row.bytes, row.digest, row.run_id, row.stale)
        return [KnownShard(*values) for values in self._catalog.fetch_all(query.order_by(row.id))]

    def shard_names(self) -> set[str]:
        """Return the names of all shards."""
        return {name for (name,) in self._catalog.fetch_all(select(shards.c.name))}

    def unlinked_track_ids(self) -> dict[int | None, list[int]]:
        """Return the ids of the tracks that no song has any more, by the id of their shard."""
        ids: dict[int | None, list[int]] = {}
        query = select(tracks.c.shard_id, tracks.c.id).where(track_is_unlinked())
        for shard_id, track_id in self._catalog.fetch_all(query):
            ids.setdefault(shard_id, []).append(track_id)
        return ids

    def tracks_in(self, shard_id: int) -> list[ShardTrack]:
        """Return the tracks of a shard, in the order of their rows."""
        row = tracks.c
        query = select(row.id, row.digest, row.shard_row).where(row.shard_id == shard_id)
        return [ShardTrack(*values) for values in self._catalog.fetch_all(query.order_by(row.shard_row))]

    def track_values(self, track_ids: Sequence[int]) -> dict[int, TrackRecord]:
        """Return the records of tracks, by their ids."""
        columns = [tracks.c[field.name] for field in TRACK_FIELDS]
        records: dict[int, TrackRecord] = {}
        for part in query_chunks(track_ids):
            query = select(tracks.c.id, *columns).where(tracks.c.id.in_(part))
            for track_id, *values in self._catalog.fetch_all(query):
                records[track_id] = TrackRecord._make(values)
        return records

    def count_songs(self) -> int:
        """Return how many songs have a known content."""
        return int(self._catalog.fetch_value(select(func.count()).where(songs.c.digest.is_not(None))))

    def tracks_without_shard(self) -> list[ShardTrack]:
        """Return the tracks that are in no known shard; their row is 0."""
        row = tracks.c
        is_lost = or_(row.shard_id.is_(None), row.shard_id.not_in(select(shards.c.id)))
        query = select(row.id, row.digest).where(is_lost).order_by(row.id)
        return [ShardTrack(track_id, digest, 0) for track_id, digest in self._catalog.fetch_all(query)]

    def songs_without_shard(self) -> list[int]:
        """Return the ids of the songs whose links are in no known shard."""
        song = songs.c
        is_lost = or_(song.shard_id.is_(None), song.shard_id.not_in(select(shards.c.id)))
        query = select(song.id).where(song.link_count > 0, song.digest.is_not(None), is_lost)
        return [song_id for (song_id,) in self._catalog.fetch_all(query.order_by(song.id))]

    def songs_in(self, shard_id: int) -> list[int]:
        """Return the ids of the songs whose links are in a shard."""
        query = select(songs.c.id).where(songs.c.shard_id == shard_id).order_by(songs.c.id)
        return [song_id for (song_id,) in self._catalog.fetch_all(query)]

    def links_of(self, song_ids: Sequence[int]) -> Iterator[ShardLink]:
        """Return the links of songs by their ids, song by song, in the order of their positions."""
        columns = [links.c[field.name] for field in LINK_FIELDS]
        for part in query_chunks(song_ids):
            query = (
                select(songs.c.id, songs.c.digest, links.c.position, *columns, tracks.c.digest)
                .select_from(
                    links.join(songs, songs.c.id == links.c.song_id).join(
                        tracks, tracks.c.id == links.c.track_id
                    )
                )
                .where(songs.c.id.in_(part))
                .order_by(songs.c.id, links.c.position)
            )
            for song_id, *row in self._catalog.fetch_all(query):
                yield ShardLink(song_id, ParquetLink._make(row))

    def move_tracks(
        self, new_shards: Sequence[WrittenShard], track_positions: Sequence[tuple[int, int, int]], run_id: int
    ) -> None:
        """Record that tracks are in new shards.

        Args:
            new_shards: to be recorded.
            track_positions: ids of tracks, each with its shard's index in ``new_shards`` and its row.
            run_id: of the run that wrote the shards.
        """
        shard_ids = self._catalog.insert_shards(new_shards, run_id)
        statement = update(tracks).where(tracks.c.id == bindparam("track"))
        statement = statement.values(shard_id=bindparam("shard"), shard_row=bindparam("row"))
        self._execute_many(
            statement,
            [
                {"track": track_id, "shard": shard_ids[index], "row": row}
                for track_id, index, row in track_positions
            ],
        )

    def move_links(
        self, new_shards: Sequence[WrittenShard], song_positions: Sequence[tuple[int, int]], run_id: int
    ) -> None:
        """Record that the links of songs are in new shards.

        Args:
            new_shards: to be recorded.
            song_positions: ids of songs, each with the index of its shard in ``new_shards``.
            run_id: of the run that wrote the shards.
        """
        shard_ids = self._catalog.insert_shards(new_shards, run_id)
        statement = update(songs).where(songs.c.id == bindparam("song")).values(shard_id=bindparam("shard"))
        values = [{"song": song_id, "shard": shard_ids[index]} for song_id, index in song_positions]
        self._execute_many(statement, values)

    def delete_shard(self, shard_id: int) -> None:
        """Delete the row of a shard. Tracks and links that are still in it belong to no shard then."""
        connection = self._catalog.connection
        connection.execute(
            update(tracks).where(tracks.c.shard_id == shard_id).values(shard_id=None, shard_row=None)
        )
        connection.execute(update(songs).where(songs.c.shard_id == shard_id).values(shard_id=None))
        connection.execute(delete(shards).where(shards.c.id == shard_id))

    def delete_tracks(self, track_ids: Sequence[int]) -> None:
        """Delete tracks that no song has any more."""
        statement = delete(tracks).where(tracks.c.id == bindparam("track"))
        self._execute_many(statement, [{"track": track_id} for track_id in track_ids])

    def _execute_many(self, statement: Any, values: list[dict[str, Any]]) -> None:
        if values:
            self._catalog.connection.execute(statement, values)
