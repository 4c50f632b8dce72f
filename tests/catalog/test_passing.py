"""Catalogues that are there for a moment."""

import pytest

from midiprism.catalog import open_catalog
from midiprism.catalog.passing import PREFIX, passing_schema
from support.postgres import Server


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_of_it(postgres: Server, fails: bool) -> None:
    url = postgres.new_database()
    seen = ""
    try:
        with passing_schema(url) as address:
            open_catalog(address).close()
            seen = postgres.psql(url, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'parents'")
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert seen == f"{address.schema}\n"
    assert address.schema.startswith(PREFIX)
    assert postgres.psql(url, f"SELECT count(*) FROM pg_namespace WHERE nspname LIKE '{PREFIX}%'") == "0\n"
