"""A PostgreSQL server for the tests that ask for one, and what all tests run under."""

import gc
import os
from collections.abc import Iterator

import pytest

from support import catalog_access
from support.postgres import PostgresServer, find_installations


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for each process that runs tests. Ask for ``postgres``, which tidies up."""
    found = find_installations()
    if not found:
        reason = (
            "no PostgreSQL server is installed: install the system's package, or the wheel with "
            "`pip install -e '.[pgserver]'`"
        )
        if os.environ.get("CI") or os.environ.get("MIDIPRISM_REQUIRE_POSTGRES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    server = PostgresServer(found[0])
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server, to make databases on, and to stop and start: it runs again for the next test."""
    yield postgres_server
    postgres_server.start()
    postgres_server.drop_databases()


@pytest.fixture(scope="session")
def shared_database_url(postgres_server: PostgresServer) -> str:
    """A database for the catalogues of many tests, each in a schema of its own."""
    postgres_server.psql("postgres", "CREATE DATABASE shared")
    url = postgres_server.url("shared")
    postgres_server.psql(url, catalog_access.RANDOMBLOB_SQL)
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test twice: with catalogues in files of SQLite, and in PostgreSQL. See ``support.catalog_access``."""
    if request.param == "postgres":
        catalog_access.use_server(
            request.getfixturevalue("postgres_server"), request.getfixturevalue("shared_database_url")
        )
    try:
        yield request.param
    finally:
        catalog_access.reset()


@pytest.fixture(scope="session", autouse=True)
def _empty_probe_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What `midiprism probe` has measured for the user of this machine is not for tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


_real_gc_freeze = gc.freeze


@pytest.fixture(scope="session", autouse=True)
def _disable_gc_freeze() -> Iterator[None]:
    """A run freezes what there is as it begins, and unfreezes it at its end: here that is the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        patch.setattr(gc, "unfreeze", lambda: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def _freeze_loaded_modules(_disable_gc_freeze: None) -> None:
    """Runs look for garbage as they begin: with all that is loaded here, most of the time of a small one."""
    gc.collect()
    _real_gc_freeze()
