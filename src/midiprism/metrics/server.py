"""A small web server in a thread, which clients cannot hold up."""

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Limits of what clients may ask of a server.

    Attributes:
        clients: most connections at once. Another client takes the place of the oldest.
        seconds: longest time that a client may be silent, or not take its answer.
    """

    clients: int = 16
    seconds: float = 10.0


class LimitedServer(ThreadingMixIn, WSGIServer):
    """A server with a thread for each of a few clients.

    Args:
        address: where it listens, and the port.
        limits: of what clients may ask.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], limits: ClientLimits) -> None:
        infos = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, _, _, _, socket_address = infos[0]
        self._limits = limits
        self._clients: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        super().__init__((str(socket_address[0]), address[1]), _QuietHandler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a client, and end the oldest connection if there are too many."""
        client, address = super().get_request()
        client.settimeout(self._limits.seconds)
        with self._lock:
            while len(self._clients) >= self._limits.clients:
                oldest = next(iter(self._clients))
                del self._clients[oldest]
                _shut_down(oldest)
            self._clients[client] = None
        return client, address

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._lock:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that is gone or too slow."""


class _QuietHandler(WSGIRequestHandler):
    """Answers one request, and prints nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Log nothing."""


def start_server(
    app: WsgiApp, port: int, address: str, limits: ClientLimits | None = None
) -> tuple[LimitedServer, threading.Thread]:
    """Serve an application in a thread; return the server and its thread.

    Raises:
        OSError: nothing can be served there.
        OverflowError: there is no such port.
    """
    server = LimitedServer((address, port), limits or ClientLimits())
    server.set_app(app)
    thread = threading.Thread(target=server.serve_forever, name="midiprism-metrics", daemon=True)
    thread.start()
    return server, thread


def _shut_down(client: socket.socket) -> None:
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:  # the client has gone already
        return
