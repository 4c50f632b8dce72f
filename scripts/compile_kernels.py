"""Compile all kernels that are not in the cache, as many at a time as there are processors.

Tests run in many processes: without this, several of them would compile the same kernel at once.
"""

import os
import pkgutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context

from midiprism.native.entry_point import EntryPoint
from midiprism.native.ship import entry_points_of

PACKAGES = (
    "midiprism.smf.kernel",
    "midiprism.sample",
    "midiprism.features.kernel",
    "midiprism.similarity.kernel",
)
"""Packages with kernels, those that take longest first."""


def find_entry_points() -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each kernel that is not in the cache."""
    for package in PACKAGES:
        for info in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
            for entry in entry_points_of(info.name):
                if not entry.is_compiled():
                    yield info.name, entry.name


def compile_one(module: str, name: str) -> None:
    """Compile a kernel."""
    entry_point: EntryPoint = getattr(import_module(module), name)
    entry_point.prepare()


def main() -> None:
    """Compile all kernels that are not in the cache."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for compiled in [pool.submit(compile_one, *found) for found in find_entry_points()]:
            compiled.result()


if __name__ == "__main__":
    main()
