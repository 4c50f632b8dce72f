"""Errors of the catalog, and the translation of the database's exceptions."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from midiprism.errors import CatalogError


class NoCatalogError(CatalogError):
    """A database that holds no catalog of midiprism."""


class OlderBuildError(CatalogError):
    """A catalog that an older build made, and that cannot be upgraded."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The catalog {name} was made by an older build; split again.")


class CatalogVersionError(CatalogError):
    """A catalog of another version than this program reads and writes.

    Attributes:
        name: where the catalog is, as it may be shown.
        version: of the catalog's tables.
        current_version: that this program reads and writes.
    """

    message = "{name} is a catalog of version {version}, and this midiprism works with {current_version}."

    def __init__(self, name: str, version: str, current_version: str) -> None:
        super().__init__(self.message.format(name=name, version=version, current_version=current_version))
        self.name = name
        self.version = version
        self.current_version = current_version

    def __reduce__(self) -> tuple[type["CatalogVersionError"], tuple[str, str, str]]:
        return type(self), (self.name, self.version, self.current_version)


class OutdatedCatalogError(CatalogVersionError):
    """A catalog of an older version, which can be upgraded."""

    message = "{name} was made by an earlier midiprism: `midiprism catalog upgrade` brings it up to date."


class NewerCatalogError(CatalogVersionError):
    """A catalog of a version that this program does not know."""

    message = (
        "{name} is a catalog of version {version}, and this midiprism knows versions up to "
        "{current_version}: use the midiprism that made it, or install a newer one."
    )


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Raise the database's exceptions as a CatalogError that says which catalog it is about."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (SQLAlchemyError, sqlite3.Error, *_driver_errors())):
            raise
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise CatalogError(f"The catalog {name} cannot be used: {_first_line(cause)}.") from error


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of the PostgreSQL driver; nothing while it is not loaded."""
    psycopg = sys.modules.get("psycopg")
    return (psycopg.Error,) if psycopg else ()


def _first_line(cause: BaseException | None) -> str:
    lines = str(cause).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(cause).__name__
