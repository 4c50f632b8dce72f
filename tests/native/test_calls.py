"""Tests of what compiled functions take and return."""

from pathlib import Path

import pytest

from support.compiled_process import run_python

RETURN_ARRAYS = """
import numpy as np
from typing import Any, NamedTuple
from midiprism.native.types import BOOLEAN, FLOAT64, INT64
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point

class Answer(NamedTuple):
    count: Any
    half: Any
    doubled: Any
    rows: Any

ROW = np.dtype([("number", np.int64), ("weight", np.float64)])

@borrowing_helper
def twice(number):
    return 2 * number

@entry_point((array_of(np.uint8, readonly=True), INT64, BOOLEAN, FLOAT64), Answer._make)
def answer(data, count, wanted, number):
    doubled = np.empty(count, np.int64)
    for index in range(count):
        doubled[index] = twice(data[index])
    rows = None
    if wanted:
        rows = np.zeros(2, ROW)
        rows[1].number = count
    return Answer(count, number / 2, doubled, rows)

@entry_point((array_of(np.int64), INT64))
def fill(numbers, at):
    numbers[at] = 7

@entry_point((array_of(np.uint8, readonly=True), INT64))
def repeat(data, count):
    out = np.empty(count * data.shape[0], np.uint8)
    for index in range(out.shape[0]):
        out[index] = data[index % data.shape[0]]
    return out
"""


@pytest.fixture(scope="module")
def returning_module(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folder of a module whose entry point returns arrays, and its cache."""
    folder = tmp_path_factory.mktemp("returning")
    (folder / "kernels").mkdir()
    (folder / "kernels" / "arrays.py").write_text(RETURN_ARRAYS)
    return folder / "kernels", folder / "cache"


def run_returning(returning_module: tuple[Path, Path], code: str) -> str:
    folder, cache = returning_module
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from arrays import *\n{code}"
    return run_python(program, NUMBA_CACHE_DIR=str(cache))


def test_numbers_and_arrays_come_back(returning_module: tuple[Path, Path]) -> None:
    code = "a = answer(b'abc', 3, True, 5.0); print(a.count, a.half, a.doubled.tolist(), a.rows.tolist())"
    assert run_returning(returning_module, code) == "3 2.5 [194, 196, 198] [(0, 0.0), (3, 0.0)]"


def test_none_and_an_empty_array_come_back(returning_module: tuple[Path, Path]) -> None:
    code = "a = answer(b'', 0, False, 5.0); print(a.doubled.tolist(), a.doubled.dtype, a.rows)"
    assert run_returning(returning_module, code) == "[] int64 None"


def test_arrays_larger_than_the_scratch_memory_come_back(returning_module: tuple[Path, Path]) -> None:
    code = "a = answer(bytes([3]) * 200_000, 200_000, True, 1.0); print(a.doubled.sum(), len(a.rows))"
    assert run_returning(returning_module, code) == "1200000 2"


def test_an_array_of_bytes_comes_back_as_bytes(returning_module: tuple[Path, Path]) -> None:
    code = "print(repeat(b'ab', 2), repeat(b'ab', 0), repeat(b'ab', 2**20) == b'ab' * 2**20)"
    assert run_returning(returning_module, code) == "b'abab' b'' True"


def test_results_of_a_call_stay_when_others_follow(returning_module: tuple[Path, Path]) -> None:
    code = "a = answer(b'ab', 2, True, 1.0); answer(b'cd', 2, True, 1.0); print(a.doubled.tolist())"
    assert run_returning(returning_module, code) == "[194, 196]"


def test_an_array_is_filled_in_place(returning_module: tuple[Path, Path]) -> None:
    assert (
        run_returning(returning_module, "n = np.zeros(3, np.int64); fill(n, 2); print(n.tolist())")
        == "[0, 0, 7]"
    )


def test_an_index_outside_of_an_array_is_an_exception(returning_module: tuple[Path, Path]) -> None:
    code = """
try:
    fill(np.zeros(3, np.int64), 3)
except IndexError as error:
    print(error)
"""
    assert run_returning(returning_module, code) == "index is out of bounds"
