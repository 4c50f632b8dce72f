"""Columns of the Parquet files of a result as arrays."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.generations.errors import GenerationError
from midiprism.generations.result import TableFile
from midiprism.generations.tables import COLUMNS_OF, read_rows
from midiprism.objects import ObjectStorage
from midiprism.stores.parquet.io import parquet_errors
from midiprism.stores.parquet.remote_file import RemoteFile
from midiprism.stores.parquet.schema import make_schema

DIGEST_BYTES = 32

_FILES_AHEAD = 4
_NOT_HEX = 255


def read_files(
    storage: ObjectStorage, files: Sequence[TableFile], names: Sequence[str]
) -> Iterator[tuple[TableFile, Mapping[str, Any]]]:
    """Yield for each file its columns of these names, as Arrow arrays. Several are read at once.

    Raises:
        GenerationError: one cannot be read, or is damaged.
    """

    def read(file: TableFile) -> Mapping[str, Any]:
        name = file.stored.name
        types = {field.name: field.type for field in make_schema(COLUMNS_OF[file.table], {})}
        with closing(RemoteFile(storage, name, file.stored.size)) as source:
            rows = read_rows(COLUMNS_OF[file.table], name, source, names)
        if len(rows) != file.stored.rows or rows.num_columns != len(names):
            raise GenerationError(f"{name} does not have the rows that the manifest states.")
        try:
            return {it: rows.column(it).cast(types[it]).combine_chunks() for it in names}
        except parquet_errors() as error:
            raise GenerationError(f"{name} has a column of another type: it is damaged.") from error

    with ThreadPoolExecutor(_FILES_AHEAD, "midiprism-groups") as pool:
        waiting: deque[tuple[TableFile, Future[Mapping[str, Any]]]] = deque()
        try:
            for file in chain(files, repeat(None, _FILES_AHEAD)):
                if file is not None:
                    waiting.append((file, pool.submit(read, file)))
                if waiting and (file is None or len(waiting) > _FILES_AHEAD):
                    done, future = waiting.popleft()
                    yield done, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def digests_of(column: Any) -> tuple[NDArray[np.bytes_], NDArray[np.bool_]]:
    """Return the digests of a column of hex digits, and whether each is there; zeros for one that is not.

    Raises:
        GenerationError: a value is no digest.
    """
    present, characters = fixed_bytes_of(column, 2 * DIGEST_BYTES)
    values = _hex_values()[characters].reshape(-1, 2)
    if (values == _NOT_HEX).any():
        raise GenerationError("A file has something else in the place of a digest: it is damaged.")
    digests = np.zeros(len(column), f"S{DIGEST_BYTES}")
    joined = np.ascontiguousarray(values[:, 0] << 4 | values[:, 1])
    digests[present] = np.frombuffer(joined.tobytes(), digests.dtype)
    return digests, present


def fixed_bytes_of(column: Any, size: int) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Return whether each value of a column of texts or bytes is there, and those that are, one by one.

    Args:
        size: of each value, in bytes.

    Returns:
        Flags; and an array of shape (values, size).

    Raises:
        GenerationError: a value has another size.
    """
    values = column.drop_null()
    offsets = np.zeros(1, np.int32)
    if len(values):
        offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset :][: len(values) + 1]
    if not (np.diff(offsets) == size).all():
        raise GenerationError("A file has a value that is too short or too long: it is damaged.")
    data = np.empty(0, np.uint8)
    if len(values):
        data = np.frombuffer(values.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    return column.is_valid().to_numpy(zero_copy_only=False), data.reshape(-1, size)


def texts_of(column: Any) -> list[bytes]:
    """Return the texts of a column in UTF-8.

    Raises:
        GenerationError: one is missing.
    """
    if column.null_count:
        raise GenerationError("A file lacks a path: it is damaged.")
    return [text.encode() for text in column.to_pylist()]


def numbers_of(column: Any, missing: int = 0) -> NDArray[np.int64]:
    """Return the numbers of a column, with another in the place of null."""
    numbers: NDArray[np.int64] = column.fill_null(missing).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def lanes_of(digests: NDArray[np.bytes_], lanes: int) -> NDArray[np.int64]:
    """Return the lane of each digest, by its first bytes."""
    first = digests.view(np.uint8).reshape(len(digests), -1)[:, :2].astype(np.int64)
    found: NDArray[np.int64] = (first[:, 0] << 8 | first[:, 1]) * lanes >> 16
    return found


def places_in(wanted: NDArray[Any], ordered: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the places of values in a sorted array, and whether each is there."""
    if not len(ordered):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    places = np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)
    return places.astype(np.int64), ordered[places] == wanted


def _hex_values() -> NDArray[np.uint8]:
    """Return the value of each character as a hex digit."""
    values = np.full(256, _NOT_HEX, np.uint8)
    for value, digit in enumerate(b"0123456789abcdef"):
        values[digit] = value
    return values
