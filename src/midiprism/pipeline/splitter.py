"""The splitter of a run. It is loaded for the first song, so a run with nothing to do starts at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from midiprism.errors import MidiprismError
from midiprism.results.identity import Identity
from midiprism.smf.types import Limits, SplitSong

Splitter = Callable[[bytes], SplitSong]

FactsFunction = Callable[[Sequence[bytes], Sequence[str]], Mapping[str, Sequence[Any]]]
"""Returns a column for each fact of tracks, from their bytes and instrument families."""


class LazySplitter:
    """``midiprism.split`` with the settings of a run, loaded on first use.

    Args:
        identity: settings that define a track.
        limits: bounds on what one song may cost.
        encoding: of the texts of songs; None to guess it.
    """

    def __init__(self, identity: Identity, limits: Limits, encoding: str | None = None) -> None:
        self._identity = identity
        self._limits = limits
        self._encoding = encoding
        self._split: Splitter | None = None

    def __call__(self, data: bytes) -> SplitSong:
        return self.prepare()(data)

    def __reduce__(self) -> tuple[type["LazySplitter"], tuple[Identity, Limits, str | None]]:
        return type(self), (self._identity, self._limits, self._encoding)

    def is_compiled(self) -> bool:
        """Return whether the splitter can start at once.

        Raises:
            MidiprismError: it cannot be loaded at all.
        """
        return is_kernel_compiled()

    def prepare(self) -> Splitter:
        """Load the splitter, and return the function that splits. Takes minutes where it has to be compiled.

        Raises:
            MidiprismError: it cannot be loaded.
        """
        if self._split is None:
            with _wrap_import_errors():
                split = import_module("midiprism.smf").split
            prepare_kernel()
            self._split = partial(
                split,
                by=self._identity.by,
                context=self._identity.context,
                limits=self._limits,
                encoding=self._encoding,
            )
        return self._split


def load_facts_calculator() -> FactsFunction:
    """Return the function that computes the facts of tracks, compiled.

    Raises:
        MidiprismError: it cannot be loaded.
    """
    with _wrap_import_errors():
        import_module("midiprism.features.kernel.facts_kernel").facts_kernel.prepare()
        columns: FactsFunction = import_module("midiprism.features.track_facts").FactsCalculator().columns
        return columns


def facts_are_compiled() -> bool:
    """Return whether the facts of tracks can be computed at once.

    Raises:
        MidiprismError: what computes them cannot be loaded at all.
    """
    with _wrap_import_errors():
        compiled: bool = import_module("midiprism.features.kernel.facts_kernel").facts_kernel.is_compiled()
        return compiled


def is_compiled(splitter: Splitter) -> bool:
    """Return whether a splitter can start at once.

    Raises:
        MidiprismError: it cannot be loaded at all.
    """
    return not isinstance(splitter, LazySplitter) or splitter.is_compiled()


def is_kernel_compiled() -> bool:
    """Return whether splitting can start at once.

    Raises:
        MidiprismError: the splitter cannot be loaded at all.
    """
    with _wrap_import_errors():
        compiled: bool = import_module("midiprism.smf.kernel.split_kernel").is_compiled()
        return compiled


def keeps_kernel() -> bool:
    """Return whether the compiled splitter can be kept; issue a KernelCacheWarning if it cannot.

    Raises:
        MidiprismError: the splitter cannot be loaded at all.
    """
    with _wrap_import_errors():
        can_keep: bool = import_module("midiprism.smf.kernel.split_kernel").split_kernel.can_keep_code()
        return can_keep


def prepare_kernel() -> None:
    """Compile the kernel of splitting, or load its compiled form.

    Raises:
        MidiprismError: it cannot be loaded.
    """
    with _wrap_import_errors():
        import_module("midiprism.smf.kernel.split_kernel").prepare()


def prepare(splitter: Splitter) -> Splitter:
    """Return the function that splits: of a splitter that loads lazily, the loaded one.

    Raises:
        MidiprismError: it cannot be loaded.
    """
    return splitter.prepare() if isinstance(splitter, LazySplitter) else splitter


@contextmanager
def _wrap_import_errors() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MidiprismError(f"The splitter cannot be loaded: {error}. Install midiprism again.") from error
