"""Tests of the sources of a catalog's address and of its password, which is never printed."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from midiprism.catalog import PostgresAddress
from midiprism.cli.options import DATABASE_URL_VARIABLE, GENERIC_DATABASE_URL_VARIABLE
from midiprism.errors import UsageError
from support.database_commands import prepare_songs, split_into_database
from support.fake_songs import read_tree
from support.postgres import PostgresServer

SECRET = "s3cr3t-word"
ROLE = "library keeper"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def use_fake_splitter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepare_songs(monkeypatch, tmp_path)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def database_option(run_cli: Run, url: str) -> str:
    return split_into_database(run_cli, url)


@pytest.fixture
def password_url(postgres: PostgresServer, url: str) -> Iterator[str]:
    """Yield the address of the same database for a role with a password, over the loopback interface."""
    postgres.psql(url, f"CREATE ROLE \"{ROLE}\" LOGIN SUPERUSER PASSWORD '{SECRET}'")
    database = url.partition("?")[0].rpartition("/")[2]
    yield postgres.url(database, user=ROLE, loopback=True)
    postgres.psql(url, f'REASSIGN OWNED BY "{ROLE}" TO midiprism; DROP ROLE "{ROLE}"')


def with_password(url: str, password: str = SECRET) -> str:
    return url.replace("@", f":{password}@", 1)


def test_the_environment_is_ignored_for_a_result_with_its_own_catalog(
    run_cli: Run, url: str, database_option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    assert run_cli("list", "out", "--paths")[0] == 0
    monkeypatch.delenv(DATABASE_URL_VARIABLE)
    run_cli("split", "songs", "-o", "plain", "--workers", 0, "--quiet")
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    for command in (["list", "plain"], ["status", "plain"], ["verify", "plain"]):
        assert run_cli(*command)[0] == 0, "its catalogue is in its folder, whatever the environment says"
    assert "leave --database out" in run_cli("list", "plain", "--database", url)[2]
    assert "leave --schema out" in run_cli("list", "plain", "--schema", "x")[2]


def test_database_url_counts_only_if_the_database_holds_a_catalog(
    run_cli: Run, postgres: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GENERIC_DATABASE_URL_VARIABLE, url)
    run_cli("split", "songs", "-o", "plain", "--workers", 0)
    assert Path("plain/catalog.sqlite").exists()
    assert postgres.psql(url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'midiprism'") == "0\n"
    run_cli("split", "songs", "-o", "out", "--workers", 0, "--database", url)
    assert run_cli("list", "out")[0] == 0
    monkeypatch.setenv(GENERIC_DATABASE_URL_VARIABLE, "mysql://somewhere/else")
    assert run_cli("list", "out")[0] == 0, "the result records its address"


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://u:{}@localhost/db",
        "postgresql://u@localhost/db?password={}",
        "postgresql://u@localhost/db?sslmode=require&pass%77ord={}",
        "postgresql://u@localhost/db?oauth_client_secret={}",
    ],
)
def test_a_password_on_the_command_line_is_refused_with_advice(run_cli: Run, written: str) -> None:
    for command in (["split", "songs", "-o", "new"], ["list", "new"], ["catalog", "upgrade"]):
        code, out, err = run_cli(*command, "--database", written.format(SECRET))
        assert (code, "~/.pgpass" in err, DATABASE_URL_VARIABLE in err) == (2, True, True)
        assert SECRET not in out + err
    assert not Path("new").exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:a@{}@localhost/db",
        "postgresql://u:a/{}@localhost/db",
        "postgresql://u:a?{}@localhost/db",
        "postgresql://u:a#{}:@[::1@localhost/db",
        "postgresql://u:{}%@localhost/db",
        "postgresql://u:{}@[::1/db",
        "postgresql://u:{}@localhost:port/db",
        "mysql://u:{}@localhost/db",
        "host=localhost password={}",
    ],
)
def test_an_invalid_address_is_refused_without_printing_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        PostgresAddress(url.format(SECRET))
    assert SECRET not in str(caught.value)


def run_and_join_output(run: Run, *arguments: object) -> str:
    _, out, err = run(*arguments)
    return out + err


def test_no_password_is_ever_printed_or_stored(
    run_cli: Run, postgres: PostgresServer, url: str, password_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL_VARIABLE, with_password(password_url))
    output = ""
    for command in (
        ["split", "songs", "-o", "out", "--workers", 2, "--json", "--verbose"],
        ["split", "songs", "-o", "out", "--redo", "--workers", 0],
        ["status", "out"],
        ["status", "out", "--json"],
        ["list", "out", "--json"],
        ["verify", "out", "--json", "--verbose"],
        ["verify", "out", "--repair", "--verbose"],
        ["export", "out", "--to", "tree", "--json"],
        ["catalog", "upgrade", "out"],
    ):
        output += run_and_join_output(run_cli, *command)
    assert "library%20keeper@127.0.0.1" in output, "the rest of the address is"
    monkeypatch.setenv(DATABASE_URL_VARIABLE, with_password(password_url, "wr0ng-" + SECRET))
    output += run_and_join_output(run_cli, "list", "out")
    assert "password authentication failed" in output
    monkeypatch.setenv(DATABASE_URL_VARIABLE, with_password(re.sub(r":\d+/", ":1/", password_url)))
    unreachable = run_and_join_output(run_cli, "status", "out")
    assert "onnection refused" in unreachable
    output += unreachable
    monkeypatch.setenv(DATABASE_URL_VARIABLE, with_password(password_url) + "?sslmode=nonsense")
    output += run_and_join_output(run_cli, "split", "songs", "-o", "out", "--verbose")
    assert SECRET not in output
    assert SECRET not in postgres.dump(url)
    assert not [name for name, data in read_tree(Path.cwd()).items() if SECRET.encode() in data]


def test_passwords_and_services_come_from_the_files_of_libpq(
    run_cli: Run, url: str, password_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, database = re.findall(r":(\d+)/(\w+)", password_url)[0]
    assert "no password supplied" in run_cli("split", "songs", "-o", "out", "--database", password_url)[2]
    Path("pgpass").write_text(f"127.0.0.1:{port}:*:{ROLE}:{SECRET}\n")
    Path("pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(Path("pgpass").absolute()))
    code, out, _ = run_cli(
        "split", "songs", "-o", "out", "--workers", 0, "--json", "--database", password_url
    )
    assert (code, json.loads(out)["state"]) == (1, "done"), "one song is bad"
    Path("services").write_text(f"[songs]\nhost=127.0.0.1\nport={port}\nuser={ROLE}\ndbname={database}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(Path("services").absolute()))
    assert run_cli("verify", "out", "--database", "postgresql:///?service=songs")[::2] == (0, "")
    assert "definition of service" in run_cli("list", "out", "--database", "postgresql:///?service=x")[2]


def test_a_server_without_encryption_is_refused_if_the_address_requires_it(
    run_cli: Run, password_url: str
) -> None:
    code, _, err = run_cli("split", "songs", "-o", "out", "--database", f"{password_url}?sslmode=require")
    assert (code, "server does not support SSL, but SSL was required" in err) == (1, True)
