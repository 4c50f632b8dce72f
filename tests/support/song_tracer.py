"""A profiler that writes down the source files through which one song passes, in all processes of a program.

A file is written down if one of its functions receives or returns the song (its path, bytes, digest, tracks
or a record), or if it is on the call stack at that moment. Compiled functions are not seen, nor what they
return.
"""

import dataclasses
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import midiprism

MARK = "marked-song"
"""Text in the path of the song."""

_SOURCE = os.path.dirname(midiprism.__file__) + os.sep
_MAX_DEPTH = 9
_MAX_ITEMS = 40

Profiler = Callable[[FrameType, str, Any], None]


def trace(out: str, digests: frozenset[bytes]) -> None:
    """Append to ``out`` from now on the files that the marked song passes, each on a line, some repeatedly.

    Args:
        digests: of the song and of its tracks.
    """
    profiler = _make_profiler(out, digests)
    threading.setprofile(profiler)
    sys.setprofile(profiler)


def _make_profiler(out: str, digests: frozenset[bytes]) -> Profiler:
    finished: set[str] = set()
    busy = threading.local()

    def profile(frame: FrameType, event: str, returned: Any) -> None:
        code = frame.f_code
        path = code.co_filename
        if event not in ("call", "return") or not path.startswith(_SOURCE) or path in finished:
            return
        if getattr(busy, "now", False):
            return
        busy.now = True
        try:
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            arguments = [frame.f_locals.get(name) for name in names if name != "self"]
            if _has_song(arguments if event == "call" else returned, digests):
                finished.add(path)
                with open(out, "a", encoding="utf-8") as file:
                    file.writelines(f"{name}\n" for name in _source_files_on_stack(frame))
        finally:
            busy.now = False

    return profile


def _source_files_on_stack(frame: FrameType | None) -> list[str]:
    names = []
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_SOURCE):
            names.append(path.removeprefix(_SOURCE))
        frame = frame.f_back
    return names


def _has_song(value: Any, digests: frozenset[bytes], depth: int = 0) -> bool:
    """Return whether the song is in a value; of objects, only records are looked into."""
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, str):
        return MARK in value
    if isinstance(value, bytes):
        return value in digests or value.startswith(b"MThd") or MARK.encode() in value
    items: list[Any] = []
    if isinstance(value, dict):
        items = [*value, *value.values()]
    elif type(value).__name__ == "KernelOutput":
        return False
    elif isinstance(value, (tuple, list, set, frozenset)):
        items = [*value]
    elif type(value).__name__ == "Columns":
        items = [value[name] for name in value.names]
    elif dataclasses.is_dataclass(value):
        items = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return any(_has_song(item, digests, depth + 1) for item in items[:_MAX_ITEMS])
