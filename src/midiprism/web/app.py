"""The application: its routes, its pages, and the rules for requests."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from midiprism.errors import MidiprismError
from midiprism.web.api import search, tracks
from midiprism.web.json_response import JsonResponse, error_content, handle_error
from midiprism.web.security import SecurityHeaders, TokenGuard, content_security_policy
from midiprism.web.served_result import ServedResult
from midiprism.web.settings import ServerSettings
from midiprism.web.thumbnails import Thumbnails

_FOLDER = Path(__file__).parent

PAGES = (
    ("/", "search"),
    ("/tracks/{id}", "track"),
    ("/songs/{id}", "song"),
    ("/collections", "collections"),
    ("/library", "library"),
    ("/runs", "runs"),
    ("/runs/{id}", "run"),
)
"""Addresses of pages, with the names of their templates."""


def make_app(result: ServedResult, settings: ServerSettings) -> Starlette:
    """Return the application that serves a result.

    Args:
        result: to serve.
        settings: of the server.
    """
    routes = [
        Route("/api/search", search.search),
        Route("/api/tracks/{digest}.mid", tracks.file),
        Route("/api/tracks/{digest}/notes", tracks.notes),
        Route("/api/tracks/{digest}", tracks.track),
        Route("/api/thumbnails", tracks.thumbnails),
        *(Route(path, _page(name)) for path, name in PAGES),
        Mount("/static", StaticFiles(directory=_FOLDER / "static", check_dir=False)),
    ]
    middleware = [
        Middleware(SecurityHeaders, policy=content_security_policy(needs_wasm=False)),
        Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts, www_redirect=False),
        Middleware(TokenGuard, token=settings.token, guards_reading=not settings.is_local),
        Middleware(GZipMiddleware, minimum_size=2_000, compresslevel=3),
    ]
    app = Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={MidiprismError: handle_error, HTTPException: _handle_http_error},
    )
    app.state.result = result
    app.state.settings = settings
    app.state.thumbnails = Thumbnails(result)
    app.state.templates = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"), autoescape=select_autoescape(default=True)
    )
    return app


def _page(name: str) -> Callable[[Request], HTMLResponse]:
    """Return the function that answers with the shell of a page."""

    def show(request: Request) -> HTMLResponse:
        template = request.app.state.templates.get_template(f"{name}.html")
        text = template.render(
            page=name,
            token=request.app.state.settings.token,
            item=request.path_params.get("id", ""),
            library=Path(request.app.state.result.folder).name,
        )
        return HTMLResponse(text)

    return show


async def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):
        return JsonResponse(error_content(error.detail), error.status_code)
    return HTMLResponse(f"<!doctype html><title>{error.status_code}</title><p>Not found.", error.status_code)
