"""Responses in JSON, also of text that no encoding takes, and of errors."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from midiprism.errors import MidiprismError
from midiprism.search.errors import QueryError
from midiprism.web.errors import status_code


class JsonResponse(Response):
    """A response in JSON. Names of files may have bytes that are no text, so all but ASCII is escaped."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes of the response."""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def error_content(
    message: str, hint: str | None = None, start: int | None = None, end: int | None = None
) -> dict[str, Any]:
    """Return an error in JSON; ``start`` and ``end`` are its place in the query."""
    return {"error": {"message": message, "hint": hint, "start": start, "end": end}}


async def handle_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Return the response for one of our errors."""
    assert isinstance(error, MidiprismError)
    if isinstance(error, QueryError):
        return JsonResponse(error_content(str(error), None, error.start, error.end), 400)
    return JsonResponse(error_content(str(error)), status_code(error))
