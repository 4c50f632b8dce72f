"""The choice between short and long tests: ``MIDIPRISM_NIGHTLY=1`` asks for the long ones.

Tests marked ``nightly`` run only then, and some others check more cases then.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

NIGHTLY = os.environ.get("MIDIPRISM_NIGHTLY", "") not in ("", "0")


def every(step: int, cases: Sequence[T], *, nightly_step: int = 1) -> Sequence[T]:
    """Return every ``step``-th case, or in a nightly run every ``nightly_step``-th."""
    return cases[:: nightly_step if NIGHTLY else step]


def nightly(*cases: Any) -> list[Any]:
    """Return cases of a parametrized test that only nightly runs check; a tuple has a value for each name."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.nightly)
        for case in cases
    ]


def on_both_databases(cases: Iterable[tuple[Any, Any]], names: Sequence[str]) -> list[Any]:
    """Return the database and the two values of each case, all of them on SQLite.

    Every third is on PostgreSQL too, and the others in nightly runs.
    """
    chosen = []
    for number, (case, name) in enumerate(zip(cases, names, strict=True)):
        marks = () if number % 3 == 0 else pytest.mark.nightly
        chosen.append(pytest.param("sqlite", *case, id=f"sqlite-{name}"))
        chosen.append(pytest.param("postgres", *case, id=f"postgres-{name}", marks=marks))
    return chosen
