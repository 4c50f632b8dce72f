"""Errors of results in object storage."""

from midiprism.errors import MidiprismError, UsageError


class GenerationError(MidiprismError):
    """A generation cannot go on; what was recorded of it stays, and another run continues it."""


class GenerationStoppedError(GenerationError):
    """A run was asked to stop. What it recorded stays."""

    def __init__(self) -> None:
        super().__init__("It was stopped. The same command continues.")


class NoGenerationsError(UsageError):
    """A URL that holds no result.

    Attributes:
        url: of the place.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def __str__(self) -> str:
        return f"{self.url} holds no midiprism result: name the URL of one."


class OtherIdentityError(UsageError):
    """A result that was made with another ``by`` or ``context``.

    Attributes:
        url: of the result.
        by: of the result.
        context: of the result.
    """

    def __init__(self, url: str, by: str, context: str) -> None:
        super().__init__(url, by, context)
        self.url = url
        self.by = by
        self.context = context

    def __str__(self) -> str:
        return (
            f"{self.url} was made with by={self.by!r} and context={self.context!r}: use the same, or choose "
            "another URL for the result."
        )
