"""The parameters of requests."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from midiprism.errors import UsageError
from midiprism.web.errors import NotFoundError
from midiprism.web.served_result import ServedResult

_DIGEST_DIGITS = 64
MAX_ID = (1 << 63) - 1


def served(request: Request) -> ServedResult:
    """Return the result that the server of a request serves."""
    result: ServedResult = request.app.state.result
    return result


def whole_number(request: Request, name: str, default: int, most: int) -> int:
    """Return a parameter that is a whole number from 0 on.

    Raises:
        UsageError: it is none, or too large.
    """
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise UsageError(f"{name} must be a whole number from 0 to {most}.")
    return int(text)


def digest_in_path(request: Request) -> bytes:
    """Return the digest of a track that the path of a request names.

    Raises:
        NotFoundError: it names none.
    """
    return parse_digest(request.path_params["digest"])


def parse_digest(text: str) -> bytes:
    """Return a digest that is written in hex.

    Raises:
        NotFoundError: it is none.
    """
    if len(text) != _DIGEST_DIGITS or not {*text} <= set("0123456789abcdef"):
        raise NotFoundError("A track is named by the 64 hex digits of its digest.")
    return bytes.fromhex(text)


def number_in_path(request: Request, name: str) -> int:
    """Return a number that the path of a request names.

    Raises:
        NotFoundError: it names none.
    """
    text = request.path_params[name]
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_ID):
        raise NotFoundError("There is nothing of that number.")
    return int(text)


def json_object(request: Request) -> dict[str, Any]:
    """Return the body of a request, a JSON object, which a middleware has read.

    Raises:
        UsageError: it is none.
    """
    try:
        content = json.loads(request.state.body or b"{}")
    except ValueError as error:
        raise UsageError("The body of the request must be a JSON object.") from error
    if not isinstance(content, dict):
        raise UsageError("The body of the request must be a JSON object.")
    return content


def text_value(content: Mapping[str, Any], name: str, most: int) -> str:
    """Return a text of a JSON object.

    Raises:
        UsageError: it is missing, empty or too long.
    """
    value = content.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise UsageError(f"{name} must be a text of 1 to {most} characters.")
    return value
