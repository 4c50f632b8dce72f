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


class NewerContractError(UsageError):
    """A result with songs that were split by a newer version of the contract than this program has.

    Attributes:
        url: of the result.
        contract: version of its newest songs.
        own: version of this program.
    """

    def __init__(self, url: str, contract: int, own: int) -> None:
        super().__init__(url, contract, own)
        self.url = url
        self.contract = contract
        self.own = own

    def __str__(self) -> str:
        return (
            f"{self.url} was split by a newer version of midiprism, whose split contract is version "
            f"{self.contract}; that of this one is {self.own}: use the newer midiprism."
        )


class UnfinishedError(UsageError):
    """A generation that has to be finished first, by reading songs of its own source.

    Attributes:
        url: of the result.
        generation: that is not finished.
        source: URL of its songs.
    """

    def __init__(self, url: str, generation: int, source: str) -> None:
        super().__init__(url, generation, source)
        self.url = url
        self.generation = generation
        self.source = source

    def __str__(self) -> str:
        return (
            f"Generation {self.generation} of {self.url} is not finished, and its songs are below "
            f"{self.source}: finish it by a run from there. If they are gone for good, make an empty folder "
            "or bucket of that name first: songs that were not read yet are then recorded as unreadable."
        )


class OlderPlanError(UsageError):
    """A generation that an earlier version of midiprism began, which splits differently.

    Attributes:
        url: of the result.
        generation: that is not finished.
    """

    def __init__(self, url: str, generation: int) -> None:
        super().__init__(url, generation)
        self.url = url
        self.generation = generation

    def __str__(self) -> str:
        return (
            f"Generation {self.generation} of {self.url} was begun by an earlier version of midiprism, which "
            "splits differently: finish it with that version, or choose another URL for the result."
        )


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
