"""Tests of the PostgreSQL server of the tests, which can be stopped, crashed and inspected."""

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from support.postgres import OWNER, TIMEOUT_SECONDS, PostgresServer, ServerError, find_installations

TESTS = Path(__file__).parents[1]
SONGS = "CREATE TABLE songs (id bigserial, title text); INSERT INTO songs (title) VALUES ('b'), ('a')"


def titles(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT title FROM songs ORDER BY title")]


def test_each_database_is_empty_and_separate(postgres: PostgresServer) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    postgres.psql(first, SONGS)
    assert titles(first) == ["a", "b"]
    assert postgres.psql(second, "SELECT to_regclass('songs') IS NULL") == "t\n"


@pytest.mark.parametrize("crash", [False, True])
def test_a_restart_breaks_connections_and_keeps_what_was_committed(
    postgres: PostgresServer, crash: bool
) -> None:
    url = postgres.new_database()
    postgres.psql(url, SONGS)
    with psycopg.connect(url, autocommit=True) as connection:
        postgres.stop(crash=crash)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgres.start()
    assert titles(url) == ["a", "b"]


def test_a_dump_does_not_depend_on_the_order_of_rows(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    postgres.psql(url, SONGS)
    before = postgres.dump(url)
    postgres.psql(url, "UPDATE songs SET title = 'b' WHERE title = 'b'")
    assert postgres.dump(url) == before
    postgres.psql(url, "UPDATE songs SET title = 'c' WHERE title = 'b'")
    assert postgres.dump(url) != before


def test_a_dump_can_omit_the_values_of_sequences(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    postgres.psql(url, SONGS)
    before = postgres.dump(url, "--exclude-table-data=*_seq")
    postgres.psql(url, "INSERT INTO songs (title) VALUES ('c'); DELETE FROM songs WHERE title = 'c'")
    assert postgres.dump(url, "--exclude-table-data=*_seq") == before


def test_a_script_ends_at_its_first_error(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with pytest.raises(ServerError, match="nonsense"):
        postgres.psql(url, "SELECT nonsense; CREATE TABLE songs ()")
    assert postgres.psql(url, "SELECT to_regclass('songs') IS NULL") == "t\n"


def test_only_the_owner_needs_no_password(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    postgres.psql(url, "CREATE ROLE guest LOGIN PASSWORD 'secret'")
    try:
        for loopback in (False, True):
            guest = postgres.url("postgres", user="guest", loopback=loopback)
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(guest)
            with psycopg.connect(guest, password="secret") as connection:
                assert connection.info.user == "guest"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(postgres.url("postgres", user=OWNER, loopback=True))
    finally:
        postgres.psql(url, "DROP ROLE guest")


def test_every_server_that_is_installed_works(postgres: PostgresServer) -> None:
    for programs in find_installations():
        server = PostgresServer(programs)
        try:
            assert server.psql(server.new_database(), "SELECT 1") == "1\n"
        finally:
            server.close()
        assert not server.folder.exists()


def test_a_server_ends_with_the_process_that_started_it(postgres: PostgresServer) -> None:
    began = "import os; from support.postgres import PostgresServer, find_installations; "
    began += "print(PostgresServer(find_installations()[0]).folder, flush=True); os._exit(9)"
    command = [sys.executable, "-c", began]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 9
    data = Path(done.stdout.strip(), "data")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while data.exists():
        assert time.monotonic() < deadline, "the server is still there"
        time.sleep(0.05)
