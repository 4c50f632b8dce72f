"""The error that a catalog belongs to another result. It loads no database."""

import os

from midiprism.errors import CatalogError


class BoundCatalogError(CatalogError):
    """A catalog in PostgreSQL that belongs to another result than the one that is asked for.

    Attributes:
        catalog: where it is, as it may be shown.
        options: that name it on a command line.
        folder: of its result, as the last run recorded it; None if it is not known.
        out: the folder that was asked for; None for a new one.
        recorded: where the catalog of ``out`` is; None if ``out`` does not say.
        is_lost: whether ``out`` is the folder of its result, which holds no result any more.
    """

    def __init__(
        self, catalog: str, options: str, folder: str | None, out: str | None, recorded: str | None = None
    ) -> None:
        self.is_lost = folder is not None and out is not None and _is_lost(folder, out)
        if self.is_lost:
            super().__init__(f"{folder} holds no result any more, and the catalog {catalog} is that of it.")
        else:
            super().__init__(_describe(catalog, folder, out, recorded))
        self.catalog = catalog
        self.options = options
        self.folder = folder
        self.out = out
        self.recorded = recorded


def _describe(catalog: str, folder: str | None, out: str | None, recorded: str | None) -> str:
    where = f"The catalog {catalog} belongs to another result" + (f", in {folder}." if folder else ".")
    return where + (f" That of {out} is {recorded}." if out and recorded else "")


def _is_lost(folder: str, out: str) -> bool:
    """Return whether a folder is ``out``, and is not there, or holds hidden files at most."""
    if os.path.abspath(out) != folder:
        return False
    try:
        return all(name.startswith(".") for name in os.listdir(out))
    except OSError:
        return not os.path.lexists(out)
