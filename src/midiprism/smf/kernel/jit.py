"""How the kernel is compiled and where its compiled form is kept.

Helpers are compiled into the entry point that calls them; only entry points are cached, in a folder named
after the source of the whole room, so that a changed helper never meets a stale caller. Where no folder can
be written, the kernel is compiled for this process alone.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import njit
from platformdirs import user_cache_path

ENABLED = not numba.config.DISABLE_JIT
"""False under ``NUMBA_DISABLE_JIT=1``: the same code then runs as plain Python."""

_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": True, "error_model": "numpy"}

helper = njit(no_cfunc_wrapper=True, **_OPTIONS)
"""Decorator of a function that entry points call; compiled as a part of them."""

bounds_checked_by_hand = njit(no_cfunc_wrapper=True, **{**_OPTIONS, "boundscheck": False})
"""Decorator of a helper whose every index is proved to be in its array: by its own checks, given that
``limit`` is within the data and a position to begin at is not negative."""

unsigned_index: Any = np.uint64 if ENABLED else int
"""Type of an index that is proved not to be negative: spares the question whether it counts from the end."""

inlined = njit(inline="always", **_OPTIONS)
"""Decorator of a helper that is small, or called in one place: it becomes a part of its caller before
anything is compiled.

Any other helper is optimized again with every helper around it, so that depth costs time.
"""


def source_digest(folder: Path) -> str:
    """16 hex digits that change whenever a Python source file of the folder does, or its place or date."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        # Numba asks for place and date too: what it would not load must not be taken for compiled.
        digest.update(f"{path}\0{path.stat().st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class EntryPoint:
    """A kernel function that Python calls: compiled or loaded on its first call.

    Args:
        function: the plain Python function.
        signature: Numba's signature of it, as text, so that there is one compiled form.
    """

    def __init__(self, function: Callable[..., Any], signature: str) -> None:
        self.python_function = function
        self._signature = signature
        self._lock = threading.Lock()
        self._compiled: Callable[..., Any] | None = None if ENABLED else function

    def __call__(self, *args: Any) -> Any:
        return (self._compiled or self.prepare())(*args)

    @property
    def cache_folder(self) -> Path:
        """Where the compiled form is kept, unless ``NUMBA_CACHE_DIR`` names another place."""
        home = Path(self.python_function.__code__.co_filename).parent
        root = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else user_cache_path("midiprism")
        return root / f"kernel-{source_digest(home)}"

    def is_compiled(self) -> bool:
        """Whether a call can start at once: compiled in this process, or (most likely) in the cache."""
        if self._compiled is not None:
            return True
        try:
            return any(
                self.cache_folder.glob(f"*/{Path(self.python_function.__code__.co_filename).stem}.*.nbc")
            )
        except OSError:
            return False

    def prepare(self) -> Callable[..., Any]:
        """Load the compiled form, or compile it (seconds); returns the callable."""
        with self._lock:
            if self._compiled is None:
                try:
                    self._compiled = self._compile(cache=True)
                except Exception:  # noqa: BLE001 - what pickles raise has no end
                    # No folder can be written, or what is in it is damaged: do without. What is wrong with
                    # the code itself is raised there.
                    self._compiled = self._compile(cache=False)
            return self._compiled

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


def entry_point(signature: str) -> Callable[[Callable[..., Any]], EntryPoint]:
    """Decorator of a function that Python calls."""
    return lambda function: EntryPoint(function, signature)


def is_compiled() -> bool:
    """Whether splitting can start at once: its kernel is compiled in this process, or (most likely) in the
    cache."""
    from midiprism.smf.kernel.split_kernel import split_kernel

    return split_kernel.is_compiled()


def prepare() -> None:
    """Compile the kernel of splitting, or load its compiled form."""
    from midiprism.smf.kernel.split_kernel import split_kernel

    split_kernel.prepare()
