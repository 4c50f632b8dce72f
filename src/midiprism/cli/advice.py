"""Turn typed errors into a sentence that says what to do on the command line."""

from functools import singledispatch

from midiprism.errors import MidiprismError
from midiprism.metrics.errors import MetricsServerError


@singledispatch
def explain(error: MidiprismError) -> str:
    """Return the message for an error: what happened and, where something helps, which option or command."""
    return str(error)


@explain.register
def _(error: MetricsServerError) -> str:
    return (
        f"Metrics cannot be served at {error.address}, port {error.port}: {error.reason}. "
        "Choose another --metrics-port."
    )
