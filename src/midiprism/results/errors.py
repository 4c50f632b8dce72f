"""Errors of the folder of a result."""

from typing import Literal

from midiprism.errors import UsageError

FileSystemFault = Literal["locks", "name_length", "names"]
"""Why a file system is refused: its locks keep nobody away, its names are too short, or it cannot keep every
name apart."""


class UnsuitableFileSystemError(UsageError):
    """A new result on a file system where its promises cannot be kept.

    Attributes:
        out: folder of the result.
        fault: what the file system lacks.
    """

    def __init__(self, out: str, fault: FileSystemFault) -> None:
        super().__init__(out, fault)
        self.out = out
        self.fault = fault

    @property
    def reason(self) -> str:
        """The reason, as a sentence without its end."""
        if self.fault == "locks":
            return (
                f"{self.out} is on a file system whose locks keep nobody away, so that two runs at once "
                "would damage the catalog"
            )
        if self.fault == "name_length":
            return f"{self.out} is on a file system whose names are too short for the names of tracks"
        return f"{self.out} is on a file system that cannot keep every name of a track"

    def __str__(self) -> str:
        if self.fault == "locks":
            return f"{self.reason}: choose a folder on another disk, or keep the catalog in PostgreSQL."
        return f"{self.reason}: choose a folder on another disk, or keep the tracks in Parquet files."
