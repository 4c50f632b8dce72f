"""Runs the server until it is stopped."""

import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import uvicorn
from starlette.applications import Starlette

from midiprism.errors import MidiprismError
from midiprism.memory import share_freed_memory
from midiprism.search.query import Query
from midiprism.web.app import make_app, page_text
from midiprism.web.errors import AddressError
from midiprism.web.served_result import ServedResult
from midiprism.web.settings import ServerSettings
from midiprism.web.soundbank.sound_bank import SoundBank

_SECONDS_TO_END = 3
"""Requests that are being answered when the server is stopped may take so long."""


def serve(
    result: ServedResult,
    settings: ServerSettings,
    bank: SoundBank | None,
    on_start: Callable[[str], None],
) -> None:
    """Serve a result until the process is interrupted.

    Args:
        result: to serve.
        settings: of the server.
        bank: to play with; None for none.
        on_start: called with the address of the first page once requests are answered.

    Raises:
        AddressError: nothing can listen at the address.
        UsageError: there is no result.
        CatalogError: its catalog cannot be read.
    """
    share_freed_memory()
    app = make_app(result, settings, bank)
    _warm_up(app)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    with _listen(settings) as listener:
        on_start(page_address(settings, listener.getsockname()[1]))
        uvicorn.Server(config).run(sockets=[listener])


def _warm_up(app: Starlette) -> None:
    """Work out what the first page shows, before anybody waits for it; count the rest in the background."""
    with app.state.result.snapshot() as snapshot:
        app.state.searches.facets(snapshot, Query())
    page_text(app, "search")
    app.state.memory.trim()
    Thread(target=_count, args=(app,), daemon=True).start()


def _count(app: Starlette) -> None:
    with suppress(MidiprismError), app.state.result.snapshot() as snapshot:  # a request will report it
        app.state.status.read(snapshot)


def page_address(settings: ServerSettings, port: int) -> str:
    """Return the address of the first page, with the token where reading needs it."""
    host = "127.0.0.1" if settings.host in ("", "localhost") else settings.host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - every address: the name leads there from other machines
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + ("" if settings.is_local else f"?token={settings.token}")


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":  # where it would let another program take the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise AddressError(settings.host, settings.port, error.strerror or str(error)) from error
    return listener
