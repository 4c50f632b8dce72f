"""Errors of an export."""

from midiprism.errors import FolderError


class HardlinkError(FolderError):
    """A result whose tracks are no files of their own, so that they cannot be hard linked."""

    def __str__(self) -> str:
        return f"The tracks of {self.out} are no files of their own: copy them instead of linking."
