"""Errors of a repair."""

from midiprism.errors import CatalogError


class EmptyCatalogError(CatalogError):
    """The catalog of a result with tracks is empty.

    Attributes:
        catalog: its path or address.
    """

    def __init__(self, catalog: str) -> None:
        super().__init__(catalog)
        self.catalog = catalog

    def __str__(self) -> str:
        return f"{self.catalog} is empty: split the same songs again first."
