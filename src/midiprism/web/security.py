"""Rules for requests: who may ask, who may change something, and what a page may load."""

import secrets
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from midiprism.web.json_response import JsonResponse, error_content

TOKEN_HEADER = "X-Midiprism-Token"  # noqa: S105 - the name of a header
TOKEN_PARAMETER = "token"  # noqa: S105 - the name of a parameter
COOKIE = "midiprism-token"
_READING = ("GET", "HEAD", "OPTIONS")


def content_security_policy(*, has_bank: bool) -> str:
    """Return the policy of pages: everything comes from this server, and no script is written into a page.

    Args:
        has_bank: whether a sound bank is played: its synthesizer is ready only once it has WebAssembly.
    """
    scripts = "script-src 'self' 'wasm-unsafe-eval'; " if has_bank else ""
    return (
        f"default-src 'self'; {scripts}object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


class SecurityHeaders:
    """Adds the headers that bind pages to this server.

    Args:
        app: that answers.
        policy: see ``content_security_policy``.
    """

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                # Files of pages are kept, and asked for again only if they have changed.
                kept = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if kept else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class TokenGuard:
    """Refuses changes without the token or from other pages, and strangers where the network can reach it.

    Args:
        app: that answers.
        token: of this start.
        guards_reading: whether reading needs the token too.
    """

    def __init__(self, app: ASGIApp, token: str, *, guards_reading: bool) -> None:
        self._app = app
        self._token = token
        self._guards_reading = guards_reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] not in _READING:
            problem = self._problem_of_change(scope, headers)
            if problem is not None:
                await JsonResponse(error_content(problem), 403)(scope, receive, send)
                return
        elif self._guards_reading and not self._may_read(headers):
            await self._let_in(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _problem_of_change(self, scope: Scope, headers: Headers) -> str | None:
        if not self._is_token(headers.get(TOKEN_HEADER, "")):
            return f"A change needs the token of this start in the header {TOKEN_HEADER}: reload the page."
        if headers.get("origin") != f"{scope['scheme']}://{headers.get('host')}":
            return "A change must come from a page of this server."
        return None

    def _may_read(self, headers: Headers) -> bool:
        cookie = SimpleCookie()
        try:
            cookie.load(headers.get("cookie", ""))
        except Exception:  # noqa: BLE001 - a broken cookie is none
            return False
        in_cookie = cookie[COOKIE].value if COOKIE in cookie else ""
        return self._is_token(headers.get(TOKEN_HEADER, "")) or self._is_token(in_cookie)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a browser in that brings the token in its address, which it keeps in a cookie from then on."""
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if not self._is_token(dict(parameters).get(TOKEN_PARAMETER, "")):
            message = "Open the address that the server printed: it has the token of this start."
            await JsonResponse(error_content(message), 403)(scope, receive, send)
            return
        rest = urlencode([(name, value) for name, value in parameters if name != TOKEN_PARAMETER])
        # One slash only: two would lead to another host.
        path = "/" + scope["path"].lstrip("/\\")
        response = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict", path="/")
        await response(scope, receive, send)

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode("utf-8", "surrogatepass"), self._token.encode())
