"""The engines by name. A new one is a module in this package and a line in ``ENGINES``."""

from collections.abc import Callable

from midiprism.generations.engine import Engine, EngineOptions
from midiprism.generations.engines.local import LocalEngine
from midiprism.generations.engines.ray import RayEngine

ENGINES: dict[str, Callable[[EngineOptions], Engine]] = {"local": LocalEngine, "ray": RayEngine}
