"""Types of the arguments and results of compiled functions."""

from typing import Any, NamedTuple

import numpy as np


class ArrayType(NamedTuple):
    """A one-dimensional array without gaps: its elements, which may be rows of a table."""

    dtype: np.dtype[Any]
    readonly: bool


INT64 = "int64"
BOOLEAN = "boolean"
FLOAT64 = "float64"

ArgumentType = ArrayType | str
"""An array, or one of INT64, BOOLEAN and FLOAT64."""


class ResultField(NamedTuple):
    """A value that a compiled function returns.

    ``kind`` is "int", "float", "array" or "optional array"; ``dtype`` is what makes the NumPy type of the
    elements of an array.
    """

    kind: str
    dtype: Any = None


SLOTS = {"int": 1, "float": 1, "array": 3, "optional array": 3}
"""Numbers of 8 bytes that a result takes. An array: its owner, its address, its length, -1 for None."""

SCRATCH_SIZE = 1 << 20
"""Bytes of the memory in which a call returns arrays, as long as they fit."""
