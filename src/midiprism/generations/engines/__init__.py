"""The engines by name. A new one is a module in this package and a line in ``ENGINES``."""

from collections.abc import Callable

from midiprism.generations.engine import Engine
from midiprism.generations.engines.local import LocalEngine

ENGINES: dict[str, Callable[[], Engine]] = {"local": LocalEngine}
