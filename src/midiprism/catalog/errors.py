"""The database's exceptions as ours."""

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from midiprism.errors import CatalogError


class CommitHooksMismatchError(CatalogError):
    """The commits of a catalog go through other hooks than those of a run.

    Attributes:
        path: of the catalog.
        bound: names of the catalog's hooks.
        given: names of the run's hooks.
    """

    def __init__(self, path: str, bound: Iterable[str], given: Iterable[str]) -> None:
        super().__init__(
            f"The commits of the catalog {path} go through {_format_hooks(bound)}, and those of this run "
            f"through {_format_hooks(given)}."
        )
        self.path = path
        self.bound = frozenset(bound)
        self.given = frozenset(given)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.bound, self.given)


def _format_hooks(names: Iterable[str]) -> str:
    return " and ".join(sorted(names)) or "no hook"


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
