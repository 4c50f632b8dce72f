"""The splitter of a run, loaded when the first parent needs it: a run with nothing to do goes without."""

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module

from midiprism.errors import MidiprismError
from midiprism.run.settings import Identity
from midiprism.smf.types import Limits, Split

Splitter = Callable[[bytes], Split]


class LazySplitter:
    """``midiprism.split`` with a run's settings.

    Args:
        identity: what a split is.
        limits: bounds on what one parent may cost.
        compiling: called before the first parent if the splitter has to be compiled, which takes seconds.
    """

    def __init__(self, identity: Identity, limits: Limits, compiling: Callable[[], None]) -> None:
        self._identity = identity
        self._limits = limits
        self._compiling = compiling
        self._split: Splitter | None = None
        self.loading_seconds = 0.0
        """What loading it took, compiling included: time that says nothing of the rate to come."""

    def __call__(self, data: bytes) -> Split:
        if self._split is None:
            self._split = self._load()
        return self._split(data)

    def _load(self) -> Splitter:
        began = time.perf_counter()
        try:
            jit = import_module("midiprism.smf.jit")
            compiled = jit.is_compiled()
            split = import_module("midiprism.smf").split
        except ImportError as error:
            raise MidiprismError(
                f"The splitter cannot be loaded: {error}. Install midiprism again."
            ) from error
        if not compiled:
            self._compiling()
        jit.prepare()
        self.loading_seconds = time.perf_counter() - began
        return partial(split, by=self._identity.by, context=self._identity.context, limits=self._limits)
