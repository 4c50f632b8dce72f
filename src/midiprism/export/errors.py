"""Errors of an export."""

from midiprism.errors import FolderError, UsageError


class HardlinkError(FolderError):
    """A result whose tracks are no files of their own, so that they cannot be hard linked."""

    def __str__(self) -> str:
        return f"The tracks of {self.out} are no files of their own: copy them instead of linking."


class NothingFoundError(UsageError):
    """A query that finds nothing, of which no data set can be made.

    Attributes:
        out: folder of the result.
        query: its text.
    """

    def __init__(self, out: str, query: str) -> None:
        super().__init__(out, query)
        self.out = out
        self.query = query

    def __str__(self) -> str:
        what = f"No track in {self.out} matches {self.query}" if self.query else f"{self.out} has no tracks"
        return f"{what}: a data set would be empty."
