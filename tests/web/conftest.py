"""Results that the tests of pages share, and clients of servers for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from support.web_client import make_client, split, write_samples


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the searches and collections of a test in a folder of its own."""
    monkeypatch.setenv("MIDIPRISM_SEARCHES", str(tmp_path / "searches"))
    monkeypatch.setenv("MIDIPRISM_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def sample_result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a result of sample songs, whose tracks are files. Tests only read it."""
    folder = tmp_path_factory.mktemp("web")
    return split(write_samples(folder / "songs", 24), folder / "files")


@pytest.fixture(scope="session")
def parquet_result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a result of the same songs in Parquet files. Tests only read it."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("web-parquet")
    return split(write_samples(folder / "songs", 24), folder / "parquet", store="parquet")


@pytest.fixture(params=["files", "parquet"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Yield a client for either store."""
    name = {"files": "sample_result", "parquet": "parquet_result"}[request.param]
    with make_client(request.getfixturevalue(name)) as client:
        yield client
