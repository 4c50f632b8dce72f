"""Decorators of the functions of kernels: helpers, and the entry points that they are compiled into.

All of them stay plain Python functions. Where an entry point has to be compiled, ``midiprism.native`` lets
Numba compile its helpers with the options that are registered here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from midiprism.native.code_file import NativeCode
from midiprism.native.entry_point import ENABLED, EntryPoint
from midiprism.native.types import ArgumentType, ArrayType

__all__ = ["ENABLED", "EntryPoint"]

_NATIVE = Path(__file__).parents[2] / "native"

COMPILED_SOURCES = (
    Path(__file__).parent,
    Path(__file__).parents[1] / "problems.py",
    *(_NATIVE / name for name in ("compiler.py", "runtime.py", "types.py", "wrapper.py")),
)
"""Every source that may become part of an entry point, except those in the folder of the entry point."""

_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": True, "error_model": "numpy"}
_HELPER_OPTIONS: dict[str, Any] = {**_OPTIONS, "no_cfunc_wrapper": True, "no_cpython_wrapper": True}

_substitutes: dict[Any, Any] = {}
"""Substitutes of functions in compiled code: options of Numba for a helper, else a value."""

_Function = Callable[..., Any]


def _register(**options: Any) -> Callable[[_Function], _Function]:
    def decorate(function: _Function) -> _Function:
        _substitutes[function] = options
        return function

    return decorate


helper = _register(_nrt=True, **_HELPER_OPTIONS)
"""Decorator of a function that entry points call; compiled as a part of them."""

borrowing_helper = _register(_nrt=False, **_HELPER_OPTIONS)
"""Decorator of a helper that makes and returns no arrays: it only uses those of its caller, uncounted.

Elsewhere each use of an array counts its references up and down, which took more than a third of the time of
a split while Numba's locked instructions did it.
"""

bounds_checked_by_hand = _register(_nrt=False, **{**_HELPER_OPTIONS, "boundscheck": False})
"""Decorator of a borrowing helper whose own checks keep every index in its array, provided that ``limit`` is
within the data and the position to begin at is not negative."""

inlined = _register(inline="always", **_HELPER_OPTIONS)
"""Decorator of a helper that is small, or called in one place: Numba copies it into its caller."""


def unsigned_index(number: int) -> Any:
    """Return an index that is never negative: its type spares the test whether it counts from the end."""
    return int(number)


_substitutes[unsigned_index] = np.uint64


def array_of(element: Any, *, readonly: bool = False) -> ArrayType:
    """Return the type of a one-dimensional array of such elements, or of a table of such rows."""
    return ArrayType(np.dtype(element), readonly)


def _compile(entry: EntryPoint) -> NativeCode:
    # Loads Numba, which takes half a second; most processes find the machine code.
    from midiprism.native.compiler import compile_function

    return compile_function(entry.python_function, entry.signature, _substitutes, _OPTIONS)


def entry_point(
    signature: Sequence[ArgumentType], make_result: Callable[[list[Any]], Any] = tuple
) -> Callable[[_Function], EntryPoint]:
    """Return the decorator of a function that Python calls.

    Args:
        signature: the types of its arguments: of ``array_of``, or INT64, BOOLEAN and FLOAT64.
        make_result: makes a named tuple from the list of its values, where the function returns one.
    """

    def decorate(function: _Function) -> EntryPoint:
        # Entry points outside of this package, those of sample songs, compile its helpers into themselves.
        folder = Path(function.__code__.co_filename).parent
        sources = tuple(dict.fromkeys((folder, *COMPILED_SOURCES)))
        return EntryPoint(function, signature, make_result, sources, _compile)

    return decorate
