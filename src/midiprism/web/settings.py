"""The settings of a server."""

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
DEFAULT_PORT = 8765


def is_loopback(host: str) -> bool:
    """Return whether only programs of this machine reach a server at this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _new_token() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where a server listens and what it lets in.

    Attributes:
        host: address or name at which it listens.
        port: its port; 0 for any that is free.
        token: that every change needs, and every request where the address is not loopback.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str = field(default_factory=_new_token)

    @property
    def is_local(self) -> bool:
        """True if only programs of this machine reach it."""
        return is_loopback(self.host)

    @property
    def allowed_hosts(self) -> list[str]:
        """The names by which requests may call this server."""
        names = [*LOOPBACK_NAMES, self.host]
        if not self.is_local:
            names += own_names()
        bracketed = [f"[{name}]" if ":" in name else name for name in names]
        return [*dict.fromkeys(name.lower() for name in bracketed)]


def own_names() -> list[str]:
    """Return the names and addresses of this machine."""
    import psutil

    addresses = [
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return [socket.gethostname(), *addresses]
