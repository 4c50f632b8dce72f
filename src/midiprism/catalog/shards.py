"""What the catalogue says of shards: which there are, what lies in them, and how that moves to new ones."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Executable, bindparam, delete, func, or_, select, update

from midiprism.catalog.catalog import LOOKED_UP, Catalog, unlinked
from midiprism.catalog.keeper import Shard
from midiprism.catalog.records import TrackRecord, TrackValues
from midiprism.catalog.schema import parents, shards, track_splits, tracks


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
    """A link as the catalogue has it, for a row of a shard."""

    parent_id: int
    song_digest: bytes
    position: int
    track_number: int
    channel: int | None
    program: int | None
    parts: int
    name: str | None
    instrument: str
    family: str
    track_digest: bytes


class ShardIndex:
    """Of a catalogue that is open.

    Changes are made inside a transaction that is open, such as that of ``Catalog.alone``.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def all(self) -> list[KnownShard]:
        """All shards, in the order of their numbers."""
        row = shards.c
        wanted = select(row.id, row.name, row.rows, row.bytes, row.digest, row.run_id, row.stale).order_by(
            row.id
        )
        return [KnownShard(*found) for found in self._fetched(wanted)]

    def names(self) -> set[str]:
        """Their names."""
        return {name for (name,) in self._fetched(select(shards.c.name))}

    def unlinked(self) -> dict[int | None, list[int]]:
        """For each shard the numbers of its tracks that no song has any more."""
        found: dict[int | None, list[int]] = {}
        wanted = select(tracks.c.shard_id, tracks.c.id).where(unlinked())
        for shard, track in self._fetched(wanted):
            found.setdefault(shard, []).append(track)
        return found

    def tracks(self, shard: int) -> list[ShardTrack]:
        """The contents of a shard, in the order of their rows."""
        row = tracks.c
        wanted = select(row.id, row.digest, row.shard_row).where(row.shard_id == shard)
        return [ShardTrack(*found) for found in self._fetched(wanted.order_by(row.shard_row))]

    def values(self, numbers: Sequence[int]) -> dict[int, TrackValues]:
        """What the catalogue says of tracks, by their numbers."""
        found: dict[int, TrackValues] = {}
        columns = [tracks.c[name] for name in TrackRecord._fields]
        for start in range(0, len(numbers), LOOKED_UP):
            part = numbers[start : start + LOOKED_UP]
            for number, *values in self._fetched(select(tracks.c.id, *columns).where(tracks.c.id.in_(part))):
                found[number] = TrackRecord._make(values)
        return found

    def count_songs(self) -> int:
        """How many songs there are whose content is known."""
        ((count,),) = self._fetched(select(func.count()).where(parents.c.digest.is_not(None)))
        return int(count)

    def placeless(self) -> list[ShardTrack]:
        """The contents that lie in no shard that is known; their row is 0."""
        row = tracks.c
        known = select(shards.c.id)
        wanted = select(row.id, row.digest).where(or_(row.shard_id.is_(None), row.shard_id.not_in(known)))
        return [ShardTrack(number, digest, 0) for number, digest in self._fetched(wanted.order_by(row.id))]

    def homeless(self) -> list[int]:
        """Numbers of the songs whose links lie in no shard that is known."""
        parent = parents.c
        lost = or_(parent.shard_id.is_(None), parent.shard_id.not_in(select(shards.c.id)))
        wanted = select(parent.id).where(parent.splits > 0, parent.digest.is_not(None), lost)
        return [number for (number,) in self._fetched(wanted.order_by(parent.id))]

    def songs(self, shard: int) -> list[int]:
        """Numbers of the songs whose links lie in a shard."""
        wanted = select(parents.c.id).where(parents.c.shard_id == shard).order_by(parents.c.id)
        return [number for (number,) in self._fetched(wanted)]

    def links(self, songs: Sequence[int]) -> Iterator[ShardLink]:
        """The links of songs by their numbers, song by song, by position."""
        parent, link = parents.c, track_splits.c
        for start in range(0, len(songs), LOOKED_UP):
            part = songs[start : start + LOOKED_UP]
            wanted = (
                select(
                    parent.id,
                    parent.digest,
                    link.position,
                    link.track_number,
                    link.channel,
                    link.program,
                    link.parts,
                    link.name,
                    link.instrument,
                    link.family,
                    tracks.c.digest,
                )
                .select_from(
                    track_splits.join(parents, parent.id == link.parent_id).join(
                        tracks, tracks.c.id == link.track_id
                    )
                )
                .where(parent.id.in_(part))
                .order_by(parent.id, link.position)
            )
            for found in self._fetched(wanted):
                yield ShardLink(*found)

    def place_tracks(self, new: Sequence[Shard], places: Sequence[tuple[int, int, int]], run_id: int) -> None:
        """Say that contents lie in new shards.

        Args:
            places: numbers of tracks, with the number of each one's shard in ``new`` and its row there.
        """
        numbers = self._catalog.add_shards(new, run_id)
        moved = update(tracks).where(tracks.c.id == bindparam("number"))
        values = [{"number": track, "shard": numbers[at], "at": row} for track, at, row in places]
        self._many(moved.values(shard_id=bindparam("shard"), shard_row=bindparam("at")), values)

    def place_links(self, new: Sequence[Shard], homes: Sequence[tuple[int, int]], run_id: int) -> None:
        """Say that the links of songs lie in new shards.

        Args:
            homes: numbers of songs, with the number of each one's shard in ``new``.
        """
        numbers = self._catalog.add_shards(new, run_id)
        moved = update(parents).where(parents.c.id == bindparam("number"))
        values = [{"number": song, "shard": numbers[at]} for song, at in homes]
        self._many(moved.values(shard_id=bindparam("shard")), values)

    def forget(self, shard: int) -> None:
        """Forget a shard. What lies in it still has no place from here on."""
        connection = self._catalog.connection
        nowhere = update(tracks).where(tracks.c.shard_id == shard).values(shard_id=None, shard_row=None)
        connection.execute(nowhere)
        connection.execute(update(parents).where(parents.c.shard_id == shard).values(shard_id=None))
        connection.execute(delete(shards).where(shards.c.id == shard))

    def delete_tracks(self, numbers: Sequence[int]) -> None:
        """Delete tracks that no song has any more."""
        self._many(delete(tracks).where(tracks.c.id == bindparam("number")), [{"number": n} for n in numbers])

    def _many(self, statement: Any, values: list[dict[str, Any]]) -> None:
        if values:
            self._catalog.connection.execute(statement, values)

    def _fetched(self, wanted: Executable) -> Sequence[Any]:
        connection = self._catalog.connection
        if connection.in_transaction():
            return connection.execute(wanted).fetchall()
        return self._catalog.do(lambda: connection.execute(wanted).fetchall())
