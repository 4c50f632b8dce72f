"""Compile all entry points of modules into a folder: ``python -m midiprism.native.ship FOLDER MODULE...``."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from midiprism.native.entry_point import EntryPoint


def entry_points_of(module: str) -> list[EntryPoint]:
    """Return the entry points that a module defines, not those that it imports."""
    values = vars(import_module(module)).values()
    return [it for it in values if isinstance(it, EntryPoint) and it.python_function.__module__ == module]


def compile_modules(folder: Path, modules: Sequence[str]) -> None:
    """Compile the entry points that modules define, and keep their machine code below a folder."""
    for name in modules:
        for entry in entry_points_of(name):
            entry.compile_into(folder)


if __name__ == "__main__":
    compile_modules(Path(sys.argv[1]), sys.argv[2:])
