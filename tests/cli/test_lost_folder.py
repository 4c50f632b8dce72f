"""Tests of a result whose catalog is in PostgreSQL and whose folder is lost."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.database_commands import prepare_songs, split_into_database
from support.fake_songs import read_tree
from support.postgres import PostgresServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def use_fake_splitter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepare_songs(monkeypatch, tmp_path)


@pytest.fixture
def url(postgres: PostgresServer, run_cli: Run) -> str:
    database = postgres.new_database()
    split_into_database(run_cli, database)
    return database


def tracks(folder: str) -> dict[str, bytes]:
    return {name: data for name, data in read_tree(Path(folder)).items() if name.endswith(".mid")}


def test_a_lost_folder_is_made_anew_and_filled(run_cli: Run, url: str, tmp_path: Path) -> None:
    before = tracks("out")
    shutil.rmtree("out")
    code, _, error = run_cli("split", "songs", "-o", "new", "--database", url)
    assert (code, f"belongs to another result, in {tmp_path / 'out'}." in error) == (1, True)
    advised = shlex.split(error.split("`")[1])
    assert not Path("new").exists()
    code, shown, _ = run_cli(*(("new" if word == "NEW" else word) for word in advised[1:]))
    assert code == 0
    assert run_cli(*shlex.split(shown.splitlines()[-1])[1:])[0] == 0
    assert tracks("new") == before
    assert run_cli("verify", "new", "--database", url)[0] == 0
    assert run_cli("status", "new", "--database", url)[0] == 0


def test_the_command_for_a_lost_folder_that_is_named_again_works(
    run_cli: Run, url: str, tmp_path: Path
) -> None:
    before = tracks("out")
    assert run_cli("forget", "out", "a", "--database", url, "--yes")[0] == 0
    assert run_cli("forget", "out", "--undo", "--database", url)[0] == 0
    shutil.rmtree("out")
    code, _, error = run_cli("split", "songs", "-o", "out", "--database", url)
    assert (code, f"{tmp_path / 'out'} holds no result any more" in error) == (1, True)
    assert not Path("out").exists()
    code, shown, _ = run_cli(*shlex.split(error.split("`")[1])[1:])
    assert code == 0
    assert run_cli(*shlex.split(shown.splitlines()[-1])[1:])[0] == 0
    assert tracks("out") == before


def test_a_folder_that_is_there_is_not_replaced_after_a_removal(
    run_cli: Run, url: str, tmp_path: Path
) -> None:
    assert run_cli("forget", "out", "a", "--database", url, "--yes")[0] == 0
    code, _, error = run_cli("catalog", "rebind", "new", "--database", url)
    assert (code, f"{tmp_path / 'out'} is the folder of that catalog's result" in error) == (2, True)


def test_a_folder_that_is_there_is_not_replaced(run_cli: Run, url: str, tmp_path: Path) -> None:
    code, _, error = run_cli("catalog", "rebind", "new", "--database", url)
    assert (code, f"{tmp_path / 'out'} is the folder of that catalog's result" in error) == (2, True)
    assert not Path("new").exists()


def test_a_folder_with_files_is_refused(run_cli: Run, url: str) -> None:
    shutil.rmtree("out")
    code, _, error = run_cli("catalog", "rebind", "songs", "--database", url)
    assert (code, "songs is not empty: name a new folder." in error) == (2, True)


def test_the_status_of_a_schema_that_does_not_exist_is_an_error(run_cli: Run, url: str) -> None:
    code, shown, error = run_cli("status", "out", "--database", url, "--schema", "nosuch")
    assert (code, shown) == (1, "")
    assert "nosuch" in error
