"""The parameters of requests."""

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
