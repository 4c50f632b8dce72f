"""Errors of metrics."""

from midiprism.errors import UsageError


class MetricsServerError(UsageError):
    """An address and port at which metrics cannot be served.

    Attributes:
        reason: what the system says about it.
    """

    def __init__(self, address: str, port: int, reason: str) -> None:
        super().__init__(address, port, reason)
        self.address = address
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        where = f"{self.address}, port {self.port}"
        return f"Metrics cannot be served at {where}: {self.reason}. Choose another port."
