"""Functions that Python calls and Numba compiles.

The machine code of an entry point is looked for in the folder that ships with the package, then in the
user's cache. Both name it after a digest of all sources that may be compiled into it, so that a changed
helper never meets a stale caller. Where it is not found it is compiled, and kept in the cache. Where no
folder can be written, or where others could write to it, it is compiled for this process alone.
"""

import os
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from midiprism.errors import KernelCacheWarning
from midiprism.native.code_file import NativeCode, decode, encode, file_name, source_digest
from midiprism.native.loader import UnfitCodeError, load
from midiprism.native.private_cache import make_private_folder, why_unsafe
from midiprism.native.types import ArgumentType

ENABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
"""False under ``NUMBA_DISABLE_JIT=1``: the same code then runs as plain Python."""

SHIPPED_FOLDER = Path(__file__).parent / "shipped"
"""Machine code that was compiled while the package was built."""

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
    """A function that Python calls: loaded, or compiled first, on its first call.

    Args:
        function: the plain Python function.
        signature: the types of its arguments.
        make_result: makes what it returns from a list, where it returns a tuple.
        sources: all sources that may be compiled into it.
        compile_code: compiles the function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        signature: Sequence[ArgumentType],
        make_result: Callable[[list[Any]], Any],
        sources: Sequence[Path],
        compile_code: Callable[["EntryPoint"], NativeCode],
    ) -> None:
        self.python_function = function
        self.signature = tuple(signature)
        self._make_result = make_result
        self._sources = tuple(sources)
        self._compile_code = compile_code
        self._lock = threading.Lock()
        self._compiled: Callable[..., Any] | None = None if ENABLED else function

    def __call__(self, *args: Any) -> Any:
        return (self._compiled or self.prepare())(*args)

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.python_function.__name__

    @property
    def _folder_name(self) -> str:
        return f"kernel-{_digest_at_start(self._sources)}"

    @property
    def cache_folder(self) -> Path:
        """The folder that keeps the compiled form, below ``NUMBA_CACHE_DIR`` where that is set."""
        root = os.environ.get("NUMBA_CACHE_DIR")
        if not root:
            from platformdirs import user_cache_path

            return user_cache_path("midiprism") / self._folder_name
        return Path(root) / self._folder_name

    @property
    def _shipped_file(self) -> Path:
        return SHIPPED_FOLDER / self._folder_name / file_name(self.name)

    @property
    def _cached_file(self) -> Path:
        return self.cache_folder / file_name(self.name)

    def is_compiled(self) -> bool:
        """Return whether a call starts at once: loaded already or, most likely, about to be."""
        if self._compiled is not None or self._shipped_file.exists():
            return True
        try:
            return why_unsafe(self.cache_folder) is None and self._cached_file.exists()
        except OSError:
            return False

    def can_keep_code(self) -> bool:
        """Return whether the compiled form can be kept; if not, issue one KernelCacheWarning a process."""
        reason = make_private_folder(self.cache_folder)
        if reason is not None:
            _warn_once(self.cache_folder, reason)
        return reason is None

    def prepare(self) -> Callable[..., Any]:
        """Load the compiled form, or compile it (seconds); returns the callable."""
        with self._lock:
            if self._compiled is None:
                self._compiled = self._load_or_compile()
            return self._compiled

    def compile_into(self, folder: Path) -> None:
        """Compile, and keep the machine code in the place of this function below ``folder``."""
        path = folder / self._folder_name / file_name(self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(self._compile_code(self)))

    def _load_or_compile(self) -> Callable[..., Any]:
        kept = self._load(self._shipped_file)
        if kept is not None:
            return kept
        if not self.can_keep_code():
            return load(self._compile_code(self), self.signature, self._make_result)
        path = self._cached_file
        kept = self._load(path)
        if kept is not None:
            return kept
        code = self._compile_code(self)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(encode(code))
        unfinished.replace(path)
        return load(code, self.signature, self._make_result)

    def _load(self, path: Path) -> Callable[..., Any] | None:
        """Return the function in a file; None where there is none that can be used."""
        try:
            return load(decode(path.read_bytes()), self.signature, self._make_result)
        except (OSError, ValueError, UnfitCodeError):
            return None
