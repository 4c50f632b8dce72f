"""The database's exceptions as ours."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from midiprism.errors import CatalogError


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn the database's exceptions into one that says which catalogue it is about."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (SQLAlchemyError, sqlite3.Error, *_driver_errors())):
            raise
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise CatalogError(f"The catalogue {name} cannot be used: {_first_line(cause)}.") from error


def _driver_errors() -> tuple[type[Exception], ...]:
    """What the driver of PostgreSQL raises, if it was loaded: else it raises nothing."""
    psycopg = sys.modules.get("psycopg")
    return (psycopg.Error,) if psycopg else ()


def _first_line(cause: BaseException | None) -> str:
    lines = str(cause).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(cause).__name__
