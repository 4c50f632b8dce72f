"""Errors of an export."""

from midiprism.errors import UsageError


class HardlinkError(UsageError):
    """A result whose tracks are no files of their own, so that they cannot be hard linked.

    Attributes:
        out: its folder.
    """

    def __init__(self, out: str) -> None:
        super().__init__(out)
        self.out = out

    def __str__(self) -> str:
        return f"The tracks of {self.out} are no files of their own: copy them instead of linking."
