"""The splitter of a run. It is loaded for the first song, so a run with nothing to do starts at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from midiprism.errors import MidiprismError, unexpected_error_message
from midiprism.features.tolerant_facts import FactsFunction
from midiprism.results.identity import Identity
from midiprism.smf.types import Limits, Problem, SplitSong

Splitter = Callable[[bytes], SplitSong]

BytesSplitter = Callable[[bytes], Sequence[bytes | memoryview]]
"""Returns the bytes of the tracks of a song, and nothing else."""


LoadFacts = Callable[[], FactsFunction]
"""Returns what computes the facts of tracks, for one thread at a time. It can be pickled."""


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
            self._split = self._prepared(split, encoding=self._encoding)
        return self._split

    def prepare_bytes(self) -> BytesSplitter:
        """Return the function that gives the bytes of the same tracks.

        Raises:
            MidiprismError: it cannot be loaded.
        """
        with _wrap_import_errors():
            split: BytesSplitter = self._prepared(import_module("midiprism.smf.plain_split").split_bytes)
        return split

    def _prepared(self, function: Callable[..., Any], **more: Any) -> Any:
        prepare_kernel()
        identity = self._identity
        return partial(function, by=identity.by, context=identity.context, limits=self._limits, **more)


class TolerantSplitter(LazySplitter):
    """A splitter that gives the tracks of a song without their names where a defect of its own stops it.

    Pass C must give every track that pass A has found, and pass A reads no names.
    """

    def prepare(self) -> Splitter:
        split = super().prepare()
        with _wrap_import_errors():
            split_plainly = self._prepared(import_module("midiprism.smf.plain_split").split_plainly)

        def split_or_give_bytes(data: bytes) -> SplitSong:
            try:
                return split(data)
            except (MidiprismError, MemoryError):  # which the next attempt may not meet
                raise
            except Exception as error:  # noqa: BLE001 - which the problem states
                plain: SplitSong = split_plainly(data, Problem("internal", unexpected_error_message(error)))
                return plain

        return split_or_give_bytes


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


def prepare_bytes(splitter: Splitter) -> BytesSplitter:
    """Return the function that gives the bytes of the tracks of a splitter.

    Raises:
        MidiprismError: it cannot be loaded.
    """
    if isinstance(splitter, LazySplitter):
        return splitter.prepare_bytes()
    return lambda data: [track.data for track in splitter(data).tracks]


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
