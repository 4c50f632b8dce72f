"""Errors of adopting another program's library."""

from collections.abc import Sequence

from midiprism.errors import CatalogError, FolderError, SourceError, UsageError
from midiprism.fs.path_text import path_text


class NotAdoptableError(CatalogError):
    """A database that holds no library that can be adopted.

    Attributes:
        database: its address, without a password.
        reason: the first obstacle, as a sentence; a preflight finds all of them.
    """

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(database, reason)
        self.database = database
        self.reason = reason

    def __str__(self) -> str:
        return f"The library in {self.database} cannot be adopted: {self.reason}"


class ForeignTablesError(CatalogError):
    """A library whose tables lack columns that reading it needs.

    Attributes:
        database: its address, without a password.
        missing_columns: their names, each after its table's name and a dot.
    """

    def __init__(self, database: str, missing_columns: Sequence[str]) -> None:
        super().__init__(database, missing_columns)
        self.database = database
        self.missing_columns = tuple(missing_columns)

    def __str__(self) -> str:
        missing = ", ".join(self.missing_columns)
        return f"{self.database} holds no library with the tables that midiprism knows ({missing} missing)."


class PathNotTextError(FolderError):
    """A folder whose path is not text, for a library whose tables hold paths as text."""

    def __str__(self) -> str:
        return (
            f"The path {self.out!a} is not text, and the library's tables hold paths as text: "
            "choose another folder."
        )


class UnknownRunError(UsageError):
    """A run that a catalog does not know.

    Attributes:
        catalog: its address, without a password.
        run_id: number of the run.
    """

    def __init__(self, catalog: str, run_id: int) -> None:
        super().__init__(catalog, run_id)
        self.catalog = catalog
        self.run_id = run_id

    def __str__(self) -> str:
        return f"The catalog {self.catalog} knows no run {self.run_id}."


class AlreadyUndoneError(UsageError):
    """A run that was undone before.

    Attributes:
        run_id: number of the run.
    """

    def __init__(self, run_id: int) -> None:
        super().__init__(run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        return f"Run {self.run_id} has been undone already."


class RunActiveError(CatalogError):
    """A run that is active, so that no run can be undone."""

    def __str__(self) -> str:
        return "A run is active: wait until it has ended, or stop it."


class NothingAddedError(UsageError):
    """A run that added nothing which could be taken back.

    Attributes:
        run_id: number of the run.
        command: of the run, see ``RunStatus``.
        removed: whether it removed songs.
        out: the result into which an undo of the removal would put these songs back; None if it cannot.
        options: for the catalog, to be added to the commands that use the result.
    """

    def __init__(self, run_id: int, command: str, *, removed: bool, out: str | None, options: str) -> None:
        super().__init__(run_id, command, removed, out, options)
        self.run_id = run_id
        self.command = command
        self.removed = removed
        self.out = out
        self.options = options

    def __str__(self) -> str:
        if self.command == "undo":
            return f"Run {self.run_id} put back songs that another run had removed, and added none."
        if self.removed:
            return f"Run {self.run_id} removed songs, and added none."
        return f"Run {self.run_id} added nothing that is still there."


class SongsMissingError(SourceError):
    """An adopted library of which most songs are not at their paths.

    Attributes:
        missing: number of songs that were not found.
        sampled: number of songs that were looked for.
        example: path of one that was not found.
    """

    def __init__(self, missing: int, sampled: int, example: bytes) -> None:
        super().__init__(missing, sampled, example)
        self.missing = missing
        self.sampled = sampled
        self.example = example

    def __str__(self) -> str:
        found = f"{self.missing:,} of {self.sampled:,} songs that were looked for"
        return f"{found} are not at their paths, such as {path_text(self.example)}: bring their disk back."
