"""The splitter of a run. It is loaded for the first song, so a run with nothing to do starts at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

from midiprism.errors import MidiprismError
from midiprism.results.identity import Identity
from midiprism.smf.types import Limits, SplitSong

Splitter = Callable[[bytes], SplitSong]


class LazySplitter:
    """``midiprism.split`` with the settings of a run, loaded on first use.

    Args:
        identity: what tracks are made with.
        limits: bounds on what one song may cost.
    """

    def __init__(self, identity: Identity, limits: Limits) -> None:
        self._identity = identity
        self._limits = limits
        self._split: Splitter | None = None

    def __call__(self, data: bytes) -> SplitSong:
        if self._split is None:
            self.prepare()
            assert self._split is not None
        return self._split(data)

    def __reduce__(self) -> tuple[type["LazySplitter"], tuple[Identity, Limits]]:
        return type(self), (self._identity, self._limits)

    def is_compiled(self) -> bool:
        """Return whether the splitter can start at once.

        Raises:
            MidiprismError: it cannot be loaded at all.
        """
        with _wrap_import_errors():
            compiled: bool = import_module("midiprism.smf.kernel.split_kernel").is_compiled()
            return compiled

    def prepare(self) -> None:
        """Load the splitter. Takes up to a minute if it has to be compiled.

        Raises:
            MidiprismError: it cannot be loaded.
        """
        with _wrap_import_errors():
            split = import_module("midiprism.smf").split
            import_module("midiprism.smf.kernel.split_kernel").prepare()
        self._split = partial(
            split, by=self._identity.by, context=self._identity.context, limits=self._limits
        )


def is_compiled(splitter: Splitter) -> bool:
    """Return whether a splitter can start at once.

    Raises:
        MidiprismError: it cannot be loaded at all.
    """
    return not isinstance(splitter, LazySplitter) or splitter.is_compiled()


def warn_about_cache() -> None:
    """Issue a KernelCacheWarning if the compiled splitter cannot be kept for the next run.

    Raises:
        MidiprismError: it cannot be loaded at all.
    """
    with _wrap_import_errors():
        import_module("midiprism.smf.kernel.split_kernel").split_kernel.warn_about_cache()


def prepare(splitter: Splitter) -> None:
    """Load a splitter if it is one that loads lazily.

    Raises:
        MidiprismError: it cannot be loaded.
    """
    if isinstance(splitter, LazySplitter):
        splitter.prepare()


@contextmanager
def _wrap_import_errors() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MidiprismError(f"The splitter cannot be loaded: {error}. Install midiprism again.") from error
