"""Fixtures of the tests of catalogs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from midiprism.catalog import Catalog, open_catalog
from support import catalog_access

NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def catalog(tmp_path: Path, catalog_backend: str) -> Iterator[Catalog]:
    """Yield a new catalog, in SQLite or PostgreSQL, whose first run has begun."""
    with open_catalog(catalog_access.catalog_address(tmp_path)) as opened:
        opened.begin_run({}, NOW)
        yield opened
