"""Fixtures and process settings that all tests share."""

import gc
import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from support import catalog_access
from support.cloud_servers import azurite_server, seaweedfs_server
from support.nightly import NIGHTLY
from support.postgres import PostgresServer, find_installations

# No test asserts a time: other programs may use the processors.
hypothesis.settings.register_profile(
    "midiprism", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("midiprism")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that only nightly runs ask for."""
    if NIGHTLY:
        return
    deselected = [item for item in items if item.get_closest_marker("nightly")]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


@pytest.fixture(scope="session", autouse=True)
def _python_handles_ctrl_c() -> Iterator[None]:
    """Let SIGINT interrupt this process and those that it starts.

    ``nohup`` and background jobs of a script ignore SIGINT, and a new process inherits that. Python then
    installs no handler of its own.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start one server per test process. Tests ask for ``postgres``, which cleans up after them."""
    installations = find_installations()
    if not installations:
        reason = (
            "no PostgreSQL server is installed: install the system's package, or the wheel with "
            "`pip install -e '.[pgserver]'`"
        )
        if os.environ.get("CI") or os.environ.get("MIDIPRISM_REQUIRE_POSTGRES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    server = PostgresServer(installations[0])
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """Yield the server. A test may stop it: it runs again, without the test's databases, for the next one."""
    yield postgres_server
    postgres_server.start()
    postgres_server.drop_databases()


@pytest.fixture(scope="session")
def shared_database_url(postgres_server: PostgresServer) -> str:
    """Return a database for the catalogs of many tests, each in a schema of its own."""
    postgres_server.psql("postgres", "CREATE DATABASE shared")
    url = postgres_server.url("shared")
    postgres_server.psql(url, catalog_access.RANDOMBLOB_SQL)
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a test twice: with catalogs in SQLite files, and in PostgreSQL. See ``support.catalog_access``."""
    if request.param == "postgres":
        catalog_access.use_server(
            request.getfixturevalue("postgres_server"), request.getfixturevalue("shared_database_url")
        )
    try:
        yield request.param
    finally:
        catalog_access.reset()


@pytest.fixture(scope="session")
def seaweedfs_address() -> Iterator[str]:
    """Start SeaweedFS once per test process. Tests name it in the environment with ``use_s3``."""
    with seaweedfs_server() as address:
        yield address


@pytest.fixture(scope="session")
def azurite_address() -> Iterator[str]:
    """Start Azurite once per test process. Tests name it in the environment with ``use_azure``."""
    with azurite_server() as address:
        yield address


@pytest.fixture(scope="session", autouse=True)
def _empty_probe_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide what `midiprism probe` has measured for this user from the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIDIPRISM_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


_real_gc_freeze = gc.freeze


@pytest.fixture(scope="session", autouse=True)
def _disable_gc_freeze() -> Iterator[None]:
    """Keep runs from freezing objects as they begin and unfreezing them as they end: they are the tests'."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        patch.setattr(gc, "unfreeze", lambda: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def _freeze_loaded_modules(_disable_gc_freeze: None) -> None:
    """Exempt all loaded modules from garbage collection.

    A run collects garbage as it begins. With all that tests load, that takes most of the time of a small run.
    """
    gc.collect()
    _real_gc_freeze()
