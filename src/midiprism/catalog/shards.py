"""What the catalogue says of shards: which there are, what lies in them, and how that moves to new ones."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Executable, bindparam, delete, func, select, update

from midiprism.catalog.catalog import LOOKED_UP, Catalog, unlinked
from midiprism.catalog.keeper import Shard
from midiprism.catalog.schema import parent_paths, parents, shards, track_splits, tracks


class KnownShard(NamedTuple):
    """A shard of which a commit speaks.

    Attributes:
        size: bytes of the file; ``digest`` is their BLAKE3.
        stale: 1 if it holds links of songs that were split again, else 0.
    """

    id: int
    name: str
    rows: int
    size: int
    digest: bytes
    stale: int


class ShardTrack(NamedTuple):
    """A content that lies in a shard, and its row there."""

    id: int
    digest: bytes
    row: int


class ShardLink(NamedTuple):
    """A link as the catalogue has it, for a row of a shard. ``path`` is the song's, the bytewise smallest of
    several; None where it has none any more."""

    parent_id: int
    song_digest: bytes
    path: bytes | None
    root_length: int | None
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
        wanted = select(row.id, row.name, row.rows, row.bytes, row.digest, row.stale).order_by(row.id)
        return [KnownShard(*found) for found in self._fetched(wanted)]

    def names(self) -> set[str]:
        """Their names."""
        return {name for (name,) in self._fetched(select(shards.c.name))}

    def unlinked(self) -> dict[int, list[int]]:
        """For each shard the numbers of its tracks that no song has any more."""
        found: dict[int, list[int]] = {}
        wanted = select(tracks.c.shard_id, tracks.c.id).where(unlinked(), tracks.c.shard_id.is_not(None))
        for shard, track in self._fetched(wanted):
            found.setdefault(shard, []).append(track)
        return found

    def tracks(self, shard: int) -> list[ShardTrack]:
        """The contents of a shard, in the order of their rows."""
        row = tracks.c
        wanted = select(row.id, row.digest, row.shard_row).where(row.shard_id == shard)
        return [ShardTrack(*found) for found in self._fetched(wanted.order_by(row.shard_row))]

    def links(self, shard: int) -> Iterator[ShardLink]:
        """The links of the songs whose links lie in a shard, song by song, by position."""
        parent, link, path = parents.c, track_splits.c, parent_paths.c
        numbers = self._fetched(select(parent.id).where(parent.shard_id == shard).order_by(parent.id))
        for start in range(0, len(numbers), LOOKED_UP):
            part = [number for (number,) in numbers[start : start + LOOKED_UP]]
            paths: dict[int, tuple[bytes, int]] = {}
            places = select(path.parent_id, path.path, path.root_length).where(path.parent_id.in_(part))
            for number, place, root_length in self._fetched(places.order_by(path.path)):
                paths.setdefault(number, (place, root_length))
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
            for number, digest, *rest in self._fetched(wanted):
                yield ShardLink(number, digest, *paths.get(number, (None, None)), *rest)

    def move_tracks(
        self, old: int, new: Sequence[Shard], places: Sequence[tuple[int, int, int]], run_id: int
    ) -> None:
        """Say that contents lie in new shards, and forget the old one with all that was left in it.

        Args:
            places: numbers of tracks, with the number of each one's shard in ``new`` and its row there.
        """
        numbers = self._catalog.add_shards(new, run_id)
        moved = (
            update(tracks)
            .where(tracks.c.id == bindparam("number"))
            .values(shard_id=bindparam("shard"), shard_row=bindparam("row"))
        )
        values = [{"number": track, "shard": numbers[at], "row": row} for track, at, row in places]
        self._execute_many(moved, values)
        connection = self._catalog.connection
        connection.execute(delete(tracks).where(tracks.c.shard_id == old))
        connection.execute(delete(shards).where(shards.c.id == old))

    def move_links(
        self, old: int, new: Sequence[Shard], homes: Sequence[tuple[int, int]], run_id: int
    ) -> None:
        """The same for the links of songs.

        Args:
            homes: numbers of songs, with the number of each one's shard in ``new``.
        """
        numbers = self._catalog.add_shards(new, run_id)
        moved = update(parents).where(parents.c.id == bindparam("number"))
        values = [{"number": parent, "shard": numbers[at]} for parent, at in homes]
        self._execute_many(moved.values(shard_id=bindparam("shard")), values)
        connection = self._catalog.connection
        connection.execute(update(parents).where(parents.c.shard_id == old).values(shard_id=None))
        connection.execute(delete(shards).where(shards.c.id == old))

    def totals(self) -> tuple[int, int]:
        """How many shards there are, and their bytes."""
        (row,) = self._fetched(select(func.count(), func.sum(shards.c.bytes)))
        return row[0], int(row[1] or 0)

    def _execute_many(self, statement: Any, values: list[dict[str, Any]]) -> None:
        if values:
            self._catalog.connection.execute(statement, values)

    def _fetched(self, wanted: Executable) -> Sequence[Any]:
        connection = self._catalog.connection
        if connection.in_transaction():
            return connection.execute(wanted).fetchall()
        return self._catalog.do(lambda: connection.execute(wanted).fetchall())
