"""Errors of adopting another program's library."""

from collections.abc import Sequence
from typing import Any

from midiprism.errors import CatalogError, UsageError


class NotAdoptableError(CatalogError):
    """A database holds no library that can be taken over.

    Attributes:
        database: its address without a password.
        reason: the first obstacle, as a sentence; a preflight finds all of them.
    """

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(f"The library in {database} cannot be taken over: {reason}")
        self.database = database
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.database, self.reason)


class PathNotTextError(UsageError):
    """The path of a folder is not text, and the library's tables hold paths as text.

    Attributes:
        out: the path.
    """

    def __init__(self, out: str) -> None:
        super().__init__(
            f"The path {out!a} is not text, and the library's tables hold paths as text: "
            "choose another folder."
        )
        self.out = out

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.out,)


class ForeignTablesError(CatalogError):
    """The tables of a library lack columns that reading it needs.

    Attributes:
        database: its address without a password.
        missing_columns: their names, each behind that of its table and a dot.
    """

    def __init__(self, database: str, missing_columns: Sequence[str]) -> None:
        super().__init__(
            f"{database} holds no library with the tables that midiprism knows "
            f"({', '.join(missing_columns)} missing)."
        )
        self.database = database
        self.missing_columns = tuple(missing_columns)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.database, self.missing_columns)


class UnknownRunError(UsageError):
    """A catalog knows no run of a number.

    Attributes:
        catalog: its address.
        run_id: the number.
    """

    def __init__(self, catalog: str, run_id: int) -> None:
        super().__init__(f"The catalog {catalog} knows no run {run_id}.")
        self.catalog = catalog
        self.run_id = run_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.catalog, self.run_id)


class AlreadyUndoneError(UsageError):
    """A run was undone before.

    Attributes:
        run_id: number of the run.
    """

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Run {run_id} has been undone already.")
        self.run_id = run_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.run_id,)


class RunActiveError(CatalogError):
    """A run is active, so that no run can be undone."""

    def __init__(self) -> None:
        super().__init__("A run is active: wait until it has ended, or stop it.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()
