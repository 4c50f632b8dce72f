"""Compile all entry points of modules into a folder: ``python -m midiprism.native.ship FOLDER MODULE...``."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from midiprism.native.entry_point import EntryPoint


def compile_modules(folder: Path, modules: Sequence[str]) -> None:
    """Compile the entry points that modules define, and keep their machine code below a folder."""
    for name in modules:
        for value in vars(import_module(name)).values():
            if isinstance(value, EntryPoint) and value.python_function.__module__ == name:
                value.compile_into(folder)


if __name__ == "__main__":
    compile_modules(Path(sys.argv[1]), sys.argv[2:])
