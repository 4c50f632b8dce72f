"""The application: its routes, its pages, and the rules for requests."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from logging import getLogger
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus

from anyio.to_thread import current_default_thread_limiter
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
from midiprism.memory import MemoryTrimmer
from midiprism.web.api.search import first_tracks
from midiprism.web.file_manager import show_file
from midiprism.web.fingerprint_update import FingerprintUpdate
from midiprism.web.json_response import JsonResponse, error_content, handle_error
from midiprism.web.live_status import LiveStatus
from midiprism.web.openapi import openapi_document
from midiprism.web.page_files import STATIC, STYLE, PageFile, PageFiles
from midiprism.web.recent_searches import RecentSearches
from midiprism.web.routes import API_ROUTES, api_routes
from midiprism.web.security import SecurityHeaders, TokenGuard, content_security_policy
from midiprism.web.served_result import ServedResult
from midiprism.web.settings import ServerSettings
from midiprism.web.soundbank.sound_bank import SoundBank
from midiprism.web.thumbnails import Thumbnails

_FOLDER = Path(__file__).parent
_THREADS = 6
_THEMES = ("light", "dark")
THEME_COOKIE = "midiprism-theme"
_logger = getLogger("midiprism")

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


class FirstSearch(NamedTuple):
    """What the search page shows first.

    Attributes:
        address: that the page asks first, which a browser is to get early; empty for none.
        answer: what the page is to have at once, in JSON; empty for none.
    """

    address: str = ""
    answer: bytes = b""


_NO_SEARCH = FirstSearch()


def make_app(result: ServedResult, settings: ServerSettings, bank: SoundBank | None = None) -> Starlette:
    """Return the application that serves a result.

    Args:
        result: to serve.
        settings: of the server.
        bank: to play with; None to let the page make the sounds.
    """
    routes = [
        Route("/api/openapi.json", _describe),
        *api_routes(),
        *(Route(path, _page(name)) for path, name in PAGES),
        Route("/files/{name}", _file),
        Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
    ]
    middleware = [
        Middleware(
            SecurityHeaders,
            policy=content_security_policy(has_bank=bank is not None),
        ),
        Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts, www_redirect=False),
        Middleware(TokenGuard, token=settings.token, guards_reading=not settings.is_local),
        Middleware(GZipMiddleware, minimum_size=2_000, compresslevel=3),
    ]
    app = Starlette(
        routes=routes,
        lifespan=_limit_threads,
        middleware=middleware,
        exception_handlers={MidiprismError: handle_error, HTTPException: _handle_http_error},
    )
    app.state.result = result
    app.state.settings = settings
    app.state.bank = bank
    app.state.thumbnails = Thumbnails(result)
    app.state.memory = MemoryTrimmer()
    app.state.searches = RecentSearches()
    app.state.fingerprints = FingerprintUpdate(result)
    app.state.status = LiveStatus(result)
    app.state.show_file = show_file
    app.state.page_files = PageFiles(name for _, name in PAGES)
    app.state.templates = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"), autoescape=select_autoescape(default=True)
    )
    return app


@asynccontextmanager
async def _limit_threads(app: Starlette) -> AsyncIterator[None]:
    """Let few requests run at the same time: more threads would only wait for each other."""
    current_default_thread_limiter().total_tokens = _THREADS
    yield
    app.state.fingerprints.stop()


def page_text(
    app: Starlette,
    name: str,
    item: str = "",
    *,
    theme: str = "",
    first: FirstSearch = _NO_SEARCH,
) -> str:
    """Return the shell of a page.

    Args:
        app: that serves it.
        name: of the page.
        item: what it is about, from its address.
        theme: the colors that were chosen; another text for those of the system.
        first: what it shows first, if it is the search page.
    """
    files: PageFiles = app.state.page_files
    template = app.state.templates.get_template(f"{name}.html")
    text: str = template.render(
        page=name,
        style=files.address(STYLE),
        script=files.address(f"{name}.js"),
        theme=theme if theme in _THEMES else "auto",
        first_request=first.address,
        first_answer=first.answer.decode().replace("<", r"\u003c"),  # nothing in it may end its element
        token=app.state.settings.token,
        item=item,
        library=Path(app.state.result.folder).name,
    )
    return text


def _page(name: str) -> Callable[[Request], HTMLResponse]:
    """Return the function that answers with the shell of a page."""

    def show(request: Request) -> HTMLResponse:
        first = _first_search(request) if name == "search" else _NO_SEARCH
        theme = request.cookies.get(THEME_COOKIE, "")
        item = request.path_params.get("id", "")
        return HTMLResponse(page_text(request.app, name, item, theme=theme, first=first))

    return show


def _first_search(request: Request) -> FirstSearch:
    """Return what the search page shows first: the answer, or the address that the browser gets it from.

    All tracks are found at once if the index is at hand. Refreshing it, and other queries, may take as long
    as scripts and styles, which come meanwhile.
    """
    if not request.query_params:
        try:
            found = first_tracks(request)
            if found is not None:
                return FirstSearch(answer=bytes(found.body))
        except MidiprismError:
            pass  # the page asks for its rows, and shows what is wrong
        except Exception:
            _logger.exception("The search page comes without its first rows.")
    query = quote_plus(request.query_params.get("q", ""), safe="*-._").replace("~", "%7E")
    # In the letters in which browsers write it.
    return FirstSearch(address=f"/api/search?q={query}&offset=0&limit=50")


def _file(request: Request) -> Response:
    """Return the script or the style of pages."""
    file: PageFile | None = request.app.state.page_files.get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    is_current = request.query_params.get("v") == file.version
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable" if is_current else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, media_type=file.media_type, headers=headers)
    return Response(
        file.compressed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"}
    )


def _describe(request: Request) -> JsonResponse:  # noqa: ARG001
    return JsonResponse(openapi_document(API_ROUTES))


async def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):
        return JsonResponse(error_content(error.detail), error.status_code)
    return HTMLResponse(f"<!doctype html><title>{error.status_code}</title><p>Not found.", error.status_code)
