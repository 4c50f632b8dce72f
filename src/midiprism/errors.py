"""The exceptions of midiprism.

::

    MidiprismError                anything that midiprism raises on purpose
    ├── CorruptMidiError          bytes that cannot be read as MIDI at all, or that exceed a limit
    ├── UsageError                a command or option that cannot be followed as given (exit code 2)
    ├── StoreError                the folder of results cannot be written or read
    └── CatalogError              the catalogue cannot be opened, read or written

Every message is one sentence that says what happened and, where something can be done, what to do.
"""


class MidiprismError(Exception):
    """Base class of every exception that midiprism raises on purpose."""


class CorruptMidiError(MidiprismError):
    """Bytes that cannot be read as a MIDI file at all, or that exceed a limit.

    Attributes:
        code: stable, short reason: ``empty``, ``apple_double``, ``not_midi``, ``header``, ``division`` or
            ``limit``.
        offset: where in the bytes it was found.
    """

    def __init__(self, code: str, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset

    def __reduce__(self) -> tuple[type["CorruptMidiError"], tuple[str, str, int]]:
        return type(self), (self.code, str(self), self.offset)


class UsageError(MidiprismError):
    """A command or an option that cannot be followed as it was given."""


class SourceError(MidiprismError):
    """A source that was there when the run began is gone."""


class StoreError(MidiprismError):
    """The folder of results cannot be written or read."""


class CatalogError(MidiprismError):
    """The catalogue cannot be opened, read or written."""
