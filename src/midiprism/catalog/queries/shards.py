"""What the catalogue says of shards: which there are, what lies in them, and how that moves to new ones."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Executable, bindparam, delete, func, or_, select, update

from midiprism.catalog.catalog import MAX_QUERY_VALUES, Catalog, track_is_unlinked
from midiprism.catalog.schema import links, shards, songs, tracks
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS, TrackRecord
from midiprism.stores.parquet.schema import ParquetLink
from midiprism.stores.sharded import WrittenShard


class KnownShard(NamedTuple):
    """A shard of which a commit speaks.

    Attributes:
        size: bytes of the file; ``digest`` is their BLAKE3.
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
    """A content that lies in a shard, and its row there, from 0."""

    id: int
    digest: bytes
    row: int


class ShardLink(NamedTuple):
    """A link of a song, as a row of a shard."""

    song_id: int
    row: ParquetLink


class ShardIndex:
    """Of a catalogue that is open.

    Changes are made inside a transaction that is open, such as that of ``Catalog.exclusive``.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def all_shards(self) -> list[KnownShard]:
        """All shards, in the order of their numbers."""
        row = shards.c
        wanted = select(row.id, row.name, row.rows, row.bytes, row.digest, row.run_id, row.stale).order_by(
            row.id
        )
        return [KnownShard(*found) for found in self._fetch_all(wanted)]

    def shard_names(self) -> set[str]:
        """Their names."""
        return {name for (name,) in self._fetch_all(select(shards.c.name))}

    def unlinked_track_ids(self) -> dict[int | None, list[int]]:
        """For each shard the numbers of its tracks that no song has any more."""
        found: dict[int | None, list[int]] = {}
        wanted = select(tracks.c.shard_id, tracks.c.id).where(track_is_unlinked())
        for shard, track in self._fetch_all(wanted):
            found.setdefault(shard, []).append(track)
        return found

    def tracks_in(self, shard_id: int) -> list[ShardTrack]:
        """The contents of a shard, in the order of their rows."""
        row = tracks.c
        wanted = select(row.id, row.digest, row.shard_row).where(row.shard_id == shard_id)
        return [ShardTrack(*found) for found in self._fetch_all(wanted.order_by(row.shard_row))]

    def track_values(self, track_ids: Sequence[int]) -> dict[int, TrackRecord]:
        """Return the records of tracks, by their ids."""
        found: dict[int, TrackRecord] = {}
        columns = [tracks.c[field.name] for field in TRACK_FIELDS]
        for start in range(0, len(track_ids), MAX_QUERY_VALUES):
            part = track_ids[start : start + MAX_QUERY_VALUES]
            for number, *values in self._fetch_all(
                select(tracks.c.id, *columns).where(tracks.c.id.in_(part))
            ):
                found[number] = TrackRecord._make(values)
        return found

    def count_songs(self) -> int:
        """How many songs there are whose content is known."""
        ((count,),) = self._fetch_all(select(func.count()).where(songs.c.digest.is_not(None)))
        return int(count)

    def tracks_without_shard(self) -> list[ShardTrack]:
        """The contents that lie in no shard that is known; their row is 0."""
        row = tracks.c
        known = select(shards.c.id)
        wanted = select(row.id, row.digest).where(or_(row.shard_id.is_(None), row.shard_id.not_in(known)))
        return [ShardTrack(number, digest, 0) for number, digest in self._fetch_all(wanted.order_by(row.id))]

    def songs_without_shard(self) -> list[int]:
        """Numbers of the songs whose links lie in no shard that is known."""
        song = songs.c
        lost = or_(song.shard_id.is_(None), song.shard_id.not_in(select(shards.c.id)))
        wanted = select(song.id).where(song.link_count > 0, song.digest.is_not(None), lost)
        return [number for (number,) in self._fetch_all(wanted.order_by(song.id))]

    def songs_in(self, shard_id: int) -> list[int]:
        """Numbers of the songs whose links lie in a shard."""
        wanted = select(songs.c.id).where(songs.c.shard_id == shard_id).order_by(songs.c.id)
        return [number for (number,) in self._fetch_all(wanted)]

    def links_of(self, song_ids: Sequence[int]) -> Iterator[ShardLink]:
        """The links of songs by their numbers, song by song, by position."""
        song, link = songs.c, links.c
        for start in range(0, len(song_ids), MAX_QUERY_VALUES):
            part = song_ids[start : start + MAX_QUERY_VALUES]
            wanted = (
                select(
                    song.id,
                    song.digest,
                    link.position,
                    *(link[field.name] for field in LINK_FIELDS),
                    tracks.c.digest,
                )
                .select_from(
                    links.join(songs, song.id == link.song_id).join(tracks, tracks.c.id == link.track_id)
                )
                .where(song.id.in_(part))
                .order_by(song.id, link.position)
            )
            for song_id, *row in self._fetch_all(wanted):
                yield ShardLink(song_id, ParquetLink._make(row))

    def move_tracks(
        self, new_shards: Sequence[WrittenShard], track_positions: Sequence[tuple[int, int, int]], run_id: int
    ) -> None:
        """Say that contents lie in new shards.

        Args:
            places: numbers of tracks, with the number of each one's shard in ``new`` and its row there.
        """
        numbers = self._catalog.insert_shards(new_shards, run_id)
        moved = update(tracks).where(tracks.c.id == bindparam("number"))
        values = [{"number": track, "shard": numbers[at], "at": row} for track, at, row in track_positions]
        self._execute_many(moved.values(shard_id=bindparam("shard"), shard_row=bindparam("at")), values)

    def move_links(
        self, new_shards: Sequence[WrittenShard], song_positions: Sequence[tuple[int, int]], run_id: int
    ) -> None:
        """Say that the links of songs lie in new shards.

        Args:
            homes: numbers of songs, with the number of each one's shard in ``new``.
        """
        numbers = self._catalog.insert_shards(new_shards, run_id)
        moved = update(songs).where(songs.c.id == bindparam("number"))
        values = [{"number": song, "shard": numbers[at]} for song, at in song_positions]
        self._execute_many(moved.values(shard_id=bindparam("shard")), values)

    def delete_shard(self, shard_id: int) -> None:
        """Forget a shard. What lies in it still has no place from here on."""
        connection = self._catalog.connection
        nowhere = update(tracks).where(tracks.c.shard_id == shard_id).values(shard_id=None, shard_row=None)
        connection.execute(nowhere)
        connection.execute(update(songs).where(songs.c.shard_id == shard_id).values(shard_id=None))
        connection.execute(delete(shards).where(shards.c.id == shard_id))

    def delete_tracks(self, track_ids: Sequence[int]) -> None:
        """Delete tracks that no song has any more."""
        self._execute_many(
            delete(tracks).where(tracks.c.id == bindparam("number")), [{"number": n} for n in track_ids]
        )

    def _execute_many(self, statement: Any, values: list[dict[str, Any]]) -> None:
        if values:
            self._catalog.connection.execute(statement, values)

    def _fetch_all(self, wanted: Executable) -> Sequence[Any]:
        connection = self._catalog.connection
        if connection.in_transaction():
            return connection.execute(wanted).fetchall()
        return self._catalog.run_in_transaction(lambda: connection.execute(wanted).fetchall())
