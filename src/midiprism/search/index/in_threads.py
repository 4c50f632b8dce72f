"""Calls in several threads: NumPy computes without Python's lock, so that large arrays use all processors."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

MIN_LINKS = 200_000
"""In fewer links a search takes less than starting threads would save."""

_MAX_THREADS = 4
_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


def map_in_threads(function: Callable[[_Item], _Value], items: Iterable[_Item], links: int) -> list[_Value]:
    """Return the values of a function, computed at the same time where there are many links.

    Args:
        function: that any thread may call.
        items: its arguments.
        links: number of links that all calls together look at.
    """
    if links < MIN_LINKS:
        return [*map(function, items)]
    return [*_threads().map(function, items)]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1), "midiprism-search")
