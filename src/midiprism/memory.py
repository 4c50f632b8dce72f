"""Gives memory that was freed back to the system.

The C library of Linux (glibc) keeps freed memory, and that of each thread by itself, as if the next request
needed it: after a search in millions of links, or after the last commit of a run. pyarrow does the same.
"""

import ctypes
import sys
import time
from threading import Lock

_PAUSE_SECONDS = 0.5
_ARENA_MAX, _ARENAS = -8, 2  # an option of mallopt, and its value
_MMAP_THRESHOLD, _LARGE_BYTES = -3, 1 << 20  # another one


class MemoryTrimmer:
    """Gives memory back now and then. Any thread may use it; elsewhere only pyarrow gives some back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next_time = 0.0

    def trim(self) -> None:
        """Give freed memory back, unless that was done a moment ago."""
        now = time.monotonic()
        with self._lock:
            if now < self._next_time:
                return
            self._next_time = now + _PAUSE_SECONDS
        release_freed_memory()


def release_freed_memory() -> None:
    """Give freed memory back, also that of pyarrow if it is loaded."""
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    trim = getattr(_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def return_large_arrays() -> None:
    """Let this process give the memory of large arrays back as soon as they are freed.

    Otherwise the C library raises the size from which it does so, to up to 32 MB, whenever one was freed. To
    be called in processes of midiprism's own only: it lasts.
    """
    set_option = getattr(_library(), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, _LARGE_BYTES)


def share_freed_memory() -> None:
    """Let threads use memory that others have freed; to be called before there are threads."""
    set_option = getattr(_library(), "mallopt", None)
    if set_option is not None:
        set_option(_ARENA_MAX, _ARENAS)


def _library() -> ctypes.CDLL | None:
    """Return the C library, where it has the functions of glibc or at least their names."""
    return ctypes.CDLL(None) if sys.platform == "linux" else None
