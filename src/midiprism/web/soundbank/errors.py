"""The error of a sound bank that cannot be used."""

from midiprism.errors import UsageError


class SoundBankError(UsageError):
    """A sound bank that cannot be read or has not what is wanted."""
