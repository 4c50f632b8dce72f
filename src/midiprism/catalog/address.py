"""Addresses of catalogs: a SQLite file, or a schema in a PostgreSQL database."""

import re
import shlex
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from midiprism.errors import UsageError

DEFAULT_SCHEMA = "midiprism"
_SCHEMES = ("postgresql", "postgres")
_HOST = r"(?:\[[0-9A-Za-z:.%]+\]|[^\[\]@:/?,]*)(?::[0-9]*)?"
_URL = re.compile(rf"\w+://(?:[^@/?\[\]]*@)?{_HOST}(?:,{_HOST})*(?:/[^@?]*)?(?:\?[^@]*)?")
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TEXT = re.compile(rf"(.*) \(schema ({_SCHEMA_NAME.pattern})\)")
_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")
_SHOWN_PARAMETERS = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "oauth_client_id",
        "oauth_issuer",
        "oauth_scope",
        "options",
        "passfile",
        "port",
        "replication",
        "require_auth",
        "requirepeer",
        "requiressl",
        "service",
        "servicefile",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslkeylogfile",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    }
)
"""Parameters of libpq whose values may be shown. Any other one is taken for a secret, also one that a later
libpq adds."""

_PAIR = re.compile(r"(\w+)\s*=\s*(?:'(?:[^'\\]|\\.)*'|\S*)")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A schema in a PostgreSQL database. Its text shows no password.

    Attributes:
        url: as libpq reads it, https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
        schema: name of the schema that holds the catalog's tables.
    """

    url: str = field(repr=False)
    schema: str = DEFAULT_SCHEMA

    def __post_init__(self) -> None:
        if self.url.partition("://")[0] not in _SCHEMES:  # not shown, since it may be a password
            raise UsageError(
                "The address of a catalog is postgresql://USER@HOST/DATABASE, without a password, which "
                "libpq finds in ~/.pgpass."
            )
        if not _SCHEMA_NAME.fullmatch(self.schema) or self.schema.startswith("pg_"):
            raise UsageError(
                f"{self.schema!r} cannot be the name of a schema: use small letters, digits and _."
            )

        if not _URL.fullmatch(self.url) or _BARE_PERCENT.search(self.url):
            # Not shown, since any part of it may be the password.
            raise UsageError(
                "The address of the catalog cannot be read: it is postgresql://USER@HOST/DATABASE. Where a "
                "name or a password has @ : / ? # [ ] or % in it, write %40 %3A %2F %3F %23 %5B %5D %25."
            )

    @classmethod
    def from_text(cls, text: str) -> "PostgresAddress":
        """Return the address whose text this is, without the password that it had.

        Raises:
            UsageError: it is no such text.
        """
        match = _TEXT.fullmatch(text)
        return cls(text) if match is None else cls(match[1], match[2])

    @property
    def is_local(self) -> bool:
        """True if its server is on this machine, as far as the address says."""
        try:
            host = urlsplit(self.url).hostname or ""
        except ValueError:  # several hosts
            return False
        return host in _LOCAL_HOSTS and "host=" not in self.url.partition("?")[2].replace("host=%2F", "")

    @property
    def cli_options(self) -> str:
        """The options of the command line that name it, as they may be shown."""
        schema = "" if self.schema == DEFAULT_SCHEMA else f" --schema {self.schema}"
        return f"--database {shlex.quote(without_password(self.url))}{schema}"

    def __str__(self) -> str:
        where = without_password(self.url)
        return where if self.schema == DEFAULT_SCHEMA else f"{where} (schema {self.schema})"


Address = str | PostgresAddress
"""An address as text is the path of a SQLite file."""


def has_password(url: str) -> bool:
    """Return whether an address has a password, or a parameter that may be secret."""
    return without_password(url) != url


def secret_parameters(url: str) -> list[str]:
    """Return the names of the parameters of an address whose values are not shown."""
    query = url.partition("://")[2].partition("?")[2]
    names = (_parameter_name(part) for part in query.split("&") if part)
    return [name for name in names if name not in _SHOWN_PARAMETERS]


def without_password(url: str) -> str:
    """Return an address as it may be shown: without its password and the parameters that may be secret."""
    scheme, mark, rest = url.partition("://")
    if not mark:  # a connection string of key=value pairs, or no address
        return _PAIR.sub(lambda pair: pair[0] if pair[1] in _SHOWN_PARAMETERS else "", url)
    place, question, query = rest.partition("?")
    host, slash, database = place.partition("/")
    user, at, host = host.rpartition("@")
    parts = query.split("&")
    shown = [part for part in parts if not part or _parameter_name(part) in _SHOWN_PARAMETERS]
    if len(shown) < len(parts):
        question = "?" if shown else ""
    return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{database}{question}{'&'.join(shown)}"


def _parameter_name(part: str) -> str:
    return unquote(part.partition("=")[0])
