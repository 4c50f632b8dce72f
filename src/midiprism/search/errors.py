"""The error of a query that cannot be understood."""

from midiprism.errors import UsageError


class QueryError(UsageError):
    """A query that cannot be understood, with the place in it.

    Attributes:
        reason: what is wrong and what to write instead, as one sentence.
        text: of the query.
        start: index of the first character of the place.
        end: index after its last one.
    """

    def __init__(self, reason: str, text: str, start: int, end: int) -> None:
        super().__init__(reason, text, start, end)
        self.reason = reason
        self.text = text
        self.start = start
        self.end = end

    def __str__(self) -> str:
        return self.reason
