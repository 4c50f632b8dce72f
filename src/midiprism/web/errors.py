"""Errors of requests, and what each of them is in HTTP."""

from midiprism.errors import CatalogError, MidiprismError, StoreError, UsageError


class NotFoundError(UsageError):
    """Something that a request names and that is not there."""


class ForbiddenError(UsageError):
    """A request that the rules of the server refuse."""


class AddressError(MidiprismError):
    """An address at which a server cannot listen.

    Attributes:
        host: of the address.
        port: of the address.
        reason: why not.
    """

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"Pages cannot be served at {host}, port {port}: {reason}.")
        self.host = host
        self.port = port
        self.reason = reason


class PageSourceError(MidiprismError):
    """A module of the pages that cannot be put together with others.

    Attributes:
        name: its path below the folder of scripts.
        reason: why not.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The script {name} {reason}.")
        self.name = name
        self.reason = reason


def status_code(error: MidiprismError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, ForbiddenError):
        return 403
    if isinstance(error, CatalogError | StoreError):
        return 503
    return 400
