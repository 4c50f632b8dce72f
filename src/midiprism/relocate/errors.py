"""Errors of a relocation."""

from midiprism.errors import StoreError, UsageError


class RelocationRemainsError(UsageError):
    """A folder that still holds what was relocated from there.

    Attributes:
        out: that folder.
        relocated_to: the folder that is the result now.
    """

    def __init__(self, out: str, relocated_to: str) -> None:
        super().__init__(out, relocated_to)
        self.out = out
        self.relocated_to = relocated_to

    def __str__(self) -> str:
        return (
            f"{self.out} still holds what was relocated from there to {self.relocated_to}: remove it, "
            "or choose another folder."
        )


class DamagedResultError(StoreError):
    """A file of a result is lost or damaged.

    Attributes:
        out: folder of the result.
        reason: one sentence.
        database_options: options that name its catalog in PostgreSQL; empty for a file in the folder.
    """

    def __init__(self, out: str, reason: str, database_options: str = "") -> None:
        super().__init__(out, reason, database_options)
        self.out = out
        self.reason = reason
        self.database_options = database_options

    def __str__(self) -> str:
        return f"{self.reason} Repair the result in {self.out}, and try again."
