"""Compile kernels with Numba, and keep their compiled form.

Helpers are compiled into the entry point that calls them. Only entry points are cached, in a folder named
after a digest of all sources that may be compiled into them, so that a changed helper never meets a stale
caller. Where no folder can be written, or where others could write to it, the kernel is compiled for this
process alone.
"""

import hashlib
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import njit
from platformdirs import user_cache_path

from midiprism.errors import KernelCacheWarning
from midiprism.smf.kernel.private_cache import make_private_folder, why_unsafe

COMPILED_SOURCES = (Path(__file__).parent, Path(__file__).parents[1] / "problems.py")
"""Every source that may be compiled into an entry point, except those in the folder of the entry point."""

ENABLED = not numba.config.DISABLE_JIT
"""False under ``NUMBA_DISABLE_JIT=1``: the same code then runs as plain Python."""

_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": True, "error_model": "numpy"}
_HELPER_OPTIONS: dict[str, Any] = {**_OPTIONS, "no_cfunc_wrapper": True}

helper = njit(_nrt=True, **_HELPER_OPTIONS)
"""Decorator of a function that entry points call; compiled as a part of them."""

borrowing_helper = njit(_nrt=False, **_HELPER_OPTIONS)
"""Decorator of a helper that makes and returns no arrays: it only uses those of its caller, uncounted.

Elsewhere each use of an array counts its references up and down by locked instructions, which took more than
a third of the time of a split.
"""

bounds_checked_by_hand = njit(
    no_cfunc_wrapper=True, no_cpython_wrapper=True, _nrt=False, **{**_OPTIONS, "boundscheck": False}
)
"""Decorator of a borrowing helper whose own checks keep every index in its array, provided that ``limit`` is
within the data and the position to begin at is not negative."""

unsigned_index: Any = np.uint64 if ENABLED else int
"""Type of an index that is never negative: spares the test whether it counts from the end."""

inlined = njit(inline="always", **_OPTIONS)
"""Decorator of a helper that is small, or called in one place: Numba copies it into its caller.

Any other helper is optimized again with every helper around it, so that deep calls cost compile time.
"""


def source_digest(*sources: Path) -> str:
    """Return 16 hex digits that change with every Python file among the sources, its place or its date.

    A source is a file, or a folder with all files below it.
    """
    digest = hashlib.sha256()
    files = {path for source in sources for path in (source.rglob("*.py") if source.is_dir() else [source])}
    for path in sorted(files):
        # Numba compares place and date too: what it would not load must not be taken for compiled.
        digest.update(f"{path}\0{path.stat().st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_digest_at_start = cache(source_digest)
"""Sources do not change under a running process."""


_has_warned = threading.Event()


def _warn_once(folder: Path, reason: str) -> None:
    """Issue a KernelCacheWarning, unless this process has issued one."""
    if not _has_warned.is_set():
        _has_warned.set()
        message = f"Compiled code is not kept in {folder}, and compiled again each time: {reason}."
        warnings.warn(KernelCacheWarning(message), stacklevel=3)


class EntryPoint:
    """A kernel function that Python calls: compiled or loaded on its first call.

    Args:
        function: the plain Python function.
        signature: Numba's signature of it, as text or as a tuple of argument types, so that there is one
            compiled form.
    """

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self.python_function = function
        self._signature = signature
        self._lock = threading.Lock()
        self._compiled: Callable[..., Any] | None = None if ENABLED else function

    def __call__(self, *args: Any) -> Any:
        return (self._compiled or self.prepare())(*args)

    @property
    def cache_folder(self) -> Path:
        """The folder that keeps the compiled form, below ``NUMBA_CACHE_DIR`` where that is set."""
        # Entry points outside of this package, those of sample songs, compile its helpers into themselves.
        folder = Path(self.python_function.__code__.co_filename).parent
        root = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else user_cache_path("midiprism")
        return root / f"kernel-{_digest_at_start(folder, *COMPILED_SOURCES)}"

    def is_compiled(self) -> bool:
        """Return whether a call starts at once: compiled in this process or, most likely, in the cache."""
        if self._compiled is not None:
            return True
        pattern = f"*/{Path(self.python_function.__code__.co_filename).stem}.*.nbc"
        try:
            return why_unsafe(self.cache_folder) is None and any(self.cache_folder.glob(pattern))
        except OSError:
            return False

    def warn_about_cache(self) -> None:
        """Issue a KernelCacheWarning, one per process, if the compiled form cannot be kept."""
        reason = make_private_folder(self.cache_folder)
        if reason is not None:
            _warn_once(self.cache_folder, reason)

    def prepare(self) -> Callable[..., Any]:
        """Load the compiled form, or compile it (seconds); returns the callable."""
        with self._lock:
            if self._compiled is None:
                self._compiled = self._load_or_compile()
            return self._compiled

    def _load_or_compile(self) -> Callable[..., Any]:
        reason = make_private_folder(self.cache_folder)
        if reason is not None:
            _warn_once(self.cache_folder, reason)
            return self._compile(cache=False)
        try:
            return self._compile(cache=True)
        except Exception:  # noqa: BLE001 - a damaged pickle may raise anything
            # The cache is damaged: compile without it. An error in the code itself is raised again here.
            return self._compile(cache=False)

    def _compile(self, *, cache: bool) -> Callable[..., Any]:
        folder = numba.config.CACHE_DIR
        if cache:
            numba.config.CACHE_DIR = str(self.cache_folder)
        try:
            dispatcher = njit(cache=cache, no_cfunc_wrapper=True, **_OPTIONS)(self.python_function)
            dispatcher.compile(self._signature)
        finally:
            numba.config.CACHE_DIR = folder
        compiled: Callable[..., Any] = dispatcher
        return compiled


def array_of(element: Any, *, readonly: bool = False) -> Any:
    """Return Numba's type of a one-dimensional array of such elements, or of a table of such rows."""
    return numba.types.Array(numba.from_dtype(np.dtype(element)), 1, "C", readonly=readonly)


def entry_point(signature: Any) -> Callable[[Callable[..., Any]], EntryPoint]:
    """Return the decorator of a function that Python calls."""
    return lambda function: EntryPoint(function, signature)
