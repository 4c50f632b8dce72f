"""Rows to fill Parquet stores with, and what is in these."""

import random
from pathlib import Path

from midiprism.stores import TrackLocation
from midiprism.stores.parquet.schema import ParquetTrack
from midiprism.stores.parquet.store import ParquetStore
from support.parquet_rows import track_row


def read(store: ParquetStore, shard: str, row: int, digest: bytes) -> bytes:
    """Return the track in a row of a shard."""
    return store.read(TrackLocation("", "", digest, 32, shard, row))


def incompressible_rows(count: int, size: int = 300) -> list[ParquetTrack]:
    """Return rows whose bytes cannot be compressed."""
    return [track_row(random.Random(number).randbytes(size)) for number in range(count)]


def tree(folder: Path) -> list[str]:
    """Return the sorted paths of all files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
