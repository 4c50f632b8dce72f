"""The tables of an exported data set, which are those of a result, and the folds of tracks."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from midiprism.catalog import TrackRow
from midiprism.records.fields import LINK_FIELDS
from midiprism.results.leakage_groups import LeakageGroup
from midiprism.stores.parquet.schema import MUSIC_COLUMN, TRACK_COLUMNS, ParquetColumn, track_row
from midiprism.stores.parquet.shard_set import LINK_SHARDS, TRACK_SHARDS
from midiprism.stores.parquet.shards import SHARD_BYTES, SHARD_ROWS, ShardFolder, ShardKind

_FOLD_COLUMNS = (
    ParquetColumn("song_group", "string", description="group of its songs; null where they are in several"),
    ParquetColumn(
        "first_fold", "int16", low_cardinality=True, description="smallest fold of its songs, 0 to 9"
    ),
    ParquetColumn(
        "last_fold", "int16", low_cardinality=True, description="largest fold of its songs, 0 to 9"
    ),
)

_GROUP_COLUMN = ParquetColumn(
    "similar_track_group",
    "int64",
    description="group of tracks that are the same music; null for a track that is in none",
)

DATA_SET_TRACK_COLUMNS = (
    *(column for column in TRACK_COLUMNS if column.name != MUSIC_COLUMN),
    *_FOLD_COLUMNS,
    _GROUP_COLUMN,
    *(column for column in TRACK_COLUMNS if column.name == MUSIC_COLUMN),
)

TRACKS = TRACK_SHARDS._replace(columns=DATA_SET_TRACK_COLUMNS)
LINKS = LINK_SHARDS


class TrackFolds(NamedTuple):
    """The groups of the songs of a track that are in a data set.

    Attributes:
        group: of all of them; None where they are in several.
        first: the smallest fold.
        last: the largest fold.
    """

    group: str | None
    first: int
    last: int

    @classmethod
    def of(cls, group: LeakageGroup) -> "TrackFolds":
        """Return the folds of a track that one song has."""
        return cls(group.key, group.fold, group.fold)

    def joined(self, other: "TrackFolds") -> "TrackFolds":
        """Return the folds of a track that the songs of both have."""
        group = self.group if self.group == other.group else None
        return TrackFolds(group, min(self.first, other.first), max(self.last, other.last))


def data_set_track(row: TrackRow, folds: TrackFolds, music: bytes) -> tuple[Any, ...]:
    """Return a row of ``DATA_SET_TRACK_COLUMNS``."""
    *facts, data = track_row(row.track, music)
    return (*facts, *folds, row.track.similar_track_group, data)


def data_set_link(row: TrackRow) -> tuple[Any, ...]:
    """Return a row of ``LINK_COLUMNS``."""
    facts = [getattr(row.link, field.name) for field in LINK_FIELDS if field.parquet_name is not None]
    return (row.song_digest, row.position, *facts, row.track.digest)


class TableWriter:
    """Writes the rows of a table to shards of a bounded size, whose names count them.

    Args:
        root: folder of the data set.
        kind: of the shards.
        metadata: facts that are written into each.

    Attributes:
        rows: that were added.
        bytes: of the files that were written.
        digests: of these files.
    """

    def __init__(self, root: str, kind: ShardKind, metadata: dict[str, str]) -> None:
        self.rows = self.bytes = 0
        self.digests: list[bytes] = []
        self._folder = ShardFolder(root, kind, metadata)
        self._names = [column.name for column in kind.columns]
        self._pending: list[tuple[Any, ...]] = []
        self._pending_bytes = self._writes = 0

    def add(self, rows: Iterable[tuple[Any, ...]], sizes: Iterable[int]) -> None:
        """Add rows, of which some are written.

        Args:
            sizes: bytes of the track in each row.

        Raises:
            StoreError: they cannot be written.
        """
        for row, size in zip(rows, sizes, strict=True):
            if len(self._pending) >= SHARD_ROWS or self._pending_bytes + size > SHARD_BYTES:
                self.flush()
            self._pending.append(row)
            self._pending_bytes += size
            self.rows += 1

    def flush(self) -> None:
        """Write the rows that are left.

        Raises:
            StoreError: they cannot be written.
        """
        if self._pending:
            values = dict(zip(self._names, zip(*self._pending, strict=True), strict=True))
            written = self._folder.write(f"{self._writes:05}", values)
            self.bytes += sum(shard.size for shard in written.shards)
            self.digests += [shard.digest for shard in written.shards]
            self._writes += 1
        self._pending, self._pending_bytes = [], 0
