"""Tests of commands on a result whose catalog is in PostgreSQL."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.errors import StoreError
from support.database_commands import prepare_songs, split_into_database
from support.fake_songs import BASS, DRUMS, fake_song, read_tree, write_files
from support.postgres import PostgresServer

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


def printed_commands(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("  midiprism ")]


def test_every_command_finds_the_catalog_by_its_address(run_cli: Run, url: str, database_option: str) -> None:
    assert not Path("out/catalog.sqlite").exists()
    code, out, _ = run_cli("list", "out", "--database", url, "--json")
    assert (code, [json.loads(line)["song"] for line in out.splitlines()]) == (0, ["a", "a", "b", "b"])
    code, out, _ = run_cli("status", "out", "--database", url, "--json")
    assert (code, json.loads(out)["totals"]["tracks"]) == (0, 3)
    assert run_cli("status", "out", "--database", url, "--failed")[1].startswith("corrupt\tnot_midi\t")
    assert run_cli("export", "out", "--database", url, "--to", "tree")[0] == 0
    assert len([*Path("tree").rglob("*.mid")]) == 4
    assert run_cli("verify", "out", "--database", url)[0] == 0
    assert run_cli("catalog", "upgrade", "out", "--database", url)[0] == 0
    assert run_cli("catalog", "upgrade", "--database", url)[1].endswith("up to date.\n")


def test_the_undo_of_a_removal_is_not_that_of_a_run(
    run_cli: Run, url: str, database_option: str, tmp_path: Path
) -> None:
    assert run_cli("forget", "out", "a", "--database", url, "--yes")[0] == 0
    undo = "catalog", "undo", 2, "--database", url, "--yes"
    code, _, error = run_cli(*undo)
    command = f"`midiprism forget {tmp_path / 'out'} {database_option} --undo`"
    expected = f"midiprism: Run 2 removed songs, and added none. {command} puts them back.\n"
    assert (code, error) == (2, expected)
    assert run_cli("forget", "out", "--undo", "--database", url)[0] == 0
    assert "They cannot be put back" in run_cli(*undo)[2]
    code, _, error = run_cli("catalog", "undo", 3, "--database", url, "--yes")
    assert (code, error) == (
        2,
        "midiprism: Run 3 put back songs that another run had removed, and added none.\n",
    )
    rows = run_cli("status", "out", "--database", url)[1].partition("Runs, latest first:\n")[2]
    commands = [" ".join(row.split()[3:-9]) for row in rows.splitlines()[1:4]]
    assert commands == ["forget --undo", "forget", "split"]


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["verify"],
        ["verify", "--repair"],
        ["list"],
        ["export", "--to", "t"],
        ["catalog", "upgrade"],
    ],
    ids=" ".join,
)
def test_a_command_finds_the_address_that_its_user_recorded_and_no_others(
    run_cli: Run, database_option: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_cli(*command, "out")[0] == 0
    monkeypatch.setattr("os.geteuid", lambda: 12_345)
    code, _, err = run_cli(*command, "out")
    assert code == 2
    assert "is in PostgreSQL, postgresql://midiprism@/test_" in err
    assert "--database or MIDIPRISM_DATABASE_URL" in err


def test_a_recorded_address_has_its_schema(run_cli: Run, url: str) -> None:
    where = ["--database", url, "--schema", "my_songs"]
    assert run_cli("split", "songs", "-o", "my out", "--workers", 0, *where)[0] == 1
    assert run_cli("status", "my out")[1] == run_cli("status", "my out", *where)[1]
    assert run_cli("split", "songs", "-o", "my out", "--workers", 0)[0] == 0


def test_printed_commands_name_the_catalog_and_work(run_cli: Run, url: str) -> None:
    where = ["--database", url, "--schema", "my_songs"]
    code, out, _ = run_cli("split", "songs", "-o", "my out", "--workers", 0, *where)
    named = f"--database {shlex.quote(url)} --schema my_songs"
    assert printed_commands(out) == [
        f"midiprism list 'my out' {named} family:bass",
        f"midiprism export 'my out' {named} --to by-song --by song",
    ]
    _, out, _ = run_cli("status", "my out", *where)
    commands = printed_commands(out)
    assert [line.startswith("midiprism s") and named in line for line in commands] == [True, True]
    next(Path("my out/tracks").rglob("*.mid")).unlink()
    code, out, _ = run_cli("verify", "my out", *where)
    (repair_command,) = printed_commands(out)
    assert (code, repair_command) == (1, f"midiprism verify 'my out' {named} --repair")
    assert run_cli(*shlex.split(repair_command)[1:])[0] == 0
    for line in commands:
        assert run_cli(*shlex.split(line)[1:])[0] == (1 if "--retry-failed" in line else 0)


def test_an_interrupted_run_prints_how_to_continue(
    run_cli: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_as_full(*_arguments: object) -> None:
        raise StoreError("full")

    with monkeypatch.context() as patch:
        patch.setattr("midiprism.stores.files.store.FileStore.put", fail_as_full)
        _, out, _ = run_cli("split", "songs", "-o", "out", "--workers", 0, "--database", url)
    continue_command = f"midiprism split songs -o out --database {shlex.quote(url)}"
    assert printed_commands(out) == [continue_command]
    _, out, _ = run_cli("status", "out", "--database", url, "--json")
    assert json.loads(out)["to_go_on"].endswith(f"/songs -o out --database {shlex.quote(url)}")


def test_the_catalog_of_another_result_is_refused(run_cli: Run, url: str, database_option: str) -> None:
    where = ["--database", url]
    assert run_cli("split", "songs", "-o", "other", *where, "--schema", "other", "--quiet")[0] == 1
    before = read_tree(Path("out"))
    for command in (
        ["list", "out"],
        ["status", "out"],
        ["export", "out", "--to", "t"],
        ["verify", "out"],
        ["verify", "out", "--repair"],
        ["split", "songs", "-o", "out"],
        ["split", "songs", "-o", "out", "--dry-run"],
        ["split", "songs", "-o", "new", "--dry-run"],
    ):
        code, _, err = run_cli(*command, *where, "--schema", "other")
        assert (code, "belongs to another result" in err) == (1, True), command
    assert read_tree(Path("out")) == before


def test_a_missing_catalog_is_not_treated_as_an_empty_one(
    run_cli: Run, postgres: PostgresServer, url: str, database_option: str
) -> None:
    postgres.psql(url, "SET client_min_messages TO error; DROP SCHEMA midiprism CASCADE")
    before = read_tree(Path("out"))
    for command in (["verify"], ["verify", "--repair"], ["list"], ["export", "--to", "t"]):
        code, _, err = run_cli(*command, "out", "--database", url)
        assert (code, "holds no catalog yet" in err) == (1, True)
    assert "nothing is recorded yet" in run_cli("status", "out", "--database", url)[1]
    assert read_tree(Path("out")) == before
    run_cli("split", "songs", "-o", "out", "--workers", 0, "--database", url)
    assert run_cli("verify", "out", "--database", url)[0] == 0


def test_all_active_runs_are_shown_and_prevent_checks(
    run_cli: Run, postgres: PostgresServer, url: str, database_option: str
) -> None:
    with open_catalog(PostgresAddress(url)) as catalog:
        second, third = (catalog.begin_run({"sources": ["/m"]}, "2026-01-01T00:00:00+00:00") for _ in "ab")
        _, out, _ = run_cli("status", "out", "--database", url, "--runs", 1)
        assert f"out: 2 runs are active, 0 songs/s\n  run {third}: 0 songs" in out
        assert f"\n  run {second}: 0 songs" in out
        _, out, _ = run_cli("status", "out", "--database", url, "--json")
        status = json.loads(out)
        assert (status["running"], status["to_go_on"]) == (True, None)
        assert [(it["state"], it["rate"]) for it in status["runs"]] == [
            ("running", 0.0),
            ("running", 0.0),
            ("done", None),
        ]
        for command in (["verify"], ["verify", "--repair"]):
            code, _, err = run_cli(*command, "out", "--database", url)
            assert (code, f"Run {second} on out is active" in err) == (1, True)
        postgres.psql(url, f"UPDATE midiprism.runs SET expires_at = now() WHERE id = {second}")
        catalog.end_run(third, "interrupted", {}, "2026-01-01T00:00:00+00:00")
    assert run_cli("verify", "out", "--database", url)[0] == 0
    _, out, _ = run_cli("status", "out", "--database", url, "--json")
    status = json.loads(out)
    assert [it["state"] for it in status["runs"]] == ["interrupted", "cut off", "done"]
    assert (status["running"], "/m -o out" in status["to_go_on"]) == (False, True)


def test_a_run_that_begins_during_a_check_ends_the_check(
    run_cli: Run, url: str, database_option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin_and_end_a_run(*_arguments: object) -> None:
        with open_catalog(PostgresAddress(url)) as catalog:
            catalog.end_run(catalog.begin_run({}, "now"), "done", {}, "now")

    monkeypatch.setattr("midiprism.integrity.verify._check_unlinked", begin_and_end_a_run)
    code, _, err = run_cli("verify", "out", "--database", url)
    assert (code, "check again" in err) == (1, True)


def test_a_read_only_role_can_only_read(
    run_cli: Run, postgres: PostgresServer, url: str, database_option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.psql(url, "CREATE ROLE reader LOGIN PASSWORD 'x'")
    try:
        postgres.psql(url, "GRANT USAGE ON SCHEMA midiprism TO reader")
        postgres.psql(url, "GRANT SELECT ON ALL TABLES IN SCHEMA midiprism TO reader")
        Path("pgpass").write_text(f"127.0.0.1:{postgres.port}:*:reader:x\n")
        Path("pgpass").chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(Path("pgpass").absolute()))
        reader = postgres.url(url.partition("?")[0].rpartition("/")[2], user="reader", loopback=True)
        for command in (["status"], ["list"], ["verify"], ["export", "--to", "t"], ["verify", "--repair"]):
            assert run_cli(*command, "out", "--database", reader)[0] == 0, command
        code, _, err = run_cli("split", "songs", "-o", "out", "--retry-failed", "--database", reader)
        assert (code, "permission denied" in err) == (1, True)
    finally:
        postgres.psql(url, "DROP OWNED BY reader; DROP ROLE reader")


def test_searches_do_not_depend_on_the_servers_language(run_cli: Run, url: str) -> None:
    names = ["GRÜSSE Straße", "\u212aelvin", "plain"]
    tracks = (f"Piano;Acoustic Grand Piano;{name};{name}" for name in names)
    write_files(
        Path("odd"), {"İstanbul.mid": fake_song(*tracks), "B.mid": fake_song(BASS), "a.mid": fake_song(DRUMS)}
    )
    run_cli("split", "odd", "-o", "out", "--workers", 0, "--database", url)
    run_cli("split", "odd", "-o", "plain", "--workers", 0)
    for arguments in (
        [],
        ["--name", "grüsse"],
        ["--name", "STRASSE"],
        ["--name", "kelvin"],
        ["--name", "KEL"],
        ["--name", "\u212a"],
        ["--name", "%"],
        ["--song", "i\u0307stanbul", "--limit", "2"],
        ["--instrument", "PIANO", "--limit", "1"],
        ["--name", "nothing"],
    ):
        found = run_cli("list", "out", "--json", *arguments, "--database", url)
        assert found == run_cli("list", "plain", "--json", *arguments), arguments
    assert len(run_cli("list", "plain", "--json", "--name", "kelvin")[1].splitlines()) == 1


@pytest.mark.parametrize("module", ["psycopg", "sqlalchemy", "alembic"])
def test_help_loads_no_database(module: str) -> None:
    program = "import sys; from midiprism.cli import main; main(['list', '--help']); "
    program += f"sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
