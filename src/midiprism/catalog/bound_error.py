"""The error that a catalog belongs to another result. It loads no database."""

from midiprism.errors import CatalogError


class BoundCatalogError(CatalogError):
    """A catalog in PostgreSQL that belongs to another result than the one that is asked for.

    Attributes:
        catalog: where it is, as it may be shown.
        options: that name it on a command line.
        folder: of its result, as the last run recorded it; None if it is not known.
        out: the folder that was asked for; None for a new one.
        recorded: where the catalog of ``out`` is; None if ``out`` does not say.
    """

    def __init__(
        self, catalog: str, options: str, folder: str | None, out: str | None, recorded: str | None = None
    ) -> None:
        where = f"The catalog {catalog} belongs to another result" + (f", in {folder}." if folder else ".")
        super().__init__(where + (f" That of {out} is {recorded}." if out and recorded else ""))
        self.catalog = catalog
        self.options = options
        self.folder = folder
        self.out = out
        self.recorded = recorded
