"""Tests of files of arrays: they come back as they were, and a damaged one is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from midiprism.errors import DamagedIndexError
from midiprism.fs.column_file import ArraysInMemory, ColumnFile, write_columns

ARRAYS: dict[str, NDArray[Any]] = {
    "small": np.arange(5, dtype=np.uint8),
    "large": np.linspace(0, 1, 300_000),
    "empty": np.empty(0, np.float32),
    "last": np.array([1.5]),
}


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = str(tmp_path / "file")
    write_columns(file, ARRAYS, {"version": 1, "names": ["a"]})
    return file


def test_arrays_and_facts_come_back_as_they_were(path: str) -> None:
    columns = ColumnFile(path)
    assert list(columns) == list(ARRAYS)
    assert columns.facts == {"version": 1, "names": ["a"]}
    for name, array in ARRAYS.items():
        assert columns[name].dtype == array.dtype
        np.testing.assert_array_equal(columns[name], array)
        assert bytes(columns.raw(name)) == array.tobytes() == bytes(ArraysInMemory(ARRAYS, {}).raw(name))
    assert "small" in columns
    assert "other" not in columns


def test_the_large_arrays_of_a_file_begin_where_a_processor_reads_them_fast(path: str) -> None:
    columns = ColumnFile(path)
    addresses = {name: columns[name].__array_interface__["data"][0] for name in ("small", "large", "last")}
    assert all((address - addresses["small"]) % 64 == 0 for address in addresses.values())


@pytest.mark.parametrize("size", [0, 10, 40, 1_000, 2_400_000])
def test_a_file_that_was_cut_off_is_refused(path: str, size: int) -> None:
    with open(path, "r+b") as file:
        file.truncate(size)
    with pytest.raises(DamagedIndexError):
        ColumnFile(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"MThd" * 100)
    with pytest.raises(DamagedIndexError):
        ColumnFile(str(tmp_path / "file"))


def test_a_reader_keeps_the_file_that_was_replaced(path: str) -> None:
    columns = ColumnFile(path)
    write_columns(path, {"small": np.zeros(2, np.uint8)}, {})
    np.testing.assert_array_equal(columns["large"], ARRAYS["large"])
    assert list(ColumnFile(path)) == ["small"]
