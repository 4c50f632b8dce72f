"""Tests of catalogs in temporary schemas."""

import pytest

from midiprism.catalog import open_catalog
from midiprism.catalog.postgres.temporary_schema import SCHEMA_PREFIX, temporary_schema
from support.postgres import PostgresServer


@pytest.mark.parametrize("fails", [False, True])
def test_a_temporary_schema_is_dropped(postgres: PostgresServer, fails: bool) -> None:
    url = postgres.new_database()
    seen = ""
    try:
        with temporary_schema(url) as address:
            open_catalog(address).close()
            seen = postgres.psql(url, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'songs'")
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert seen == f"{address.schema}\n"
    assert address.schema.startswith(SCHEMA_PREFIX)
    assert (
        postgres.psql(url, f"SELECT count(*) FROM pg_namespace WHERE nspname LIKE '{SCHEMA_PREFIX}%'")
        == "0\n"
    )
