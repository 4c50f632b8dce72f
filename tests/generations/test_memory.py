"""Tests that processes read and write a part of large things at a time."""

from collections.abc import Iterable, Iterator
from uuid import uuid4

import pyarrow
import pyarrow.parquet as pq
import pytest

from midiprism.generations.errors import GenerationError
from midiprism.generations.listing import ListedSong
from midiprism.generations.planning import divide
from midiprism.generations.stored_objects import StoredObject, put_object, read_objects
from midiprism.generations.tables import PLAN_COLUMNS, decode_table, encode_tables, iterate_rows
from midiprism.objects import (
    MAX_READS_IN_FLIGHT,
    ObjectStorage,
    ObjectStorageError,
    ReadRequest,
    open_storage,
)

NAMES = ListedSong._fields


def listed(count: int, size: int = 1) -> list[ListedSong]:
    return [ListedSong(f"{number:09}.mid", size, number, f"etag-{number}") for number in range(count)]


def encoded(parts: Iterable[list[ListedSong]]) -> bytes:
    columns = (dict(zip(NAMES, zip(*part, strict=True), strict=True)) for part in parts)
    return encode_tables(PLAN_COLUMNS, columns, {})


def test_a_table_is_written_in_parts_and_read_as_one() -> None:
    songs = listed(30_000)
    data = encoded(songs[at : at + 10_000] for at in range(0, len(songs), 10_000))
    assert pq.ParquetFile(pyarrow.BufferReader(data)).num_row_groups == 3
    columns = decode_table(PLAN_COLUMNS, "plan", data)
    assert [*map(ListedSong._make, zip(*(columns[name] for name in NAMES), strict=True))] == songs
    assert [*iterate_rows(PLAN_COLUMNS, "plan", data, NAMES)] == songs
    assert [*iterate_rows(PLAN_COLUMNS, "plan", data, ("etag", "size"))] == [
        (it.etag, it.size) for it in songs
    ]


def test_rows_of_a_damaged_table_are_an_error() -> None:
    data = bytearray(encoded([listed(1_000)]))
    data[200] ^= 0xFF
    with pytest.raises(GenerationError, match="plan cannot be read as Parquet"):
        _ = [*iterate_rows(PLAN_COLUMNS, "plan", bytes(data), NAMES)]
    with pytest.raises(GenerationError, match="does not have the columns"):
        _ = [*iterate_rows(PLAN_COLUMNS[1:], "plan", encoded([listed(1)]), ("size",))]


def test_chunks_are_divided_by_songs_and_bytes_as_they_are_listed() -> None:
    taken: list[str] = []

    def songs() -> Iterator[ListedSong]:
        for song in [*listed(5), *listed(3, size=60), ListedSong("z.zip/", 4_096 * 9, 0, "")]:
            taken.append(song.path)
            yield song

    sizes: list[int] = []
    for number, chunk in divide(songs(), 4, 100):
        assert len(taken) <= sum(sizes) + 2
        sizes.append(len([*chunk]))
        assert number == len(sizes) - 1
    assert sizes == [4, 2, 1, 1, 1]


class _Observed:
    """Storage that notes how many reads may be under way."""

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
        self.in_flight: list[int] = []
        self.url = storage.url

    def read_many(
        self, requests: Iterable[ReadRequest], in_flight: int = MAX_READS_IN_FLIGHT, *, grouped: int = 1
    ) -> Iterator[bytes | ObjectStorageError]:
        self.in_flight.append(in_flight)
        return self._storage.read_many(requests, in_flight, grouped=grouped)


def test_the_larger_objects_are_the_fewer_are_read_ahead() -> None:
    storage = open_storage(f"memory://{uuid4()}")
    observed = _Observed(storage)
    for size in (10, 1 << 18, 2 << 20):
        objects: list[StoredObject] = [
            put_object(storage, f"{size}-{number}", bytes(size)) for number in range(3)
        ]
        assert [*read_objects(observed, objects)] == [bytes(size)] * 3  # type: ignore[arg-type]
    assert [*read_objects(observed, [])] == []  # type: ignore[arg-type]
    assert observed.in_flight == [MAX_READS_IN_FLIGHT, 32, 4, MAX_READS_IN_FLIGHT]
